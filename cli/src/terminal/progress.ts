/** A counter on standard error for whatever takes longer than two seconds; nothing on a quick run. */
const QUIET_MS = 2_000;
const INTERVAL_MS = 500;

export class Progress {
  readonly #label: string;
  readonly #started = Date.now();
  #shown = 0;
  #ever = false;

  /** `label`: what is counted, as in `events verified`. */
  constructor(label: string) {
    this.#label = label;
  }

  /** Cheap enough for every event. */
  at(count: number): void {
    if ((count & 0x3ff) !== 0) return;
    const now = Date.now();
    if (now - this.#started < QUIET_MS || now - this.#shown < INTERVAL_MS) return;
    this.#shown = now;
    this.#ever = true;
    const rate = Math.round((count * 1000) / (now - this.#started));
    const text = `${count.toLocaleString('en')} ${this.#label}, ${rate.toLocaleString('en')}/s`;
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
  }

  done(): void {
    if (this.#ever && process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }
}
