// A character of a class that comes a counted number of times, as EBNF. XGrammar makes a mask over the whole vocabulary for
// every place of a count, so that a count of hundreds takes it seconds. Here long counts are blocks of one length, all of them
// one rule, and a rest: as many places whatever the count.

const BLOCK = 16;
/** What the rest has at least: a block and a long token. */
const REST = 28;
/** Counts up to here are left to XGrammar. */
const LONGEST_PLAIN = BLOCK + REST;

export interface Counted {
  readonly expression: string;
  /** That the expression needs; equal names are equal rules. */
  readonly rules: ReadonlyMap<string, string>;
}

export interface Count {
  readonly least: number;
  /** Null is as often as wanted. */
  readonly most: number | null;
}

/** `rule` is the class's own and `place` what stands for one of its characters: the class or, again, the rule. */
export function counted(rule: string, place: string, { least, most }: Count): Counted {
  const rules = new Map<string, string>();
  const block = `${rule}_block`;
  // Ends with a rule, since XGrammar copies one that does not to wherever it is named.
  const addBlock = () => rules.set(block, `${place}{${BLOCK - 1}} ${rule}`);

  function exactly(count: number): string[] {
    if (count <= LONGEST_PLAIN) return count === 0 ? [] : [`${place}{${count}}`];
    addBlock();
    const blocks = Math.floor(count / BLOCK);
    return [...Array<string>(blocks).fill(block), ...exactly(count % BLOCK)];
  }

  function atMost(count: number): string[] {
    if (count <= LONGEST_PLAIN) return count === 0 ? [] : [`${place}{0,${count}}`];
    addBlock();
    const blocks = Math.floor((count - REST) / BLOCK);
    const rest = `${rule}_to_${count - blocks * BLOCK}`;
    rules.set(rest, `${place}{0,${count - blocks * BLOCK}}`);
    let before = rest;
    for (let index = 1; index <= blocks; index += 1) {
      const name = `${rest}_${index}`;
      rules.set(name, `${rest} | ${block} ${before}`);
      before = name;
    }
    return [before];
  }

  const rest = most === null ? [`${place}*`] : atMost(most - least);
  const parts = [...exactly(least), ...rest];
  return { expression: parts.length === 0 ? '""' : `(${parts.join(' ')})`, rules };
}
