/** What is going on, on stderr: stdout is for results. */
export function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}
