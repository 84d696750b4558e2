// What the README tells people to type does what it says. Each of its code blocks is known here; a block that is new or changed fails until
// somebody has said how it is tested.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { connect, heard } from '../interop/lib/clients.js';
import { Gateway, Redis, eventually, freePort } from '../interop/lib/processes.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language, text]) => ({ language, text: text.trim() }));
const block = (start) => blocks.find(({ text }) => text.startsWith(start))?.text;

const known = ['./dev run', './dev test', 'docker compose up --build', 'build/release/bin/confab-gateway',
  'import { createClient }', 'build/release/bin/confab-load', 'static void on_send_msg',
  'cmake --install'];

test('every block is known here', () => {
  for (const { text } of blocks) {
    assert.ok(known.some((start) => text.startsWith(start)), `no test for the block:\n${text}`);
  }
  for (const start of known) assert.ok(block(start), `the README has no block "${start}" any more`);
});

// A command of the README in a shell of its own; ends with everything that it started.
function shell(command) {
  const child = spawn('bash', ['-c', `exec ${command}`], { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  child.output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { child.output += text; });
  child.ended = new Promise((done) => child.on('exit', (code) => done(code)));
  return child;
}

test('./dev run: a gateway with its page', async () => {
  const run = shell(`${block('./dev run')} --yes --listen 127.0.0.1:0`);
  try {
    const [, url] = await eventually(() => /listening on (\S+)/.exec(run.output), 600000, 'listening');
    assert.match(await (await fetch(url)).text(), /<title>Confab<\/title>/);
    const socket = await connect(url);
    socket.disconnect();
    process.kill(run.pid, 'SIGINT');
    assert.equal(await run.ended, 0, run.output);
  } finally {
    if (run.exitCode === null) process.kill(-run.pid, 'SIGKILL');
  }
});

test('./dev test knows the suite that runs this, and the one without Node and Docker', () => {
  const help = spawnSync('./dev', ['test', '--help'], { cwd: root, encoding: 'utf8' }).stdout;
  assert.match(help, /^ {2}readme /m);
  assert.match(help, /^ {2}unit .*no Node, no Docker/m);
});

test('docker compose up --build has what it names; the cluster suite runs it', () => {
  const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
  for (const [, file] of compose.matchAll(/dockerfile: (\S+)/g)) assert.ok(existsSync(join(root, file)));
  assert.match(compose, /PORT:-8080/);
});

test('a gateway and a Node server on one Redis', async () => {
  const redis = await Redis.start();
  const port = await freePort();
  const command = block('build/release/bin/confab-gateway').replace('redis://127.0.0.1:6379', redis.url).replace(':3000', ':0');
  const gateway = shell(command);
  const server = join(root, 'tests/interop/.readme-server.mjs'); // where the packages are found
  writeFileSync(server, block('import { createClient }').replaceAll('redis://127.0.0.1:6379', redis.url).replace('3001', String(port)));
  const node = spawn(process.execPath, [server], { stdio: 'inherit' });
  try {
    const [, url] = await eventually(() => /listening on (\S+)/.exec(gateway.output), 15000, 'listening');
    await eventually(async () => (await fetch(`${url}/readyz`)).status === 200, 15000, 'ready');
    const socket = await connect(url);
    assert.deepEqual(await heard(socket, 'news', 15000), ['from Node, to the clients of every gateway']);
    socket.disconnect();
    process.kill(gateway.pid, 'SIGINT');
    assert.equal(await gateway.ended, 0, gateway.output);
  } finally {
    node.kill('SIGKILL');
    if (gateway.exitCode === null) process.kill(-gateway.pid, 'SIGKILL');
    rmSync(server, { force: true });
    await redis.stop();
  }
});

test('confab-load measures a thousand clients', async () => {
  const gateway = await Gateway.start(['--log-level', 'warn']);
  try {
    const load = shell(`${block('build/release/bin/confab-load').replace('http://127.0.0.1:3000', gateway.url)} --duration-ms 2s`);
    assert.equal(await load.ended, 0, load.output);
    const result = JSON.parse(load.output.slice(load.output.indexOf('{\n')));
    assert.equal(result.connect_failed, 0);
    assert.ok(result.delivered >= 1000, JSON.stringify(result));
    assert.deepEqual([result.lost, result.doubled], [0, 0]);
  } finally {
    await gateway.stop();
  }
});

test('the handler in C compiles, and the program it is taken from is there', () => {
  const directory = mkdtempSync(join(tmpdir(), 'confab-readme-'));
  const file = join(directory, 'handler.c');
  writeFileSync(file, `#include "confab/server.h"\n${block('static void on_send_msg')}\n` +
    'confab_event_fn *readme(void);\nconfab_event_fn *readme(void)\n{\n    return on_send_msg;\n}\n');
  const compiled = spawnSync('cc', ['-std=c11', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', `-I${join(root, 'include')}`, file], { encoding: 'utf8' });
  rmSync(directory, { recursive: true });
  assert.equal(compiled.status, 0, compiled.stderr);
});

test('the library is installed, and the example compiled against it', async () => {
  const home = mkdtempSync(join(tmpdir(), 'confab-readme-'));
  try {
    const script = `set -e\n${block('cmake --install').replace('-o send_msg', '-o "$HOME/send_msg"')}\nldd "$HOME/send_msg"\n"$HOME/send_msg" --version`;
    const typed = spawnSync('bash', ['-c', script], { cwd: root, encoding: 'utf8', env: { ...process.env, HOME: home } });
    assert.equal(typed.status, 0, typed.stdout + typed.stderr);
    assert.ok(typed.stdout.includes(`${home}/.local/lib/libconfab.so.0`), typed.stdout);
  } finally {
    rmSync(home, { recursive: true });
  }
});

test('its links lead somewhere', () => {
  for (const [, target] of readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) assert.ok(existsSync(join(root, target)), target);
});
