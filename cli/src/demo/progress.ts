/** Progress for people: one line a step, with the seconds since the start. */
export interface Progress {
  step(text: string): void;
  /** Text of the demo's own, without a time. */
  say(text: string): void;
  /** What a command printed. */
  raw(text: string): void;
}

export function createProgress(write: (text: string) => void): Progress {
  const began = performance.now();
  return {
    step(text) {
      const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5);
      write(`${seconds} s  ${text}\n`);
    },
    say: (text) => write(`${text}\n`),
    raw: write,
  };
}
