// What the manifests say of the server must be true of it.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { settingsTable } from '../../src/config/describe-settings.ts';

const folder = new URL('../../scripts/kubernetes/', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, folder), 'utf8');
const metricsSource = readFileSync(
  new URL('../../src/metrics/vllm-metrics.ts', import.meta.url),
  'utf8',
);

const deployment = parse(read('base/deployment.yaml'));
const pod = deployment.spec.template.spec;
const [server] = pod.containers;
const environment = new Map<string, string>(
  server.env.map(({ name, value }: { name: string; value?: string }) => [name, value ?? '']),
);

describe('the Kubernetes manifests', () => {
  it('set settings that the server has', () => {
    for (const name of environment.keys()) expect(settingsTable()).toContain(`\`${name}\``);
  });

  it('give a pod the time to drain', () => {
    const pauseSeconds = server.lifecycle.preStop.sleep.seconds;
    const drainSeconds = Number(environment.get('QSFT_SHUTDOWN_TIMEOUT_MS')) / 1000;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(pauseSeconds + drainSeconds);
  });

  it('run without root, capabilities or writes', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true });
    expect(server.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('name one port everywhere', () => {
    const pool = parse(read('gateway/inference-pool.yaml'));
    const [{ containerPort, name }] = server.ports;
    expect(pool.spec.targetPorts).toEqual([{ number: containerPort }]);
    expect(parse(read('base/service.yaml')).spec.ports[0].targetPort).toBe(name);
    const [picker] = parseAllDocuments(read('gateway/endpoint-picker.yaml')).map((one) =>
      one.toJS(),
    );
    expect(picker.spec.template.spec.containers[0].ports).toContainEqual({
      name: 'grpc',
      containerPort: pool.spec.endpointPickerRef.port.number,
    });
  });

  it('read metrics that the server has', () => {
    const sources = ['keda/scaled-object.yaml', 'gateway/endpoint-picker.yaml'].map(read).join('');
    const names = [...sources.matchAll(/vllm:(\w+)/g)].map(([, name = '']) => name);
    expect(new Set(names)).toEqual(new Set(['num_requests_waiting', 'kv_cache_usage_perc']));
    for (const name of names) expect(metricsSource).toContain(`'${name}'`);
  });

  it('use plugins of the endpoint picker that they configure', () => {
    const { plugins, schedulingProfiles } = parse(read('gateway/endpoint-picker-config.yaml'));
    const types = plugins.map(({ type }: { type: string }) => type);
    for (const { pluginRef } of schedulingProfiles[0].plugins) expect(types).toContain(pluginRef);
  });
});
