// Finds where a JSON object ends in a text that comes in pieces, looking at each character once.

export class ObjectEnd {
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #isFound = false;

  get isFound(): boolean {
    return this.#isFound;
  }

  /** How much of the piece belongs to the object, whose brace comes first: all while it goes on, nothing behind it. */
  push(piece: string): number {
    let length = 0;
    while (!this.#isFound && length < piece.length) {
      this.#read(piece.charAt(length));
      length += 1;
    }
    return length;
  }

  #read(character: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#inString && character === '\\') this.#isEscaped = true;
    else if (character === '"') this.#inString = !this.#inString;
    else if (!this.#inString && character === '{') this.#depth += 1;
    else if (!this.#inString && character === '}') {
      this.#depth -= 1;
      this.#isFound = this.#depth === 0;
    }
  }
}
