// Finds stop strings in a text that arrives in pieces and holds back what may become one.
// The stop string that is complete first wins, so the result does not depend on where the pieces end.

export interface ScannedText {
  /** Text that is certainly not part of a stop string. */
  readonly text: string;
  /** The stop string that was met, the longest of those complete at the same character; null when none was. */
  readonly stop: string | null;
}

export class StopScanner {
  readonly #matchers: readonly Matcher[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#matchers = stops.map((stop) => new Matcher(stop));
  }

  push(piece: string): ScannedText {
    const text = this.#held + piece;
    for (let index = this.#held.length; index < text.length; index += 1) {
      let stop = '';
      for (const matcher of this.#matchers) {
        const isComplete = matcher.push(text.charCodeAt(index));
        if (isComplete && matcher.stop.length > stop.length) stop = matcher.stop;
      }
      if (stop !== '') {
        this.#held = '';
        return { text: text.slice(0, index + 1 - stop.length), stop };
      }
    }
    const heldLength = Math.max(0, ...this.#matchers.map((matcher) => matcher.matched));
    this.#held = text.slice(text.length - heldLength);
    return { text: text.slice(0, text.length - heldLength), stop: null };
  }

  /** The text is over: what was held back is no stop string after all. */
  flush(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}

/** Knuth, Morris and Pratt: how much of the stop string the text so far ends with, at constant cost a character. */
class Matcher {
  readonly stop: string;
  /** `#fallback[n]`: the longest proper prefix of the stop string that its first n characters end with. */
  readonly #fallback: readonly number[];
  matched = 0;

  constructor(stop: string) {
    this.stop = stop;
    const fallback = [0, 0];
    for (let length = 2; length <= stop.length; length += 1) {
      let candidate = fallback[length - 1] ?? 0;
      while (candidate > 0 && stop[candidate] !== stop[length - 1]) {
        candidate = fallback[candidate] ?? 0;
      }
      fallback.push(stop[candidate] === stop[length - 1] ? candidate + 1 : 0);
    }
    this.#fallback = fallback;
  }

  push(code: number): boolean {
    while (this.matched > 0 && this.stop.charCodeAt(this.matched) !== code) {
      this.matched = this.#fallback[this.matched] ?? 0;
    }
    if (this.stop.charCodeAt(this.matched) === code) this.matched += 1;
    return this.matched === this.stop.length;
  }
}
