// How a language's dialogue is made ready: its client from the language's own registry, into build/clients. What a machine lacks
// is named, and its clients are left out.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = resolve(fileURLToPath(import.meta.url), '..');
const built = resolve(here, '../../build/clients');

const has = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 540000, ...options });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? ''}\n${stdout}${stderr}`);
}

// Makes a directory once; it holds what its last line said when it was made.
function once(name, recipe, make) {
  const directory = join(built, name);
  const stamp = join(directory, '.made');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== recipe) {
    mkdirSync(directory, { recursive: true });
    make(directory);
    writeFileSync(stamp, recipe);
  }
  return directory;
}

export const makers = {
  node: {
    missing: () => null,
    make: (client) => [process.execPath, join(here, 'node/dialogue.mjs'), client.package],
  },
  python: {
    missing: () => (has('python3', '-c', 'import venv, ensurepip') ? null : 'python3 with venv'),
    make(client) {
      const wanted = [`python-socketio[client]==${client.version}`, `python-engineio==${client.engine}`];
      const directory = once(`python-${client.version}`, wanted.join(' '), (into) => {
        run('python3', ['-m', 'venv', into]);
        run(join(into, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...wanted]);
      });
      return [join(directory, 'bin/python'), join(here, 'python/dialogue.py')];
    },
  },
  java: {
    missing: () => (has('javac', '-version') && has('mvn', '-version') ? null : 'JDK with Maven'),
    make(client) {
      const source = join(here, 'java/Dialogue.java');
      const directory = once(`java-${client.version}`, readFileSync(source, 'utf8'), (into) => {
        run('mvn', ['-q', '-B', '-f', join(here, 'java/pom.xml'), `-Dclient.version=${client.version}`, 'dependency:copy-dependencies',
          `-DoutputDirectory=${join(into, 'lib')}`]);
        run('javac', ['-cp', join(into, 'lib/*'), '-d', into, source]);
      });
      return ['java', '-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', `${directory}:${join(directory, 'lib/*')}`, 'Dialogue'];
    },
  },
  go: {
    missing: () => (has('go', 'version') ? null : 'go'),
    make() {
      run('go', ['build', '-o', join(built, 'go/dialogue'), '.'], { cwd: join(here, 'go'), env: { ...process.env, GOFLAGS: '-mod=mod -modcacherw' } });
      return [join(built, 'go/dialogue')];
    },
  },
  rust: {
    missing: () => (has('cargo', '--version') ? null : 'cargo'),
    make() {
      run('cargo', ['build', '--quiet', '--manifest-path', join(here, 'rust/Cargo.toml')], { env: { ...process.env, CARGO_TARGET_DIR: join(built, 'rust') } });
      return [join(built, 'rust/debug/dialogue')];
    },
  },
};
