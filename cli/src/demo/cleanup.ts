/** Ends what was started, in reverse order, exactly once: after success, after a failure and on Ctrl-C. */
type Undo = () => Promise<unknown> | void;

export class Cleanup {
  readonly #undos: Undo[] = [];
  #running: Promise<void> | undefined;

  defer(undo: Undo): void {
    this.#undos.push(undo);
  }

  /** Never rejects: one part that fails to stop does not keep the others. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    for (let undo = this.#undos.pop(); undo; undo = this.#undos.pop()) {
      try {
        await undo();
      } catch (error) {
        process.stderr.write(`cairn demo: while cleaning up: ${(error as Error).message}\n`);
      }
    }
  }
}
