/** What went wrong and what to do about it: the demo's only error that a user should ever read. */
export class DemoError extends Error {
  constructor(
    message: string,
    /** What to do next, as a sentence. */
    readonly next: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DemoError';
  }
}
