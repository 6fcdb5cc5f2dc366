// The policies this server has: their names, which of them are loaded, and who uses them. A policy is loaded when it is
// first asked for; where the memory for another is missing, the one that was not used for longest goes.
import type { Engine } from '../engine/client.ts';
import type { PolicyDescription } from '../engine/describe-policy.ts';
import type { EngineModel } from '../engine/messages.ts';
import { ServerError } from '../errors.ts';
import type { PolicyLoad } from '../metrics/measurements.ts';
import { untilAborted } from '../until-aborted.ts';
import { type Entry, leastRecentlyUsed, newEntry, type PolicyState, stateOf } from './entry.ts';
import { type MemoryOptions, PolicyMemory } from './memory.ts';
import type { Lease } from './resident.ts';

/** How long a policy that could not be loaded is refused before it is tried again. */
const FAILURE_MS = 5000;

export interface NamedPolicy {
  readonly name: string;
  readonly description: PolicyDescription;
  readonly state: PolicyState;
  /** What its engine has, while it is loaded. */
  readonly model: EngineModel | null;
}

export interface CatalogOptions extends MemoryOptions {
  /** The first is what the server is for: loaded before it is ready, and used where a request need not name one. */
  readonly policies: readonly PolicyDescription[];
  /** Other names. */
  readonly aliases: readonly (readonly [alias: string, id: string])[];
  /** Requests that may wait for one policy to be loaded. */
  readonly queueLimit: number;
  /** Reads its folder again; throws one sentence. */
  readonly describe: (folder: string) => PolicyDescription;
  /** For the log; an error is why it could not be loaded. */
  readonly onChange: (
    description: PolicyDescription,
    change: 'loaded' | 'reloaded' | 'unloaded' | Error,
  ) => void;
}

export class Catalog {
  readonly #options: CatalogOptions;
  readonly #entries: readonly Entry[];
  readonly #names = new Map<string, Entry>();
  readonly #memory: PolicyMemory;
  /** Loads and reloads run one at a time, in the order in which they were asked for. */
  #turn: Promise<void> = Promise.resolve();
  /** The last reload that has begun, and the one that begins when it has ended. */
  #reload: Promise<void> = Promise.resolve();
  #nextReload: Promise<void> | null = null;
  #uses = 0;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#memory = new PolicyMemory(options);
    this.#entries = options.policies.map(newEntry);
    for (const entry of this.#entries) this.#name(entry.description.manifest.id, entry);
    for (const [alias, id] of options.aliases) this.#name(alias, this.#entry(id));
    for (const { description } of this.#entries) this.#memory.checkBudget(description);
  }

  /** The names a client may use, with aliases last. */
  list(): NamedPolicy[] {
    return [...this.#names.keys()].map((name) => this.find(name));
  }

  /** Throws `model_not_found` for a name that is none of them. */
  find(name: string, param?: string): NamedPolicy {
    const entry = this.#entry(name, param);
    const model = entry.resident?.policy.engine.model ?? null;
    return { name, description: entry.description, state: stateOf(entry), model };
  }

  /** Whether the first policy can be used; null before it has been loaded for the first time. */
  get isHealthy(): boolean | null {
    const [first] = this.#entries;
    if (first === undefined || first.lastUse === 0) return null;
    return first.resident?.policy.engine.healthy ?? first.failure === null;
  }

  /** What each policy has and does now, its predecessor that finishes after a reload included. */
  get loads(): PolicyLoad[] {
    return this.#entries.map(({ description: { manifest, maxLength } }) => {
      const engines = this.#memory.residents
        .map(({ policy }) => policy.engine)
        .filter((engine) => engine.manifest.id === manifest.id);
      const blockTokens = manifest.kv_cache.block_size ?? null;
      const sum = (read: (engine: Engine) => number) =>
        engines.reduce((total, engine) => total + read(engine), 0);
      return {
        model: manifest.id,
        maxLength,
        kvCacheType: manifest.kv_cache.dtype,
        slots: sum(({ model }) => model.maxSequences),
        kvCacheBytes: sum(({ model }) => model.kvCacheBytes),
        kvCacheTokens: sum(({ model: { blocks, maxSequences } }) =>
          blocks === undefined ? maxSequences * maxLength : blocks * (blockTokens ?? 0),
        ),
        blockTokens,
        waiting: sum(({ inFlight }) => inFlight.waiting),
        running: sum(({ inFlight }) => inFlight.running),
        cacheUsage: Math.max(0, ...engines.map(({ inFlight }) => inFlight.cacheUsage)),
      };
    });
  }

  /** Whether the first policy's engine has read a message sent now; false where it died or is not loaded. */
  async ping(): Promise<boolean> {
    return (await this.#entry(null).resident?.policy.engine.ping()) ?? false;
  }

  /** Gives the policy of that name, or the first for null, once it is loaded. Its lease must be released. */
  async acquire(name: string | null, signal: AbortSignal): Promise<Lease> {
    const entry = this.#entry(name, 'model');
    while (entry.resident === null || entry.isLeaving) await this.#waitFor(entry, signal);
    this.#uses += 1;
    entry.lastUse = this.#uses;
    return entry.resident.lease();
  }

  /** Loads the first policy; rejects with what kept it from that. */
  async start(): Promise<void> {
    try {
      const { release } = await this.acquire(null, new AbortController().signal);
      release();
    } catch (error) {
      throw error instanceof ServerError && error.cause !== undefined ? error.cause : error;
    }
  }

  /**
   * Loads every loaded policy from its folder again, beside the old one, which finishes what it has begun. One that
   * cannot be loaded keeps its old one; the error names all that failed. For as long as both live, they take both's memory.
   */
  reload(): Promise<void> {
    // Whoever asks while another waits asks for the same: folders are read when it begins.
    this.#nextReload ??= this.#reload.then(() => {
      this.#nextReload = null;
      const reload = this.#reloadAll();
      this.#reload = reload.catch(() => {});
      return reload;
    });
    return this.#nextReload;
  }

  /** Ends every engine, whoever still uses it. */
  close(): Promise<void> {
    return this.#memory.close();
  }

  #name(name: string, entry: Entry): void {
    if (this.#names.has(name)) throw new Error(`Two policies would be called "${name}".`);
    this.#names.set(name, entry);
  }

  #entry(name: string | null, param?: string): Entry {
    const entry = name === null ? this.#entries[0] : this.#names.get(name);
    if (entry !== undefined) return entry;
    const known = [...this.#names.keys()].map((known) => `"${known}"`).join(', ');
    throw new ServerError(
      'model_not_found',
      `There is no model ${JSON.stringify((name ?? '').slice(0, 64))}; this server has ${known}.`,
      { param },
    );
  }

  async #waitFor(entry: Entry, signal: AbortSignal): Promise<void> {
    const { queueLimit } = this.#options;
    if (entry.waiting >= queueLimit) {
      throw new ServerError(
        'queue_full',
        `${queueLimit} requests wait for this model to be loaded, and no more may.`,
      );
    }
    entry.waiting += 1;
    try {
      await untilAborted(this.#load(entry), signal);
    } finally {
      entry.waiting -= 1;
    }
  }

  #load(entry: Entry): Promise<void> {
    if (entry.loading !== null) return entry.loading;
    const loading = this.#inTurn(() => this.#settle(entry)).finally(() => {
      entry.loading = null;
    });
    // Those who wait may all have left.
    loading.catch(() => {});
    entry.loading = loading;
    return loading;
  }

  async #settle(entry: Entry): Promise<void> {
    // Its own eviction may have come before this turn, or its reload.
    if (entry.resident !== null) return;
    if (entry.failure !== null && performance.now() - entry.failure.atMs < FAILURE_MS) {
      throw entry.failure.error;
    }
    await this.#makeRoom(entry.description.memoryBytes);
    try {
      entry.resident = await this.#memory.open(entry.description);
      entry.failure = null;
      this.#options.onChange(entry.description, 'loaded');
    } catch (cause) {
      this.#options.onChange(entry.description, toError(cause));
      const message = `${entry.description.manifest.id} could not be loaded; the server's log has the cause.`;
      const error = new ServerError('model_unavailable', message, { param: 'model', cause });
      entry.failure = { error, atMs: performance.now() };
      throw error;
    }
  }

  async #reloadAll(): Promise<void> {
    const results = await Promise.allSettled(this.#entries.map((entry) => this.#renew(entry)));
    const reasons = results.flatMap((result) =>
      result.status === 'rejected' ? [toError(result.reason).message] : [],
    );
    if (reasons.length > 0) throw new Error(reasons.join(' '));
  }

  async #renew(entry: Entry): Promise<void> {
    await this.#inTurn(async () => {
      const { id } = entry.description.manifest;
      const description = this.#options.describe(entry.description.folder);
      if (description.manifest.id !== id) {
        throw new Error(
          `${description.folder} has "${description.manifest.id}" now, and "${id}" is what clients ask for.`,
        );
      }
      this.#memory.checkBudget(description);
      const old = entry.resident;
      const fresh = old === null ? null : await this.#memory.open(description);
      entry.description = description;
      entry.failure = null;
      entry.resident = fresh;
      if (old === null) return;
      this.#options.onChange(description, 'reloaded');
      void this.#memory.retire(old);
    });
  }

  async #makeRoom(bytes: number): Promise<void> {
    const memory = this.#memory;
    while (!memory.hasRoomFor(bytes)) {
      const victim = leastRecentlyUsed(this.#entries);
      if (victim === undefined) {
        // Only predecessors of reloaded policies are left, which go by themselves.
        await Promise.race(memory.residents.map((resident) => memory.retire(resident)));
        continue;
      }
      const { entry, resident } = victim;
      entry.isLeaving = true;
      await memory.retire(resident);
      entry.resident = null;
      entry.isLeaving = false;
      this.#options.onChange(entry.description, 'unloaded');
    }
  }

  /** Ends its turn a moment after `work`, so that those who waited for a policy have it before the next one wants its memory. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(work);
    const afterwards = () => new Promise<void>((resolve) => setImmediate(resolve));
    this.#turn = result.then(afterwards, afterwards);
    return result;
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
