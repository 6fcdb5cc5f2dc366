// A catalog of one policy that is already there: for tests of what surrounds it.
import { Catalog } from '../../src/catalog/catalog.ts';
import type { ServedPolicy } from '../../src/catalog/served-policy.ts';

export function loadedCatalog(policy: ServedPolicy): Catalog {
  const { manifest, model } = policy.engine;
  const description = {
    folder: manifest.id,
    manifest,
    maxLength: model.maxLength,
    memoryBytes: model.kvCacheBytes,
  };
  const catalog = new Catalog({
    policies: [description],
    aliases: [],
    memoryBudgetBytes: null,
    queueLimit: 1000,
    open: () => Promise.resolve(policy),
    describe: () => description,
    onChange: () => {},
  });
  void catalog.start();
  return catalog;
}
