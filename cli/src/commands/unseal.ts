/** `cairn unseal`: the sealed bodies of one event. */
import { Option, type Command } from 'commander';
import type { AuditEvent } from '@cairn/audit';
import type { OpenedBody } from '@cairn/ledger';
import { payloadReader } from './auditor-key.js';
import { onLedger, withLedger, type LedgerOption } from './evidence.js';

type Part = 'request' | 'response';

interface Options extends LedgerOption {
  key: string;
  part?: Part;
  raw?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  withLedger(program.command('unseal').description('the bodies that were kept of one event').argument('<event>', 'id of the event'))
    .requiredOption('--key <file>', "the auditor's private key")
    .addOption(new Option('--part <part>', 'only this body').choices(['request', 'response']))
    .addOption(new Option('--raw', 'the bytes as they passed, nothing else').conflicts('json'))
    .option('--json', "JSON Lines: the whole body, from Kubernetes' protobuf and CBOR too")
    .action(unsealEvent);
}

async function unsealEvent(id: string, options: Options): Promise<void> {
  const { untilReaderLeaves } = await import('../terminal/output.js');
  await untilReaderLeaves(() =>
    onLedger(options.ledger, async (ledger) => {
      const event = ledger.event(id)?.event;
      if (!event) throw new Error(`no event ${id} is in ${options.ledger}`);
      const reader = await payloadReader(ledger, options.key);
      let found = 0;
      for (const part of ['request', 'response'] as const) {
        if (options.part && options.part !== part) continue;
        const body = await reader.open(event, event[part]);
        if (body) await show(part, body, event, options);
        found += body ? 1 : 0;
      }
      if (found === 0) throw new Error(`event ${id} (${event.stage}) has no body that was kept: ask for the other events of its exchange`);
    }),
  );
}

async function show(part: Part, body: OpenedBody, event: AuditEvent, options: Options): Promise<void> {
  const [{ bodyJson, bodyLines }, { write }] = await Promise.all([import('../terminal/body.js'), import('../terminal/output.js')]);
  if (options.raw) {
    await write(body.bytes);
    return;
  }
  process.stderr.write(`${part}: ${body.bytes.length} bytes, ${body.type}\n`);
  if (options.json) {
    const { values, notes } = await bodyJson(body, event);
    await write(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    for (const note of notes) process.stderr.write(`${part}: ${note}\n`);
    return;
  }
  await write(`${(await bodyLines(body, event, { unmask: true, part })).join('\n')}\n`);
}
