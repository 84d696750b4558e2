// docs/c-api.md: its programs are compiled against the installed library as they stand, and do what the page says. A block that is
// new or changed fails until somebody has said here how it is tested.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { ask, closeAll, closeLeftovers, connect, heard, open } from '../interop/lib/clients.js';
import { binaries, eventually, killLeftovers } from '../interop/lib/processes.js';
import { compile, environment, root, start } from './lib/installed.js';

const page = readFileSync(join(root, 'docs/c-api.md'), 'utf8');
const work = mkdtempSync(join(tmpdir(), 'confab-docs-'));
after(() => {
  closeLeftovers();
  killLeftovers();
  rmSync(work, { recursive: true });
});

// [section, language, text] of each block, in order.
const blocks = page.split(/^## /m).flatMap((section) => {
  const title = section.slice(0, section.indexOf('\n'));
  return [...section.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language, text]) => ({ title, language, text }));
});
const program = (title) => blocks.find((block) => block.title === title && block.language === 'c').text;
const chat = program('A chat in sixty lines');
const main = chat.slice(chat.indexOf('int main('));
const includes = '#include <confab/confab.h>\n#include <stdlib.h>\n#include <string.h>\n';

const tested = new Set();
function build(title, packages) {
  tested.add(title);
  const text = program(title);
  const name = title.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  writeFileSync(join(work, `${name}.c`), (text.includes('#include') ? '' : includes) + text + (text.includes('int main(') ? '' : main));
  return compile(join(work, `${name}.c`), name, packages);
}

async function serve(title) {
  return start(build(title));
}

test('A chat in sixty lines', async () => {
  const server = await serve('A chat in sixty lines');
  const [ann, bob] = [await connect(server.url), await connect(server.url)];
  assert.equal(await ask(ann, 'login', 'Ann'), true);
  const joined = heard(ann, 'joined');
  assert.equal(await ask(bob, 'login', 'Bob'), true);
  assert.deepEqual(await joined, ['Bob']);
  assert.equal(await ask(bob, 'login', 'Bill'), false);
  assert.equal(await ask(bob, 'say', '#tea', 'not in yet'), false);
  assert.equal(await ask(bob, 'enter', ann.id), false);
  for (const socket of [ann, bob]) assert.equal(await ask(socket, 'enter', '#tea'), true);
  const said = heard(ann, 'said');
  assert.equal(await ask(bob, 'say', '#tea', { text: 'hello' }), true);
  assert.deepEqual(await said, ['Bob', { text: 'hello' }]);
  assert.equal(await ask(bob, 'say', '#tea'), false);
  const left = heard(ann, 'left');
  bob.disconnect();
  assert.deepEqual(await left, ['Bob', 'client namespace disconnect']);
  closeAll(ann, bob);
  await server.stop();
  const lines = chat.split('\n').filter((line) => line.trim() !== '').length;
  assert.ok(lines <= 60, `the chat has ${lines} lines`);
});

test('Who may enter', async () => {
  const server = await serve('Who may enter');
  const refused = open(`${server.url}/members`, { auth: { key: 'wrong' } });
  const error = await new Promise((done) => refused.on('connect_error', done));
  assert.deepEqual([error.message, error.data], ['not with this key', { code: 401 }]);
  const member = open(`${server.url}/members`, { auth: { key: 'sesame' } });
  assert.deepEqual(await heard(member, 'welcome'), [{ role: 'member' }]);
  // One that has gone, and one that is undecided when the server ends.
  const gone = open(`${server.url}/members`, { auth: { key: 'sesame' } });
  gone.disconnect();
  open(`${server.url}/members`, { auth: { key: 'sesame' } });
  closeAll(refused, member);
  await server.stop();
});

test('Bytes, and acknowledgements in both directions', async () => {
  const server = await serve('Bytes, and acknowledgements in both directions');
  const socket = await connect(server.url);
  assert.equal(await ask(socket, 'picture', { bytes: 'none' }), -1);
  socket.once('thumbnail', (bytes, answer) => answer(`${bytes}`));
  const outcome = heard(socket, 'outcome');
  assert.equal(await ask(socket, 'picture', { bytes: Buffer.from('asdfasdf') }), 8);
  assert.deepEqual(await outcome, ['asdf']);
  const late = heard(socket, 'outcome');
  assert.equal(await ask(socket, 'picture', { bytes: Buffer.from('x') }), 1);
  assert.deepEqual(await late, ['timed_out']);
  closeAll(socket);
  await server.stop();
});

test('Answers that come later', async () => {
  const server = await serve('Answers that come later');
  const socket = await connect(server.url);
  const order = [];
  await Promise.all([ask(socket, 'sum', 1, 2).then((sum) => order.push(sum)), ask(socket, 'sum', 3, 4, 5).then((sum) => order.push(sum))]);
  assert.deepEqual(order, [3, 12]);
  const late = heard(socket, 'too late');
  socket.emit('slow sum', 1, () => assert.fail('answered too late'));
  assert.deepEqual(await late, []);
  closeAll(socket);
  await server.stop();
});

test('Namespaces, rooms, and who hears what', async () => {
  const server = await serve('Namespaces, rooms, and who hears what');
  const sockets = [];
  for (const side of ['odd', 'even']) {
    const socket = open(`${server.url}/game`);
    const [told, rooms] = await heard(socket, 'side');
    assert.deepEqual([told, rooms], [side, [socket.id, side]]);
    sockets.push(socket);
  }
  const shout = heard(sockets[1], 'shout');
  sockets[0].emit('shout', 'hello', 1);
  assert.deepEqual(await shout, ['hello', 1]);
  assert.ok(!sockets[0].log.some(([event]) => event === 'shout'));
  const error = await new Promise((done) => open(`${server.url}/elsewhere`).on('connect_error', done));
  assert.equal(error.message, 'Invalid namespace');
  closeAll(...sockets);
  await server.stop();
});

test('On a loop of your own, with other threads', async () => {
  const name = build('On a loop of your own, with other threads', ['libevent_core']);
  const child = spawn(join(binaries, name), ['listen=127.0.0.1:0'], { env: environment });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output += text; });
  const ended = new Promise((done) => child.on('exit', done));
  try {
    const [, url] = await eventually(() => /listening on (\S+)/.exec(output), 5000, 'listening');
    const socket = await connect(url);
    const line = heard(socket, 'line');
    child.stdin.write('from another thread\n');
    assert.deepEqual(await line, ['from another thread\n']);
    const cut = heard(socket, 'disconnect');
    child.stdin.end();
    await cut;
    assert.equal(await ended, 0, output);
  } finally {
    child.kill('SIGKILL');
  }
});

test('the lines to type are the ones of install.test.js', () => {
  const lines = blocks.filter(({ language }) => language !== 'c').map(({ text }) => text.trim());
  assert.deepEqual(lines, [
    './dev build\ncmake --install build/release --prefix /usr/local\ncc chat.c $(pkg-config --cflags --libs confab) -o chat\n./chat --listen 127.0.0.1:3000',
    'find_package(confab REQUIRED)\ntarget_link_libraries(chat PRIVATE confab::confab)',
  ]);
});

test('every program on the page is run here', () => {
  const programs = blocks.filter(({ language }) => language === 'c').map(({ title }) => title);
  assert.equal(new Set(programs).size, programs.length, 'two programs in one section');
  assert.deepEqual(programs.filter((title) => !tested.has(title)), []);
});
