// Sets of characters, as ascending ranges of code points that neither touch nor overlap.

export type Range = readonly [first: number, last: number];

export type CharacterSet = readonly Range[];

const MAX_CODE_POINT = 0x10ffff;

/** Of ranges in any order, which may overlap. */
export function characters(...ranges: Range[]): CharacterSet {
  return union(ranges);
}

export function union(ranges: readonly Range[]): CharacterSet {
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

export function allBut(set: CharacterSet): CharacterSet {
  const rest: [number, number][] = [];
  let next = 0;
  for (const [first, last] of set) {
    if (first > next) rest.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= MAX_CODE_POINT) rest.push([next, MAX_CODE_POINT]);
  return rest;
}

export function without(set: CharacterSet, removed: CharacterSet): CharacterSet {
  return allBut(union([...allBut(set), ...removed]));
}

export function has(set: CharacterSet, codePoint: number): boolean {
  return set.some(([first, last]) => first <= codePoint && codePoint <= last);
}
