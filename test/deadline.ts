// Every wait of a test has a deadline and says what it was waiting for. It is long: what it stands for is "never", also on a
// machine that is slow and busy.
const DEFAULT_DEADLINE_MS = 30_000;

export async function withDeadline<T>(
  label: string,
  promise: Promise<T>,
  deadlineMs = DEFAULT_DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Timed out waiting for ${label}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again until `condition` holds. */
export async function eventually(
  label: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = DEFAULT_DEADLINE_MS,
): Promise<void> {
  const until = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error(`Timed out waiting for ${label}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
