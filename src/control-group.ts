// What a container's control group allows, by the files of version 2 as the container sees its own.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const CONTROL_GROUP_FOLDER = '/sys/fs/cgroup';

/** Empty where there are no control groups, or those of version 1. */
export function readControlGroup(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch {
    return '';
  }
}
