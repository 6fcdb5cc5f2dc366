import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadTinyPolicy, pagedPolicyFolder, tinyPolicyFolder } from './tiny-policy.ts';

describe('loadPolicy', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'policy-'));
    cpSync(tinyPolicyFolder, folder, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const load = (): void => loadTinyPolicy({ modelFolder: folder }).release();

  function editManifest(edit: (manifest: Record<string, unknown>) => void): void {
    const path = join(folder, 'policy.json');
    const manifest: Record<string, unknown> = JSON.parse(readFileSync(path, 'utf8'));
    edit(manifest);
    writeFileSync(path, JSON.stringify(manifest));
  }

  it('loads what the export wrote', () => {
    expect(load).not.toThrow();
  });

  it('refuses a file that changed after the export', () => {
    writeFileSync(join(folder, 'tokenizer.json'), '{}');
    expect(load).toThrow(/tokenizer\.json has sha256 [0-9a-f]{64}: policy\.json says/);
  });

  it('refuses a chat template that the manifest does not name', () => {
    writeFileSync(join(folder, 'chat_template.jinja'), '{{ messages }}');
    expect(load).toThrow(/chat_template\.jinja is not among the files of policy\.json/);
  });

  it('refuses a file that is missing', () => {
    rmSync(join(folder, 'value.onnx.data'));
    expect(load).toThrow(/value\.onnx\.data does not exist/);
  });

  it('refuses a link, which could leave the folder', () => {
    rmSync(join(folder, 'tokenizer.json'));
    symlinkSync(join(tinyPolicyFolder, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    expect(load).toThrow(/tokenizer\.json is not a regular file/);
  });

  it('says what a policy is where there is none', () => {
    const expected = 'a policy is a folder with a policy.json, as `qsft export` writes it.';
    const manifest = join(folder, 'policy.json');
    const refusal = (modelFolder: string) => () => loadTinyPolicy({ modelFolder });
    expect(refusal(manifest)).toThrow(`${manifest} is not a folder: ${expected}`);
    rmSync(manifest);
    expect(load).toThrow(`${folder} has no policy.json: ${expected}`);
    const nowhere = join(folder, 'nowhere');
    expect(refusal(nowhere)).toThrow(`There is no folder ${nowhere}: ${expected}`);
  });

  it('refuses a manifest that is a link, or larger than any', () => {
    const path = join(folder, 'policy.json');
    truncateSync(path, 17 * 2 ** 20);
    expect(load).toThrow(/policy\.json: it has 17825792 bytes and may have 16777216/);
    rmSync(path);
    symlinkSync('/dev/zero', path);
    expect(load).toThrow(/policy\.json: it is not a regular file/);
  });

  /** Changes the graph, and the manifest's hash of it. */
  function editGraph(file: string, edit: (graph: string) => string): void {
    const path = join(folder, file);
    writeFileSync(path, edit(readFileSync(path, 'latin1')), 'latin1');
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
    editManifest((manifest) => {
      manifest.files = { ...Object(manifest.files), [file]: sha256 };
    });
  }

  /** As in a folder whose models run in one graph. */
  function leaveOutCombination(): void {
    editManifest((manifest) => {
      const { 'combination.onnx': _, ...files } = Object(manifest.files);
      manifest.files = files;
    });
  }

  it('says what to do where a library has no attention for a paged cache', () => {
    cpSync(pagedPolicyFolder, folder, { recursive: true });
    // Takes the definition that the tests' graph carries from it.
    editGraph('step.onnx', (graph) => {
      const at = graph.lastIndexOf('PackedPagedAttention');
      return `${graph.slice(0, at)}Other${graph.slice(at + 5)}`;
    });
    expect(load).toThrow(
      /tiny has a paged KV cache, which \S+ has no attention for on "cpu": use CUDA, or export it without --paged/,
    );
  });

  it('refuses a graph whose cache is not of the manifest’s layout', () => {
    editManifest((manifest) => {
      manifest.kv_cache = { ...Object(manifest.kv_cache), block_size: 16 };
    });
    expect(load).toThrow(
      'behavior.onnx\'s input "input_ids" is int64 [?, ?]: it must be int64 [?].',
    );
    leaveOutCombination();
    expect(load).toThrow('step.onnx\'s input "input_ids" is int64 [?, ?]: it must be int64 [?].');
  });

  /** Lets the graph read its behavior weights from another place, and the manifest agree to it. */
  function moveWeights(location: string): void {
    expect(location).toHaveLength('behavior.onnx.data'.length);
    editGraph('behavior.onnx', (graph) => {
      expect(graph).toContain('behavior.onnx.data');
      return graph.replaceAll('behavior.onnx.data', location);
    });
  }

  it('refuses weights outside the folder, by a path that leaves it', () => {
    const outside = join(folder, '..', 'outside-weights');
    cpSync(join(folder, 'behavior.onnx.data'), outside);
    moveWeights(`../${basename(outside)}`);
    expect(load).toThrow(/escapes model directory|should be file inside/);
    rmSync(outside);
  });

  it('refuses weights outside the folder, by an absolute path', () => {
    moveWeights('/tmp/../etc/passwd');
    expect(load).toThrow(/[Aa]bsolute path|relative path/);
  });

  it('refuses weights outside the folder, by a link that the manifest does not name', () => {
    symlinkSync(join(tinyPolicyFolder, 'behavior.onnx.data'), join(folder, 'links-outside.data'));
    moveWeights('links-outside.data');
    expect(load).toThrow(/escapes model directory|should be stored in/);
  });

  it.each(['../secret', '/etc/passwd', 'a/b', '..', 'a\\b'])('refuses the file name %s', (name) => {
    editManifest((manifest) => {
      manifest.files = { ...Object(manifest.files), [name]: '0'.repeat(64) };
    });
    expect(load).toThrow('which is not a plain file name');
  });

  it('names the field of a manifest that is wrong', () => {
    editManifest((manifest) => {
      manifest.vocab_size = -1;
    });
    expect(load).toThrow(/is not a policy's manifest:.*vocab_size/s);
  });

  it('refuses a folder of another format', () => {
    editManifest((manifest) => {
      manifest.format_version = 1;
    });
    expect(load).toThrow(/it is 1, and this server reads 2: export again.*format_version/s);
  });

  it('refuses special ids outside the vocabulary', () => {
    editManifest((manifest) => {
      manifest.eos_token_ids = [58];
    });
    expect(load).toThrow('eos_token_ids has 58, and vocab_size is 58: ids end at 57.');
  });

  it('refuses a graph that is not the manifest’s', () => {
    editManifest((manifest) => {
      manifest.vocab_size = 60;
    });
    expect(load).toThrow(
      'behavior.onnx\'s output "logits" is float32 [?, 58]: it must be float32 [?, 60].',
    );
    leaveOutCombination();
    expect(load).toThrow(
      'step.onnx\'s output "scores" is float32 [?, 58]: it must be float32 [?, 60].',
    );
  });

  it('refuses more tokens than the models were built for', () => {
    expect(() => loadTinyPolicy({ maxLength: 65 })).toThrow(
      'max-model-len is 65, and tiny was built for at most 64 tokens.',
    );
  });

  it('gives the cache the length it was asked for', () => {
    const whole = loadTinyPolicy();
    const half = loadTinyPolicy({ maxLength: 32 });
    expect(half.cache.length).toBe(32);
    expect(half.cache.byteLength * 2).toBe(whole.cache.byteLength);
    whole.release();
    half.release();
  });

  it('says what is wrong with a device it does not know', () => {
    expect(() => loadTinyPolicy({ device: 'tpu' })).toThrow(
      'device is "tpu": it must be cpu, cuda or cuda:N.',
    );
  });

  /** The tiny policy, with a cache of another type by its manifest. */
  function loadWithCache(dtype: string, device: string): void {
    editManifest((manifest) => {
      manifest.kv_cache = { ...Object(manifest.kv_cache), dtype };
    });
    loadTinyPolicy({ modelFolder: folder, device }).release();
  }

  it.each([
    ['float32', 'Export it with --precision fp16 or bf16.'],
    ['int8', 'Export it with --precision fp16 or bf16 and without --kv-cache int8.'],
  ])(
    'refuses a cache in %s on CUDA, whose attention would fall back to the CPU',
    (dtype, advice) => {
      expect(() => loadWithCache(dtype, 'cuda:1')).toThrow(
        `device is "cuda:1", and the KV cache of tiny is ${dtype}: CUDA's attention takes float16 or bfloat16. ${advice}`,
      );
    },
  );

  it('refuses a cache in bfloat16 on the CPU, which has no attention for it', () => {
    expect(() => loadWithCache('bfloat16', 'cpu')).toThrow(
      'device is "cpu", and the KV cache of tiny is bfloat16: the CPU\'s attention takes float32, float16 or int8. Use CUDA, or export it with another --precision.',
    );
  });
});
