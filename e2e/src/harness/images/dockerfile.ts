/** images/Dockerfile, read for what an engine-less build needs: what the last stages copy, and how their containers start. */
import { Copy, DockerfileParser, JSONInstruction, type Instruction } from 'dockerfile-ast';
import type { Start } from './archive.js';

export interface Stage {
  name: string;
  base: string;
  /** What it takes from other stages, in order. */
  copies: { stage: string; from: string; to: string }[];
  start: Start;
}

/** The stages that have a base of their own and a user: those that are images. Throws at an instruction that it does not know there. */
export function imageStages(dockerfile: string): Stage[] {
  const stages: Instruction[][] = [];
  for (const instruction of DockerfileParser.parse(dockerfile).getInstructions()) {
    if (instruction.getKeyword() === 'FROM') stages.push([]);
    stages.at(-1)?.push(instruction);
  }
  return stages.filter((each) => each.some((instruction) => instruction.getKeyword() === 'USER')).map(stageOf);
}

function stageOf(instructions: readonly Instruction[]): Stage {
  const stage: Stage = { name: '', base: '', copies: [], start: { User: '', Env: [], WorkingDir: '/', Cmd: [] } };
  for (const instruction of instructions) apply(stage, instruction);
  return stage;
}

function apply(stage: Stage, instruction: Instruction): void {
  const words = instruction.getArguments().map((argument) => argument.getValue());
  switch (instruction.getKeyword()) {
    case 'FROM':
      [stage.base = '', , stage.name = ''] = words;
      return;
    case 'COPY':
      stage.copies.push(copyOf(instruction as Copy));
      return;
    case 'WORKDIR':
      stage.start.WorkingDir = words[0]!;
      return;
    case 'USER':
      stage.start.User = words[0]!;
      return;
    case 'ENV':
      stage.start.Env.push(...words);
      return;
    case 'CMD':
      stage.start.Cmd = (instruction as JSONInstruction).getJSONStrings().map((argument) => argument.getJSONValue());
      return;
    case 'ENTRYPOINT':
      if ((instruction as JSONInstruction).getJSONStrings().length === 0) return;
      break;
  }
  throw new Error(`images/Dockerfile, stage ${stage.name}: the engine-less build does not know "${instruction.getTextContent()}"`);
}

function copyOf(instruction: Copy): Stage['copies'][number] {
  const stage = instruction.getFromFlag()?.getValue();
  const [from, to, ...more] = instruction.getArguments().map((argument) => argument.getValue());
  if (stage && from && to && more.length === 0) return { stage, from, to };
  throw new Error(`images/Dockerfile: ${instruction.getTextContent()}: only COPY --from=STAGE FROM TO is known`);
}
