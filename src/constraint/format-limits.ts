// How large what texts are held to may be, before a grammar engine looks at it.

export interface FormatLimits {
  /** Schemas within schemas, groups within groups. */
  readonly maxNesting: number;
  /** Copies of a part that counted repetitions make, within each other. */
  readonly maxRepetitions: number;
}
