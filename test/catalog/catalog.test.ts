// Which policies are loaded when: a catalog around engines that tests write down.
import { describe, expect, it } from 'vitest';
import { Catalog, type CatalogOptions } from '../../src/catalog/catalog.ts';
import type { Lease } from '../../src/catalog/resident.ts';
import type { ServedPolicy } from '../../src/catalog/served-policy.ts';
import { createConstraints } from '../../src/constraint/client.ts';
import type { PolicyDescription } from '../../src/engine/describe-policy.ts';
import { ServerError } from '../../src/errors.ts';
import { createChat } from '../../src/generation/chat.ts';
import { createGenerator } from '../../src/generation/generator.ts';
import { createScorer } from '../../src/generation/scorer.ts';
import { withDeadline } from '../deadline.ts';
import { FORMAT_LIMITS, TEMPLATE_LIMITS } from '../generation/limits.ts';
import { wordTokenizer } from '../generation/tokenizers.ts';
import { scriptedEngine } from '../http/scripted-engine.ts';
import { metricsOf } from '../metrics/metrics-of.ts';

const tokenizer = wordTokenizer();
const { engine: template } = scriptedEngine(tokenizer, []);
const observer = metricsOf(template).of('tiny');
const unconstrained = createConstraints({
  vocabulary: null,
  compileTimeoutMs: 1000,
  queueLimit: 1,
  onChange: () => {},
});

function description(id: string): PolicyDescription {
  const manifest = { ...template.manifest, id };
  return { folder: id, manifest, maxLength: 64, memoryBytes: 100 };
}

interface World {
  readonly catalog: Catalog;
  /** What happened, in order. */
  readonly events: string[];
  acquire(name: string): Promise<Lease>;
}

/** `load` is called for every policy that is loaded; throwing makes that fail. */
function world(
  names: string[],
  options: Partial<CatalogOptions> = {},
  load: (id: string) => void | Promise<void> = () => {},
): World {
  const events: string[] = [];
  const open = async ({ manifest }: PolicyDescription): Promise<ServedPolicy> => {
    await load(manifest.id);
    const { engine } = scriptedEngine(tokenizer, []);
    const own = {
      ...engine,
      manifest,
      close: async () => void events.push(`${manifest.id} closed`),
    };
    const generator = createGenerator(own, tokenizer, observer, unconstrained, FORMAT_LIMITS);
    const chat = {
      template: null,
      toolParser: 'none',
      stopStrings: [],
      maxPromptChars: 1,
      maxLength: 64,
      templateLimits: TEMPLATE_LIMITS,
      formatLimits: FORMAT_LIMITS,
    } as const;
    return {
      engine: own,
      tokenizer,
      generator,
      scorer: createScorer(own, tokenizer, observer),
      chat: createChat(generator, tokenizer, chat),
      close: own.close,
    };
  };
  const catalog = new Catalog({
    policies: names.map(description),
    aliases: [],
    memoryBudgetBytes: null,
    queueLimit: 10,
    open,
    describe: description,
    onChange: ({ manifest: { id } }, change) =>
      events.push(`${id} ${change instanceof Error ? 'failed' : change}`),
    ...options,
  });
  const acquire = (name: string) =>
    withDeadline(`${name}`, catalog.acquire(name, new AbortController().signal));
  return { catalog, events, acquire };
}

function states(catalog: Catalog): Record<string, string> {
  return Object.fromEntries(catalog.list().map(({ name, state }) => [name, state]));
}

describe('a catalog', () => {
  it('loads the first policy at start and another when it is asked for, once for all who wait', async () => {
    const { catalog, events, acquire } = world(['a', 'b']);
    expect(catalog.isHealthy).toBeNull();
    await catalog.start();
    expect(catalog.isHealthy).toBe(true);
    expect(states(catalog)).toEqual({ a: 'loaded', b: 'unloaded' });
    const leases = await Promise.all([acquire('b'), acquire('b'), acquire('b')]);
    expect(leases.map(({ policy }) => policy.engine.manifest.id)).toEqual(['b', 'b', 'b']);
    expect(events).toEqual(['a loaded', 'b loaded']);
  });

  it('knows a policy by its aliases and names all it has when asked for another', async () => {
    const { catalog, acquire } = world(['a'], { aliases: [['gpt', 'a']] });
    expect((await acquire('gpt')).policy.engine.manifest.id).toBe('a');
    expect(catalog.find('gpt')).toMatchObject({ name: 'gpt', state: 'loaded' });
    await expect(acquire('b')).rejects.toMatchObject({
      code: 'model_not_found',
      message: 'There is no model "b"; this server has "a", "gpt".',
    });
  });

  it('unloads what was not used for longest where the memory for another is missing', async () => {
    const { catalog, events, acquire } = world(['a', 'b', 'c'], { memoryBudgetBytes: 200 });
    for (const name of ['a', 'b', 'a', 'c']) (await acquire(name)).release();
    expect(events).toEqual(['a loaded', 'b loaded', 'b closed', 'b unloaded', 'c loaded']);
    expect(states(catalog)).toEqual({ a: 'loaded', b: 'unloaded', c: 'loaded' });
  });

  it('never unloads a policy that is in use, and does not let new requests keep it in use', async () => {
    const { events, acquire } = world(['a', 'b'], { memoryBudgetBytes: 100 });
    const first = await acquire('a');
    const other = acquire('b');
    await new Promise((resolve) => setImmediate(resolve));
    const late = acquire('a');
    expect(events).toEqual(['a loaded']);
    first.release();
    (await other).release();
    (await late).release();
    const swap = ['a closed', 'a unloaded', 'b loaded', 'b closed', 'b unloaded', 'a loaded'];
    expect(events).toEqual(['a loaded', ...swap]);
  });

  it('puts a new policy in place of the old one, which finishes what it has begun', async () => {
    const { catalog, events, acquire } = world(['a', 'b']);
    const before = await acquire('a');
    await withDeadline('the reload', catalog.reload());
    const after = await acquire('a');
    expect(after.policy).not.toBe(before.policy);
    expect(events).toEqual(['a loaded', 'a reloaded']);
    before.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(events).toEqual(['a loaded', 'a reloaded', 'a closed']);
  });

  it('keeps the old policy where the new one cannot be loaded, and says why', async () => {
    let isBroken = false;
    const { catalog, acquire } = world(['a'], {}, () => {
      if (isBroken) throw new Error('step.onnx is not what policy.json says.');
    });
    const { policy } = await acquire('a');
    isBroken = true;
    await expect(catalog.reload()).rejects.toThrow('step.onnx is not what policy.json says.');
    expect((await acquire('a')).policy).toBe(policy);
  });

  it('reloads once for all who ask while a reload runs', async () => {
    const { catalog, events } = world(['a']);
    await catalog.start();
    const reloads = [catalog.reload(), catalog.reload()];
    await Promise.resolve();
    reloads.push(catalog.reload(), catalog.reload(), catalog.reload());
    await withDeadline('the reloads', Promise.all(reloads));
    expect(events.filter((event) => event === 'a reloaded')).toHaveLength(2);
  });

  it('refuses to reload a folder that holds another policy now', async () => {
    const { catalog } = world(['a'], { describe: (folder) => ({ ...description('z'), folder }) });
    await catalog.start();
    await expect(catalog.reload()).rejects.toThrow(
      'a has "z" now, and "a" is what clients ask for.',
    );
  });

  it('tells those who wait that a policy cannot be loaded, and does not try at every request', async () => {
    let attempts = 0;
    const { catalog, acquire } = world(['a', 'b'], {}, (id) => {
      if (id !== 'b') return;
      attempts += 1;
      throw new Error('secret');
    });
    for (const wait of [acquire('b'), acquire('b')]) {
      await expect(wait).rejects.toMatchObject({ code: 'model_unavailable' });
    }
    await expect(acquire('b')).rejects.not.toThrow('secret');
    expect(attempts).toBe(1);
    expect(states(catalog).b).toBe('failed');
  });

  it('bounds how many wait for a policy, and lets one leave that has waited enough', async () => {
    let finish = () => {};
    const loading = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { catalog } = world(['a'], { queueLimit: 1 }, () => loading);
    const leaving = new AbortController();
    const left = catalog.acquire('a', leaving.signal);
    const second = catalog.acquire('a', new AbortController().signal);
    await expect(second).rejects.toMatchObject({ code: 'queue_full' });
    leaving.abort(new ServerError('deadline_exceeded', 'gone'));
    await expect(left).rejects.toThrow('gone');
    finish();
    await withDeadline('the load', catalog.start());
  });

  it.each([
    [{ aliases: [['a', 'b']] }, 'Two policies would be called "a".'],
    [{ aliases: [['x', 'z']] }, 'There is no model "z"; this server has "a", "b".'],
    [{ memoryBudgetBytes: 99 }, 'a takes 100 bytes of weights and KV cache'],
  ] as const)('refuses at once what could never work: %j', (options, message) => {
    expect(() => world(['a', 'b'], options)).toThrow(message);
  });

  it('closes every engine', async () => {
    const { catalog, events, acquire } = world(['a', 'b']);
    await Promise.all([acquire('a'), acquire('b')]);
    await withDeadline('the end', catalog.close());
    expect(events.slice(2).toSorted()).toEqual(['a closed', 'b closed']);
  });

  it('tells what each policy has, loaded or not', async () => {
    const { catalog, acquire } = world(['a', 'b']);
    await catalog.start();
    const slots = () => catalog.loads.map(({ model, slots }) => [model, slots]);
    expect(slots()).toEqual([
      ['a', 4],
      ['b', 0],
    ]);
    const { release } = await acquire('a');
    await catalog.reload();
    // The old one finishes what it has begun beside the new one.
    expect(slots()[0]).toEqual(['a', 8]);
    release();
    await withDeadline(
      'the old one to go',
      (async () => {
        while (catalog.loads[0]?.slots !== 4) await new Promise(setImmediate);
      })(),
    );
  });
});
