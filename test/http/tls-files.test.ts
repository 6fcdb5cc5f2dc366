import { describe, expect, it } from 'vitest';
import { describeCertificate } from '../../src/http/tls-files.ts';

const FILES = { cert: 'test/fixtures/tls/first.crt', key: 'test/fixtures/tls/first.key' };

describe('what is said of a certificate', () => {
  it('is whose it is and until when', () => {
    expect(describeCertificate(FILES)).toMatch(/^DNS:localhost, .*, until .* GMT$/);
  });

  it('is that clients would not take it, out of its time', () => {
    const at = (date: string) => () => describeCertificate(FILES, new Date(date));
    expect(at('2127-01-01')).toThrow(/first\.crt expired .* 2126 GMT\.$/);
    expect(at('2020-01-01')).toThrow(/first\.crt is not valid before .* 2026 GMT\.$/);
  });
});
