/** Bytes that follow each other in one buffer, handed on as one view instead of message by message. */
const NOTHING = Buffer.alloc(0);

export class Run {
  private buffer: Buffer = NOTHING;
  private start = 0;
  private end = 0;

  constructor(private readonly send: (bytes: Buffer) => void) {}

  pass(buffer: Buffer, start: number, end: number): void {
    if (buffer === this.buffer && start === this.end) {
      this.end = end;
      return;
    }
    this.flush();
    this.buffer = buffer;
    this.start = start;
    this.end = end;
  }

  /** Bytes of the sidecar's own, in order with what passed. */
  write(bytes: Buffer): void {
    this.flush();
    this.send(bytes);
  }

  flush(): void {
    if (this.end > this.start)
      this.send(this.start === 0 && this.end === this.buffer.length ? this.buffer : this.buffer.subarray(this.start, this.end));
    this.buffer = NOTHING;
    this.start = 0;
    this.end = 0;
  }
}
