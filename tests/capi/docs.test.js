// docs/c-api.md: its programs are compiled against the installed library as they stand, and do what the page says. A block that is
// new or changed fails until somebody has said here how it is tested.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { ask, closeAll, closeLeftovers, connect, heard, open } from '../interop/lib/clients.js';
import { Redis, binaries, eventually, killLeftovers } from '../interop/lib/processes.js';
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

test('Handlers and middleware of one socket', async () => {
  const server = await serve('Handlers and middleware of one socket');
  const [one, other] = [await connect(server.url), await connect(server.url)];
  const moved = heard(other, 'moved');
  assert.equal(await ask(one, 'move', 'e4'), 1);
  assert.deepEqual(await moved, ['e4']);
  const unknown = heard(one, 'unknown');
  one.emit('dance');
  assert.deepEqual(await unknown, ['dance']);
  const tired = heard(other, 'tired');
  assert.equal(await ask(one, 'move', 'e5'), 'no moves left');
  assert.deepEqual(await tired, ['no moves left']);
  assert.equal(await ask(other, 'move', 'e5'), 1);
  closeAll(one, other);
  await server.stop();
});

test('Namespaces that come with their clients', async () => {
  const server = await serve('Namespaces that come with their clients');
  const refused = async (name, options) => (await new Promise((done) => open(`${server.url}${name}`, options).on('connect_error', done))).message;
  const [clock, vase] = [await connect(`${server.url}/auction-clock`), await connect(`${server.url}/auction-vase`)];
  assert.equal(await refused('/auction-one-too-many'), 'Invalid namespace');
  const bid = heard(clock, 'bid');
  clock.emit('bid', 100);
  assert.deepEqual(await bid, ['/auction-clock', 100]);
  assert.equal(await refused('/private/desk', { auth: { key: 'wrong' } }), 'Invalid namespace');
  const desk = await connect(`${server.url}/private/desk`, { auth: { key: 'sesame' } });
  const closing = [heard(clock, 'closing'), heard(vase, 'closing')];
  desk.emit('closing');
  await Promise.all(closing);
  assert.deepEqual(vase.log, [['closing']]);
  closeAll(clock, vase, desk);
  await server.stop();
});

test('Questions and orders to many sockets', async () => {
  const server = await serve('Questions and orders to many sockets');
  const [ann, bob, eve] = [await connect(server.url), await connect(server.url), await connect(server.url)];
  for (const { id } of [ann, bob]) assert.equal(await ask(eve, 'invite', id), 'no error');
  assert.equal(await ask(eve, 'invite', 1), 'invalid argument');
  const [status, ids] = await new Promise((done) => eve.emit('who', (...answer) => done(answer)));
  assert.deepEqual([status, ids.sort()], ['ok', [ann.id, bob.id].sort()]);
  const poll = () => new Promise((done) => eve.emit('poll', 'tea?', (...answer) => done(answer)));
  ann.on('vote', (question, answer) => answer(question === 'tea?'));
  bob.once('vote', (question, answer) => answer(true));
  assert.deepEqual(await poll(), ['ok', 2]);
  assert.deepEqual(await poll(), ['timed_out', 1]);
  const gone = heard(ann, 'disconnect');
  assert.equal(await ask(eve, 'ban', ann.id), 'no error');
  assert.equal((await gone)[0], 'io server disconnect');
  closeAll(ann, bob, eve);
  await server.stop();
});

test('From server to server', async () => {
  const redis = await Redis.start();
  const name = build('From server to server');
  const servers = await Promise.all([1, 2, 3].map(() => start(name, ['--redis', redis.url])));
  await Promise.all(servers.map((server) => server.ready()));
  const [here, there, too] = [await connect(servers[0].url), await connect(servers[1].url), await connect(servers[1].url)];
  await eventually(async () => {
    const [status, counts] = await new Promise((done) => here.emit('ask', (...answer) => done(answer)));
    return status === 'ok' && counts.length === 2 && counts.includes(0) && counts.includes(2);
  }, 5000, 'an answer from each of the others');
  const news = [heard(there, 'news'), heard(too, 'news')];
  here.emit('tell', 'hello', 1);
  assert.deepEqual(await Promise.all(news), [['hello', 1], ['hello', 1]]);
  await ask(here, 'ask');
  assert.deepEqual(here.log, []);
  closeAll(here, there, too);
  for (const server of servers) await server.stop();
  await redis.stop();
});

test('Clients that come back', async () => {
  const server = await start(build('Clients that come back'), ['--recovery-ms', '10s']);
  const admin = await connect(`${server.url}/admin`);
  const reader = open(server.url);
  const [recovered, rooms] = await heard(reader, 'state');
  assert.deepEqual([recovered, rooms], [false, [reader.id, 'news']]);
  const lost = heard(reader, 'disconnect');
  reader.io.engine.close();
  await lost;
  await eventually(async () => (await server.metrics()).get('confab_sockets') === 1, 5000, 'the loss to be known');
  admin.emit('publish', 'while you were away');
  const [state, missed] = [heard(reader, 'state'), heard(reader, 'news')];
  reader.connect();
  assert.equal((await missed)[0], 'while you were away');
  assert.deepEqual((await state).slice(0, 2), [true, rooms]);
  assert.equal(reader.recovered, true);
  closeAll(reader, admin);
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
