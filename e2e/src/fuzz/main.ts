/** `make fuzz`: SECONDS (600) of cases from a random seed on; SEED=n runs that one case alone. Ends with 1 at the first failure. */
import { randomInt } from 'node:crypto';
import { described, runCase } from './run.js';

const SEEDS = 0x1_0000_0000;
const BATCH = 200;
const REPORT_SECONDS = 10;

function main(env: NodeJS.ProcessEnv): number {
  const wanted = env['SEED'];
  if (wanted !== undefined && wanted !== '') return single(Number(wanted));
  const seconds = Number(env['SECONDS'] ?? 600);
  if (!(seconds > 0)) return refuse(`SECONDS is ${env['SECONDS']}: use a number above 0`);
  return many(randomInt(SEEDS), seconds);
}

function single(seed: number): number {
  if (!Number.isInteger(seed) || seed < 0 || seed >= SEEDS) return refuse(`SEED is not a whole number below ${SEEDS}`);
  const failure = runCase(seed);
  process.stdout.write(failure ? `${described(failure)}\n` : `fuzz: case ${seed} holds\n`);
  return failure ? 1 : 0;
}

function many(first: number, seconds: number): number {
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1000;
  let [cases, told] = [0, 0];
  const tell = (): void => {
    told = elapsed();
    process.stdout.write(`fuzz: ${told.toFixed(0)} s, ${cases} cases, ${Math.round(cases / told)}/s\n`);
  };
  process.stdout.write(`fuzz: ${seconds} s from seed ${first}\n`);
  while (elapsed() < seconds) {
    for (let index = 0; index < BATCH; index++, cases++) {
      const failure = runCase((first + cases) % SEEDS);
      if (!failure) continue;
      process.stdout.write(`${described(failure)}\n`);
      return 1;
    }
    if (elapsed() - told >= REPORT_SECONDS) tell();
  }
  tell();
  return 0;
}

function refuse(sentence: string): number {
  process.stderr.write(`fuzz: ${sentence}\n`);
  return 2;
}

process.exitCode = main(process.env);
