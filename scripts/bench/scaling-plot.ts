// Tokens/s against concurrency, a line for each context, both axes in doublings.

const width = 640;
const height = 400;
const margin = { left: 60, right: 130, top: 20, bottom: 45 };
const colors = ['#1b6ca8', '#d1495b', '#3a7d44', '#8d6a9f', '#c77d11'];

/** `speeds[c][l]` is that of context c at level l; null where it was not measured. */
export function drawScaling(
  contexts: readonly number[],
  levels: readonly number[],
  speeds: readonly (readonly (number | null)[])[],
): string {
  const known = speeds.flat().filter((speed) => speed !== null);
  const bottom = 2 ** Math.floor(Math.log2(Math.min(...known)));
  const top = 2 ** Math.ceil(Math.log2(Math.max(...known)));
  const x = scale(levels, margin.left, width - margin.right);
  const y = scale([bottom, top], height - margin.bottom, margin.top);
  const lines = contexts.map((context, index) => {
    const points = levels.flatMap((level, column) => {
      const speed = speeds[index]?.[column] ?? null;
      return speed === null ? [] : [{ x: x(level), y: y(speed) }];
    });
    return line(points, `${context} tokens`, colors[index % colors.length] ?? 'black');
  });
  const grid = doublings(bottom, top).map((speed) => horizontal(y(speed), String(speed)));
  const ticks = levels.map((level) => text(x(level), height - 25, String(level), 'middle'));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...grid,
    ...ticks,
    text((margin.left + width - margin.right) / 2, height - 6, 'answers at once', 'middle'),
    text(6, 14, 'tokens/s', 'start'),
    ...lines,
    '</svg>\n',
  ].join('\n');
}

function scale(domain: readonly number[], from: number, to: number): (value: number) => number {
  const low = Math.log2(Math.min(...domain));
  const span = Math.log2(Math.max(...domain)) - low || 1;
  return (value) => from + ((Math.log2(value) - low) / span) * (to - from);
}

function doublings(low: number, high: number): number[] {
  return Array.from({ length: Math.log2(high / low) + 1 }, (_, power) => low * 2 ** power);
}

function line(
  points: readonly { readonly x: number; readonly y: number }[],
  label: string,
  color: string,
): string {
  const path = points.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(' ');
  const end = points.at(-1) ?? { x: 0, y: 0 };
  return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>${text(end.x + 8, end.y + 4, label, 'start', color)}`;
}

function horizontal(y: number, label: string): string {
  const right = width - margin.right;
  return `<path d="M${margin.left} ${y.toFixed(1)}H${right}" stroke="#ddd"/>${text(margin.left - 6, y + 4, label, 'end')}`;
}

function text(x: number, y: number, content: string, anchor: string, color = '#333'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${color}">${content}</text>`;
}
