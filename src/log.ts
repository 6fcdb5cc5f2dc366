// JSON lines on standard output, one for each request. Prompts and answers never appear in them.
import { writeSync } from 'node:fs';
import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger };

const STDOUT = 1;

/** Written at once. A line that cannot be written, on a full disk say, is dropped: a log must not stop the server. */
const standardOutput: DestinationStream = {
  write(line) {
    try {
      writeSync(STDOUT, line);
    } catch {
      // Nowhere to say so.
    }
  },
};

export function createLogger(level: string, destination = standardOutput): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(options, destination);
}
