// The policies that take memory, those included that only finish what they have begun, within a budget for all of them.
import type { PolicyDescription } from '../engine/describe-policy.ts';
import { ServerError } from '../errors.ts';
import { Resident } from './resident.ts';
import type { ServedPolicy } from './served-policy.ts';

export interface MemoryOptions {
  /** For all loaded policies together; null sets no limit. */
  readonly memoryBudgetBytes: number | null;
  /** Loads a policy; rejects with one sentence. */
  readonly open: (description: PolicyDescription) => Promise<ServedPolicy>;
}

export class PolicyMemory {
  readonly #options: MemoryOptions;
  readonly #residents = new Set<Resident>();
  #opening: Promise<unknown> = Promise.resolve();
  #isClosing = false;

  constructor(options: MemoryOptions) {
    this.#options = options;
  }

  get residents(): readonly Resident[] {
    return [...this.#residents];
  }

  /** Throws one sentence for a policy that the budget has no room for, whatever else goes. */
  checkBudget({ manifest, memoryBytes }: PolicyDescription): void {
    const { memoryBudgetBytes: budget } = this.#options;
    if (budget === null || memoryBytes <= budget) return;
    throw new Error(
      `${manifest.id} takes ${memoryBytes} bytes of weights and KV cache, and memory-budget is ${budget}.`,
    );
  }

  hasRoomFor(bytes: number): boolean {
    const used = this.residents.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    return used + bytes <= (this.#options.memoryBudgetBytes ?? Number.POSITIVE_INFINITY);
  }

  /** One at a time. */
  async open(description: PolicyDescription): Promise<Resident> {
    if (this.#isClosing) throw new ServerError('shutting_down', 'The server is shutting down.');
    const opening = this.#options.open(description);
    this.#opening = opening;
    const resident = new Resident(await opening, description.memoryBytes);
    this.#residents.add(resident);
    return resident;
  }

  /** Resolves when its last user has gone and it has been closed. */
  async retire(resident: Resident): Promise<void> {
    await resident.idle();
    await resident.policy.close();
    this.#residents.delete(resident);
  }

  /** Ends every engine, whoever still uses it. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#opening.catch(() => {});
    await Promise.all(this.residents.map(({ policy }) => policy.close()));
  }
}
