// Several streams as one, in the order things happen.

/** Ends when every source has; the first failure ends it at once. Leaving early leaves the sources early too. */
export async function* merge<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const arrived: T[] = [];
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  let open = iterators.length;
  let failure: { readonly cause: unknown } | undefined;
  let wake = () => {};

  async function read(iterator: AsyncIterator<T>): Promise<void> {
    try {
      for (let item = await iterator.next(); item.done !== true; item = await iterator.next()) {
        arrived.push(item.value);
        wake();
      }
    } catch (cause) {
      failure ??= { cause };
    }
    open -= 1;
    wake();
  }

  for (const iterator of iterators) void read(iterator);
  try {
    for (;;) {
      const item = arrived.shift();
      if (item !== undefined) yield item;
      else if (failure !== undefined) throw failure.cause;
      else if (open === 0) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    for (const iterator of iterators) void iterator.return?.();
  }
}
