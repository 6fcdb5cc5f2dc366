// Replays a Dockerfile's stages without an engine: each is a folder, a base image is whatever this machine has, RUN is its shell.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Instruction, readCommand, readPairs, type Stage } from './dockerfile.ts';

export interface Replayed {
  /** What would be `/` in the image. */
  readonly root: string;
  readonly workingFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
}

/** Copies what `.dockerignore` lets through; it lists what is let through, as `!path`. */
export function copyContext(project: string, target: string): void {
  const lines = readFileSync(join(project, '.dockerignore'), 'utf8').split('\n');
  for (const line of lines.filter((text) => text.startsWith('!'))) {
    const path = line.slice(1);
    if (existsSync(join(project, path))) {
      cpSync(join(project, path), join(target, path), { recursive: true });
    }
  }
}

export class Replay {
  readonly #stages: readonly Stage[];
  readonly #context: string;
  readonly #folder: string;
  readonly #done = new Map<string, Replayed>();

  constructor(stages: readonly Stage[], context: string, folder: string) {
    this.#stages = stages;
    this.#context = context;
    this.#folder = folder;
  }

  stage(name: string): Replayed {
    const known = this.#done.get(name);
    if (known) return known;
    const stage = this.#stages.find((candidate) => candidate.name === name);
    if (!stage) throw new Error(`The Dockerfile has no stage ${name}.`);
    const replayed = this.#replay(stage);
    this.#done.set(name, replayed);
    return replayed;
  }

  #replay(stage: Stage): Replayed {
    const root = join(this.#folder, stage.name);
    const from = this.#stages.some(({ name }) => name === stage.base)
      ? this.stage(stage.base)
      : null;
    mkdirSync(root, { recursive: true });
    if (from) cpSync(from.root, root, { recursive: true, verbatimSymlinks: true });
    let state: Replayed = {
      workingFolder: '/',
      environment: {},
      command: [],
      healthCheck: [],
      ...from,
      root,
    };
    for (const instruction of stage.instructions) {
      state = { ...state, ...this.#apply(state, instruction) };
    }
    return state;
  }

  #apply(state: Replayed, instruction: Instruction): Partial<Replayed> {
    const { name, text } = instruction;
    switch (name) {
      case 'WORKDIR':
        mkdirSync(join(state.root, text), { recursive: true });
        return { workingFolder: text };
      case 'ENV':
        return { environment: { ...state.environment, ...readPairs(text) } };
      case 'ENTRYPOINT':
        return { command: readCommand(text) };
      case 'HEALTHCHECK':
        return { healthCheck: readCommand(text) };
      case 'COPY':
        this.#copy(state, instruction);
        return {};
      case 'RUN':
        runShell(state, text);
        return {};
      case 'USER':
      case 'LABEL':
      case 'EXPOSE':
        return {};
      default:
        throw new Error(`${name} is no instruction that can be replayed.`);
    }
  }

  #copy(state: Replayed, { flags, text }: Instruction): void {
    const words = text.split(/\s+/);
    const target = join(state.root, state.workingFolder, words.at(-1) ?? '.');
    const root = flags.from === undefined ? this.#context : this.stage(flags.from).root;
    for (const word of words.slice(0, -1)) {
      const source = join(root, word);
      const isInto = text.endsWith('/') || (existsSync(target) && !statSync(source).isDirectory());
      const place = isInto ? join(target, basename(word)) : target;
      cpSync(source, place, { recursive: true, verbatimSymlinks: true });
    }
  }
}

function runShell(state: Replayed, text: string): void {
  const { status } = spawnSync('sh', ['-ec', text], {
    cwd: join(state.root, state.workingFolder),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error(`RUN ended with ${status}: ${text}`);
}
