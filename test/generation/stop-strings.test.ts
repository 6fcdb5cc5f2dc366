import { describe, expect, it } from 'vitest';
import { StopScanner } from '../../src/generation/stop-strings.ts';
import { seededRandom } from '../random.ts';

function scan(stops: string[], pieces: string[]): { sent: string[]; isStopped: boolean } {
  const scanner = new StopScanner(stops);
  const sent: string[] = [];
  for (const piece of pieces) {
    const { text, stop } = scanner.push(piece);
    sent.push(text);
    if (stop !== null) return { sent, isStopped: true };
  }
  sent.push(scanner.flush());
  return { sent, isStopped: false };
}

/** Looks at every prefix of the text: the first that ends with a stop string is cut by the longest such. */
function naive(stops: string[], text: string): { text: string; isStopped: boolean } {
  for (let end = 1; end <= text.length; end += 1) {
    const ending = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    if (ending.length > 0) {
      const longest = Math.max(...ending.map((stop) => stop.length));
      return { text: text.slice(0, end - longest), isStopped: true };
    }
  }
  return { text, isStopped: false };
}

describe('StopScanner', () => {
  it('cuts a stop string inside one piece', () => {
    expect(scan(['\n'], ['s ', 'e\nb '])).toEqual({ sent: ['s ', 'e'], isStopped: true });
  });

  it('holds back text that may become a stop string', () => {
    expect(scan(['END'], ['a E', 'N', 'D b'])).toEqual({ sent: ['a ', '', ''], isStopped: true });
  });

  it('gives held text out when it becomes something else', () => {
    expect(scan(['END'], ['a E', 'N', 'T'])).toEqual({
      sent: ['a ', '', 'ENT', ''],
      isStopped: false,
    });
  });

  it('gives held text out when the answer ends', () => {
    expect(scan(['END'], ['a EN'])).toEqual({ sent: ['a ', 'EN'], isStopped: false });
  });

  it('finds a stop string that overlaps its own beginning', () => {
    expect(scan(['aab'], ['a', 'a', 'a', 'b'])).toEqual({
      sent: ['', '', 'a', ''],
      isStopped: true,
    });
  });

  it('passes everything through without stop strings', () => {
    expect(scan([], ['a', 'b'])).toEqual({ sent: ['a', 'b', ''], isStopped: false });
  });

  it('agrees with looking at the whole text, wherever the pieces end', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 3000; round += 1) {
      const word = (length: number) =>
        Array.from({ length }, () => random.pick(['a', 'b', 'c'])).join('');
      const stops = Array.from({ length: 1 + random.below(4) }, () => word(1 + random.below(5)));
      const pieces = Array.from({ length: random.below(12) }, () => word(random.below(5)));
      const { sent, isStopped } = scan(stops, pieces);
      expect({ text: sent.join(''), isStopped }).toEqual(naive(stops, pieces.join('')));
    }
  });
});
