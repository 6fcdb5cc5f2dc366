/** What the graph scores tokens that no policy may emit, and what masks a token: the lowest float32. */
export const reservedScore = -3.4028234663852886e38;
