// The kinds of KEDA and of the gateway, which `validate.sh` has no schemas for: against the schemas that packages carry.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { HTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

function read(path: string) {
  return parse(readFileSync(new URL(`../../scripts/kubernetes/${path}`, import.meta.url), 'utf8'));
}

/** What the compiler says of `value` as a literal of that type: it finds unknown fields, which schemas of CRDs let pass. */
function complaints(value: object, module: string, type: string): string {
  mkdirSync('coverage', { recursive: true });
  const folder = mkdtempSync('coverage/literal-');
  const file = `${folder}/literal.ts`;
  const text = `import type { ${type} } from '${module}';\nexport const value: ${type} = `;
  writeFileSync(file, `${text}${JSON.stringify(value)};\n`);
  const flags = ['--ignoreConfig', '--noEmit', '--skipLibCheck', '--strict'];
  const resolution = ['--module', 'nodenext', '--target', 'esnext'];
  try {
    execFileSync('node_modules/.bin/tsc', [...flags, ...resolution, file], { encoding: 'utf8' });
    return '';
  } catch (error) {
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the custom resources', () => {
  it.each([
    {
      file: 'gateway/http-route.yaml',
      validate: (value: object) => new HTTPRoute(value as HTTPRoute).validate(),
      module: '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1',
      type: 'IHTTPRoute',
    },
    {
      file: 'keda/scaled-object.yaml',
      validate: (value: object) => new ScaledObject(value as ScaledObject).validate(),
      module: '@kubernetes-models/keda/keda.sh/v1alpha1',
      type: 'IScaledObject',
    },
  ])('are what their schema says: $file', ({ file, validate, module, type }) => {
    const value = read(file);
    validate(value);
    expect(complaints(value, module, type)).toBe('');
    const { spec } = value;
    expect(complaints({ ...value, spec: { ...spec, replica: 1 } }, module, type)).toContain(
      '\'"replica"\' does not exist',
    );
    const [first] = Object.keys(spec);
    const lacking = { ...value, spec: { ...spec, [first ?? '']: 3 } };
    expect(() => validate(lacking)).toThrow();
  });

  it('are what the reference of version 1 says: gateway/inference-pool.yaml', () => {
    // No package has its schema.
    const port = z.strictObject({ number: z.int().min(1).max(65_535) });
    const name = z.string().min(1).max(253);
    const pool = z.strictObject({
      apiVersion: z.literal('inference.networking.k8s.io/v1'),
      kind: z.literal('InferencePool'),
      metadata: z.strictObject({ name }),
      spec: z.strictObject({
        selector: z.strictObject({ matchLabels: z.record(z.string(), z.string().max(63)) }),
        targetPorts: z.array(port).min(1).max(8),
        endpointPickerRef: z.strictObject({
          name,
          port: port.optional(),
          failureMode: z.enum(['FailOpen', 'FailClose']).optional(),
        }),
      }),
    });
    pool.parse(read('gateway/inference-pool.yaml'));
  });
});
