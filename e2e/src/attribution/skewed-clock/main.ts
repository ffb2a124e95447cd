/**
 * Loaded before a program (`node --import`): its wall clock is off by CAIRN_TEST_CLOCK_OFF_MS. Time namespaces of Linux move the
 * monotonic clocks alone, so this is as near to a node with a wrong clock as a test gets without setting the machine's.
 */
const off = Number(process.env['CAIRN_TEST_CLOCK_OFF_MS']);
const RightDate = Date;

class SkewedDate extends RightDate {
  constructor(...given: []) {
    super(...((given.length === 0 ? [RightDate.now() + off] : given) as [number]));
  }

  static override now(): number {
    return RightDate.now() + off;
  }
}

globalThis.Date = SkewedDate as unknown as DateConstructor;

export {};
