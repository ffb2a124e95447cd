/** `cairn verify`: is the evidence as it was written (integrity), and how much of it is there (coverage)? */
import type { Command } from 'commander';
import type { CertificateTrust, WitnessEntry } from '@cairn/audit';

interface Options {
  trust?: string;
  witness?: string;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('verify')
    .description('exits 0 where the evidence holds, 1 where it does not, 2 where it cannot be read')
    .argument('<source>', 'a ledger folder, a spool folder, an exported file (- is standard input), or kafka://host:port/topic')
    .option(
      '--witness <source>',
      'witness.jsonl, AuditStream objects (kubectl get auditstreams -A -o json) or their URL; default: witness.jsonl of a ledger folder',
    )
    .option(
      '--trust <file>',
      'issuer and keys whose stream certificates count; default: trust.json of a ledger folder, or the header of an export',
    )
    .option('--json', 'the report as one JSON object')
    .action(verify);
}

async function verify(source: string, options: Options): Promise<void> {
  const [{ verifySource }, { readWitnessSource }, { reportText }, { readTrust }, { styleFor }, { Progress }, { untilReaderLeaves, write }] =
    await Promise.all([
      import('../terminal/evidence-source.js'),
      import('../terminal/witness-source.js'),
      import('../terminal/report.js'),
      import('@cairn/ledger'),
      import('../terminal/style.js'),
      import('../terminal/progress.js'),
      import('../terminal/output.js'),
    ]);
  const trust: CertificateTrust | undefined = options.trust === undefined ? undefined : readTrust(options.trust);
  const witness: WitnessEntry[] | undefined = options.witness === undefined ? undefined : await readWitnessSource(options.witness);
  const progress = new Progress('records verified');
  const report = await verifySource(source, { trust, witness, onProgress: (records) => progress.at(records) });
  progress.done();
  process.exitCode = report.integrity.held ? 0 : 1;
  await untilReaderLeaves(() => write(options.json ? `${JSON.stringify(report)}\n` : reportText(report, styleFor(process.stdout))));
}
