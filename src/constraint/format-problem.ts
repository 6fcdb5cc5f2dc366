// A schema, a regular expression or a grammar that no text can be held to: why, in words that follow its name.
export class FormatProblem extends Error {
  override readonly name = 'FormatProblem' as const;
}
