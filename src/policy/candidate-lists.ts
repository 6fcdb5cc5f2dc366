// The best tokens of each position of a run, listed where its scores lie when somebody first asks: all that truncation
// keeps, mostly, and the alternatives that requests ask for.
import { graphBytes } from '../onnx/graph-bytes.ts';
import { parseNodes } from '../onnx/graph-text.ts';
import type { Memory } from '../onnx/tensor.ts';
import { Candidates } from './candidates.ts';
import { PositionGraph } from './position-graph.ts';
import type { StepOutputs } from './step-outputs.ts';

/** In no order. 6 is int32. */
const nodes = `
  best_scores, best = TopK <axis = 1, sorted = 0> (scores, count)
  best_behavior_logprobs = GatherElements <axis = 1> (behavior_logprobs, best)
  best_value_probs = GatherElements <axis = 1> (value_probs, best)
  ids = Cast <to = 6> (best)
  said = Concat <axis = 1> (best_scores, best_behavior_logprobs, best_value_probs)
`;

export class CandidateLists {
  readonly #graph: PositionGraph;
  readonly #count: number;
  readonly #isWholeVocabulary: boolean;
  readonly #ids: Int32Array;
  readonly #said: Float32Array;
  readonly #known = new Map<number, Candidates>();
  #scored = 0;
  #hostBytes = 0;

  /** Lists so many for each position, or the whole vocabulary. */
  constructor(memory: Memory, host: Memory, outputs: StepOutputs, most: number) {
    const count = Math.min(most, outputs.vocabularySize);
    const columns = { ids: count, said: 3 * count };
    this.#graph = new PositionGraph(memory, host, listingGraph(count), outputs, columns);
    this.#count = count;
    this.#isWholeVocabulary = count === outputs.vocabularySize;
    this.#ids = new Int32Array(this.#graph.hostBuffer('ids'));
    this.#said = new Float32Array(this.#graph.hostBuffer('said'));
  }

  /** Bytes that came from the device for the run at hand. */
  get hostBytes(): number {
    return this.#hostBytes;
  }

  /** A run has written so many positions. */
  refresh(scored: number): void {
    this.#known.clear();
    this.#scored = scored;
    this.#hostBytes = 0;
  }

  at(position: number): Candidates {
    if (this.#hostBytes === 0) {
      this.#graph.run(this.#scored);
      this.#hostBytes = this.#scored * this.#graph.positionBytes;
    }
    const known = this.#known.get(position) ?? this.#read(position);
    this.#known.set(position, known);
    return known;
  }

  /** Those of a position where somebody has asked for them. */
  known(position: number): Candidates | undefined {
    return this.#known.get(position);
  }

  release(): void {
    this.#graph.release();
  }

  #read(position: number): Candidates {
    const count = this.#count;
    const part = (index: number): Float32Array => {
      const start = (3 * position + index) * count;
      return this.#said.subarray(start, start + count);
    };
    const listed = {
      ids: this.#ids.subarray(position * count, (position + 1) * count),
      scores: part(0),
      behaviorLogprobs: part(1),
      valueProbs: part(2),
    };
    return new Candidates(listed, this.#isWholeVocabulary);
  }
}

function listingGraph(count: number): Uint8Array {
  return graphBytes({
    name: 'candidates',
    inputs: { scores: 'float32', behavior_logprobs: 'float32', value_probs: 'float32' },
    outputs: { ids: 'int32', said: 'float32' },
    constants: { count: { type: 'int64', shape: [1], values: [count] } },
    nodes: parseNodes(nodes),
  });
}
