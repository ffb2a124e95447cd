/** A remote command's streams over SPDY/3.1: the agent opens one for each, and says of what type it is. */
import { Collected, CommandError, type CommandEvents, type Direction } from './command.js';
import { MAX_COMMAND_STREAMS } from './limits.js';
import { type SpdyPiece, SpdyReader } from './spdy.js';

const TYPES = ['error', 'stdin', 'stdout', 'stderr', 'resize'] as const;
type StreamType = (typeof TYPES)[number];

const NEWLINE = 0x0a;
const CLOSING_BRACE = 0x7d;

export function spdyCommand(events: CommandEvents): { agent: Direction; target: Direction } {
  const streams = new Map<number, StreamType>();
  return { agent: new AgentStreams(streams, events), target: new TargetStreams(streams, events) };
}

class AgentStreams implements Direction {
  readonly #reader = new SpdyReader();
  readonly #resize = new Collected();

  constructor(
    private readonly streams: Map<number, StreamType>,
    private readonly events: CommandEvents,
  ) {}

  read(chunk: Buffer): void {
    for (const piece of this.#reader.read(chunk)) {
      if (piece.kind === 'opened') this.#opened(piece);
      else this.#data(typeOf(this.streams, piece.stream), piece.bytes);
    }
  }

  #opened({ stream, headers }: Extract<SpdyPiece, { kind: 'opened' }>): void {
    const type = TYPES.find((each) => each === headers.get('streamtype'));
    if (!type) throw new CommandError('a stream opens that no remote command has');
    if (this.streams.size >= MAX_COMMAND_STREAMS) throw new CommandError(`more than ${MAX_COMMAND_STREAMS} streams open`);
    this.streams.set(stream, type);
  }

  #data(type: StreamType, bytes: Buffer): void {
    if (type === 'stdin' && bytes.length > 0) this.events.data('i', bytes);
    if (type === 'resize') this.#resized(bytes);
  }

  /** One JSON value a line. */
  #resized(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const end = bytes.indexOf(NEWLINE, at);
      this.#resize.add(bytes.subarray(at, end < 0 ? bytes.length : end));
      if (end < 0) return;
      this.events.resized(this.#resize.take());
      at = end + 1;
    }
  }
}

class TargetStreams implements Direction {
  readonly #reader = new SpdyReader();
  readonly #status = new Collected();

  constructor(
    private readonly streams: ReadonlyMap<number, StreamType>,
    private readonly events: CommandEvents,
  ) {}

  read(chunk: Buffer): void {
    for (const piece of this.#reader.read(chunk)) {
      if (piece.kind === 'opened') throw new CommandError('the target opens a stream');
      this.#data(typeOf(this.streams, piece.stream), piece.bytes, piece.last);
    }
  }

  #data(type: StreamType, bytes: Buffer, last: boolean): void {
    if (type === 'stdout' && bytes.length > 0) this.events.data('o', bytes);
    if (type === 'stderr' && bytes.length > 0) this.events.data('e', bytes);
    if (type === 'error') this.#told(bytes, last);
  }

  /** The status is one JSON object; kubelets mostly close the connection behind it, and not its stream. */
  #told(bytes: Buffer, last: boolean): void {
    this.#status.add(bytes);
    if (!last && bytes.at(-1) !== CLOSING_BRACE && bytes.at(-1) !== NEWLINE) return;
    const status = this.#status.take();
    if (last || isJson(status)) this.events.exited(status);
    else this.#status.add(status);
  }
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}

function typeOf(streams: ReadonlyMap<number, StreamType>, stream: number): StreamType {
  const type = streams.get(stream);
  if (!type) throw new CommandError('a stream carries data that was not opened');
  return type;
}
