/** The Kubernetes manifests, which no cluster runs here: held against Kubernetes' own schemas, and against what the service needs. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { PersistentVolumeClaim } from 'kubernetes-models/v1/PersistentVolumeClaim';
import { Service } from 'kubernetes-models/v1/Service';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig } from '../../service/config.ts';

const MODELS = { Deployment, PodDisruptionBudget, PersistentVolumeClaim, Service };
const docker = (name: string): string => fs.readFileSync(path.resolve(import.meta.dirname, '../../docker', name), 'utf8');

type Manifest = { kind: keyof typeof MODELS; spec: Record<string, unknown> };

const manifests = (): Manifest[] =>
  parseAllDocuments(docker('kubernetes/jobspool.yaml')).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  });

test('every manifest is one that Kubernetes knows, field by field', () => {
  const all = manifests();
  assert.deepEqual(all.map(({ kind }) => kind).sort(), Object.keys(MODELS).sort());
  for (const manifest of all) {
    const asked = new Set<string>();
    // biome-ignore lint/suspicious/noExplicitAny: each model takes its own shape, and is here to say whether this is one
    const model = new MODELS[manifest.kind](manifest as any);
    Object.assign(model, { spec: watched(manifest.spec, '', asked) }).validate();
    const unknown = fieldsOf(manifest.spec, '').filter((field) => !asked.has(field));
    assert.deepEqual(unknown, [], `fields of the ${manifest.kind} that no schema knows`);
  }
});

// The schemas pass over what they do not know: a field that none of them asked for is misspelt.
function watched<T>(value: T, at: string, asked: Set<string>): T {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get: (target, key) => {
      asked.add(`${at}/${String(key)}`);
      return watched(Reflect.get(target, key), `${at}/${String(key)}`, asked);
    },
  });
}

function fieldsOf(value: unknown, at: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [`${at}/${key}`, ...fieldsOf(inner, `${at}/${key}`)]);
}

test('a pod has longer to stop than its jobs, is hardened as compose.yaml is, and is configured as the service reads it', () => {
  const deployment = manifests().find(({ kind }) => kind === 'Deployment') ?? assert.fail('no Deployment');
  const { spec: pod } = deployment.spec.template as { spec: Pod };
  const [container] = pod.containers;
  const variables = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
  delete variables.JOBSPOOL_PASSWORD_FILE;
  const { shutdownGraceMs, killGraceMs, watch } = readConfig(variables, 1);
  assert.equal(watch, 'poll');
  assert.equal(pod.enableServiceLinks, false, 'a Service named jobspool would set JOBSPOOL_PORT=tcp://…');
  assert.ok(pod.terminationGracePeriodSeconds * 1_000 > shutdownGraceMs + 2 * killGraceMs);
  assert.deepEqual([pod.securityContext.runAsUser, pod.securityContext.runAsGroup], [10_001, 0]);
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe].map(({ httpGet }) => httpGet.path);
  assert.deepEqual(probes, ['/healthz', '/healthz', '/readyz']);
  const mounts = container.volumeMounts.map(({ mountPath }) => mountPath).sort();
  assert.deepEqual(mounts, ['/app/jobs', '/data', '/secrets', '/tmp']);
});

test('the snippet for Traefik is YAML with a router for the path', () => {
  const { http } = parse(docker('proxy/traefik.yaml'));
  assert.match(http.routers.jobspool.rule, /\/jobs/);
  assert.ok(http.services[http.routers.jobspool.service]);
});

type Probe = { httpGet: { path: string } };
type Container = {
  env: { name: string; value: string }[];
  securityContext: object;
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  volumeMounts: { mountPath: string }[];
};
type Pod = {
  enableServiceLinks: boolean;
  terminationGracePeriodSeconds: number;
  securityContext: { runAsUser: number; runAsGroup: number };
  containers: [Container];
};
