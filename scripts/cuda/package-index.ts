// A Python package index as pip asks it (PEP 691, or PEP 503's page where an index has no JSON): one wheel's address and hash.

export interface Wheel {
  readonly name: string;
  readonly url: string;
  readonly sha256: string;
}

const json = 'application/vnd.pypi.simple.v1+json';

/** The first wheel of a version for a platform; which Python it is for does not matter to its libraries. */
export async function findWheel(
  index: string,
  project: string,
  version: string,
  platform: string,
): Promise<Wheel> {
  const page = `${index.replace(/\/+$/, '')}/${project}/`;
  const response = await fetch(page, { headers: { accept: `${json}, text/html;q=0.5` } });
  if (!response.ok) throw new Error(`${page} answers ${response.status}.`);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith(json) === true;
  const wheels = isJson ? readJson(text, response.url) : readHtml(text, response.url);
  const prefix = `${project.replaceAll('-', '_')}-${version}-`;
  const wheel = wheels.find(({ name }) => name.startsWith(prefix) && name.endsWith(platform));
  if (!wheel) throw new Error(`${page} has no wheel ${prefix}*${platform}.`);
  return wheel;
}

function readJson(text: string, base: string): Wheel[] {
  const page: {
    files: { filename: string; url: string; hashes: { sha256?: string } }[];
  } = JSON.parse(text);
  return page.files.flatMap(({ filename, url, hashes: { sha256 } }) =>
    sha256 === undefined ? [] : [{ name: filename, url: new URL(url, base).href, sha256 }],
  );
}

/** Links that carry no sha256 are left out: nothing is taken unverified. */
function readHtml(text: string, base: string): Wheel[] {
  return [...text.matchAll(/href="([^"]+)#sha256=([0-9a-f]{64})"/g)].map(
    ([, href = '', sha256 = '']) => {
      const { href: url, pathname } = new URL(href.replaceAll('&amp;', '&'), base);
      return { name: decodeURIComponent(pathname.split('/').at(-1) ?? ''), url, sha256 };
    },
  );
}
