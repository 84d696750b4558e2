// The installed library, and programs that are compiled against it as anybody would: nothing of the checkout is on their include path.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Gateway, binaries } from '../../interop/lib/processes.js';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const prefix = process.env.CONFAB_PREFIX ?? join(root, 'build/capi/prefix');
export const build = process.env.CONFAB_BUILD ?? join(root, 'build/release');

// Its output; an error with all it said unless it ends with 0.
export function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', cwd: root, ...options });
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${error ?? ''}\n${stdout}${stderr}`);
  return stdout;
}

export function pkgConfig(...args) {
  return run('pkg-config', [...args, 'confab'], { env: environment }).trim().split(/\s+/);
}

export const environment = {
  ...process.env,
  PKG_CONFIG_PATH: join(prefix, 'lib/pkgconfig'),
  LD_LIBRARY_PATH: join(prefix, 'lib'),
};

// Compiles a program; the name under which start() finds it.
export function compile(source, name, packages = []) {
  mkdirSync(binaries, { recursive: true });
  run(process.env.CC ?? 'cc', ['-std=c11', '-Wall', '-Wextra', '-Wstrict-prototypes', '-Werror', ...pkgConfig('--cflags'), source, ...pkgConfig('--libs', ...packages),
    '-o', join(binaries, name)], { cwd: dirname(source) });
  return name;
}

export function start(binary, args = []) {
  return Gateway.start(args, { binary, env: environment });
}
