// What became of every request that was sent: nothing a server accepted may vanish without its client being told.

export type Outcome =
  /** The whole answer. */
  | 'served'
  /** An error instead of being accepted: 429, 503, or no server to connect to. */
  | 'refused'
  /** An error after it was accepted, as a status or as the last event of a stream. */
  | 'failed'
  /** The client went away itself. */
  | 'left'
  /** The connection broke: the client knows, from its socket alone. */
  | 'broken'
  /** No end within the deadline, or one that looks like a whole answer and is none. */
  | 'lost';

export const OUTCOMES: readonly Outcome[] = [
  'served',
  'refused',
  'failed',
  'left',
  'broken',
  'lost',
];

export class Ledger {
  readonly counts: Record<Outcome, number> = {
    served: 0,
    refused: 0,
    failed: 0,
    left: 0,
    broken: 0,
    lost: 0,
  };
  /** Why, for those that need a reason. */
  readonly reasons = new Map<string, number>();

  get sent(): number {
    return OUTCOMES.reduce((sum, outcome) => sum + this.counts[outcome], 0);
  }

  add(outcome: Outcome, reason: string): void {
    this.counts[outcome] += 1;
    const key = `${outcome}: ${reason}`;
    this.reasons.set(key, (this.reasons.get(key) ?? 0) + 1);
  }
}
