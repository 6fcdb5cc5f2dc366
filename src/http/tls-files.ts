// Certificate and private key from their files, and what is said of them before anything is served.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Throws one sentence when they cannot be read, or don't fit each other. */
export function readTls({ cert, key }: TlsFiles) {
  try {
    const pair = {
      cert: readFileSync(cert),
      key: readFileSync(key),
      minVersion: 'TLSv1.2',
    } as const;
    // Throws for what is no PEM, and for a key of another certificate.
    createSecureContext(pair);
    return pair;
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? cause.code : 'unreadable';
    throw new Error(`The certificate ${cert} and the key ${key} cannot be used (${reason}).`, {
      cause,
    });
  }
}

/** Also throws for a certificate that clients would not take today. */
export function describeCertificate(files: TlsFiles, now = new Date()): string {
  const { subject, subjectAltName, validFrom, validTo } = new X509Certificate(readTls(files).cert);
  const names = subjectAltName ?? subject.replaceAll('\n', ', ');
  if (now > new Date(validTo)) throw new Error(`The certificate ${files.cert} expired ${validTo}.`);
  if (now < new Date(validFrom)) {
    throw new Error(`The certificate ${files.cert} is not valid before ${validFrom}.`);
  }
  return `${names}, until ${validTo}`;
}
