/** Which unqualified names are CTEs at a place in a statement, so that a table is never taken for one. */
export class Scope {
  private readonly names = new Set<string>();

  constructor(private readonly outer?: Scope) {}

  add(name: string): void {
    this.names.add(name);
  }

  has(name: string): boolean {
    return this.names.has(name) || (this.outer?.has(name) ?? false);
  }
}
