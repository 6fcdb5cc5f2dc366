import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readCommand, readDockerfile, readPairs } from '../../scripts/container/dockerfile.ts';

const source = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');

describe('the Dockerfile', () => {
  const stages = readDockerfile(source);
  const images = stages.filter(({ name }) => name === 'cpu' || name === 'cuda');

  it('ends with the CPU target, which is what is built when none is named', () => {
    expect(stages.at(-1)?.name).toBe('cpu');
    expect(images.map(({ name }) => name)).toEqual(['cuda', 'cpu']);
  });

  it('runs as a user by number who is not root, with a health check and labels', () => {
    for (const { instructions } of images) {
      const textOf = (name: string) => instructions.find((one) => one.name === name)?.text ?? '';
      expect(textOf('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect(readCommand(textOf('HEALTHCHECK'))).toEqual(['node', 'dist/health-check.js']);
      expect(Object.keys(readPairs(textOf('LABEL')))).toContain('org.opencontainers.image.title');
    }
  });

  it('has the server as its entry point, so that what follows the image is flags', () => {
    for (const { instructions } of images) {
      const commands = instructions.filter(({ name }) => name === 'ENTRYPOINT' || name === 'CMD');
      expect(commands.map(({ text }) => readCommand(text))).toEqual([['node', 'dist/main.js']]);
      expect(commands[0]?.name).toBe('ENTRYPOINT');
    }
  });

  it('joins continued lines and reads flags', () => {
    const [stage] = readDockerfile('FROM a AS b\n# no\nRUN x \\\n  && y\nCOPY --from=c /d e\n');
    expect(stage).toEqual({
      name: 'b',
      base: 'a',
      instructions: [
        { name: 'RUN', flags: {}, text: 'x && y' },
        { name: 'COPY', flags: { from: 'c' }, text: '/d e' },
      ],
    });
  });
});
