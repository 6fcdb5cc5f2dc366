// A server's metrics, for who watches it from outside.

/** Reads them all at one time; then gives each by its name, the sum over its labels. */
export async function scrape(url: string): Promise<(name: string) => number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return (name) => {
    const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (.*)$`, 'gm'))];
    if (values.length === 0) throw new Error(`${url}/metrics has no ${name}`);
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  };
}
