// Connection state recovery: stock clients lose their connection and come back, and the wire is compared with a Node server's.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { Server } from 'socket.io';

import { ask, closeAll, closeLeftovers, connect, heard, transports } from './lib/clients.js';
import { growth } from './lib/counts.js';
import { Gateway, eventually, runToEnd } from './lib/processes.js';
import { cutAll, engine, text, upgrade, webSocket } from './lib/raw.js';
import { Relay } from './lib/relay.js';

const WINDOW = 2000;

let gateway;
let relay;
before(async () => {
  gateway = await Gateway.start([
    '--recovery-ms', String(WINDOW), '--recovery-bytes', '64KiB', '--ping-interval-ms', '1500', '--ping-timeout-ms', '1500',
  ], { binary: 'confab-benchapp' });
  relay = await Relay.start(gateway.port, 'plain');
});
after(async () => {
  closeLeftovers();
  cutAll();
  await relay?.stop();
  await gateway?.stop();
});

const recoveries = (result) => `confab_recoveries_total{result="${result}"}`;
const sockets = async () => (await gateway.metrics()).get('confab_sockets');

// What a socket was told by `chat`, without offsets.
const told = (socket) => socket.log.filter(([event]) => event === 'chat').map(([, value]) => value);

// A client behind the relay and one that stays; nobody else.
async function pair(options) {
  closeLeftovers();
  await eventually(async () => (await sockets()) === 0, 8000, 'the last ones to go');
  const lost = await connect(relay.url, options);
  const stays = await connect(gateway.url);
  stays.emit('chat', 0);
  await Promise.all([lost, stays].map((socket) => told(socket).length || heard(socket, 'chat')));
  return [lost, stays];
}

// The connection goes; both sides know. Between two requests of polling there is none to be lost: then once more.
async function lose(socket) {
  const before = await sockets();
  await eventually(() => {
    relay.cut();
    return !socket.connected;
  });
  await eventually(async () => (await sockets()) < before, 8000, 'the server to notice');
}

async function comeBack(socket) {
  const back = heard(socket, 'connect');
  socket.connect();
  await back;
}

for (const [name, options] of Object.entries(transports)) {
  describe(`a stock client, ${name}`, () => {
    test('is recovered with its id and its rooms, and has missed nothing', async () => {
      const [lost, stays] = await pair(options);
      const { id } = lost;
      await ask(lost, 'join', 'blue');
      await lose(lost);
      for (let i = 1; i <= 20; i++) stays.emit('chat', i, ...[[], ['blue'], ['red']][i % 3]);
      await ask(stays, 'echo', 'handled');
      await growthOf('recovered', 1, () => comeBack(lost));
      assert.equal(lost.recovered, true);
      assert.equal(lost.id, id);
      stays.emit('chat', 'after', 'blue');
      await eventually(() => told(lost).at(-1) === 'after');
      assert.deepEqual(told(lost), [0, ...Array.from({ length: 20 }, (_, i) => i + 1).filter((i) => i % 3 !== 2), 'after']);
      closeAll(lost, stays);
    });

    test('has each event once, however often the connection goes', async () => {
      const [lost, stays] = await pair(options);
      let sent = 0;
      for (let round = 0; round < 5; round++) {
        for (let i = 0; i < 10; i++) stays.emit('chat', ++sent);
        await lose(lost);
        for (let i = 0; i < 10; i++) stays.emit('chat', ++sent);
        await comeBack(lost);
        assert.equal(lost.recovered, true);
      }
      await eventually(() => told(lost).at(-1) === sent);
      assert.deepEqual(told(lost), Array.from({ length: sent + 1 }, (_, i) => i));
      closeAll(lost, stays);
    });

    test('is somebody new after the window, or when something was pushed out', async () => {
      const [lost, stays] = await pair(options);
      const { id } = lost;
      await lose(lost);
      await growthOf('gap', 1, async () => {
        for (let i = 0; i < 40; i++) stays.emit('chat', 'x'.repeat(4000));
        await ask(stays, 'echo', 'handled');
        await comeBack(lost);
      });
      assert.equal(lost.recovered, false);
      assert.notEqual(lost.id, id);
      stays.emit('chat', 'now');
      await eventually(() => told(lost).at(-1) === 'now');
      await lose(lost);
      await growthOf('no_session', 1, async () => {
        await new Promise((done) => setTimeout(done, WINDOW + 100)); // the window itself is what is tested
        await comeBack(lost);
      });
      assert.equal(lost.recovered, false);
      closeAll(lost, stays);
    });
  });
}

async function growthOf(result, expected, act) {
  assert.equal(await growth(gateway, recoveries(result), act), expected);
}

test('an end that was asked for is not come back from', async () => {
  const [left, stays] = await pair(transports.websocket);
  left.disconnect();
  await growthOf('no_session', 1, () => comeBack(left));
  assert.equal(left.recovered, false);
  closeAll(left, stays);
});

// ---- the wire, beside Node's ----

async function nodeServer() {
  const http = createServer();
  const io = new Server(http, { connectionStateRecovery: { maxDisconnectionDuration: WINDOW } });
  io.on('connection', (socket) => {
    socket.on('chat', (value, room) => (room ? io.to(room) : io).emit('chat', value));
    socket.on('join', (room, ack) => {
      socket.join(room);
      ack('ok');
    });
    socket.on('echo', (value, ack) => ack(value));
  });
  await new Promise((done) => http.listen(0, '127.0.0.1', done));
  return { port: http.address().port, sockets: () => io.of('/').sockets.size, stop: () => io.close() };
}

// Names instead of what is drawn: equal texts have equal names.
function named(frames) {
  const names = new Map();
  const name = (kind, value) => {
    const key = `${kind} ${value}`;
    if (!names.has(key)) names.set(key, `${kind}${names.size}`);
    return names.get(key);
  };
  return frames.map((frame) => frame
    .replace(/"(sid|pid)":"([^"]+)"/g, (_, kind, value) => `"${kind}":"${name(kind, value)}"`)
    .replace(/,"([^"]+)"\]$/, (_, value) => `,"${name('offset', value)}"]`));
}

async function wireOf(server, count) {
  const stays = await webSocket(server);
  const frames = [];
  const lost = await webSocket(server);
  frames.push(lost.connected);
  const { pid } = JSON.parse(lost.connected.slice(2));
  lost.send(text('421["join","blue"]'));
  frames.push(await lost.text());
  stays.send(text('42["chat",1]'));
  frames.push(await lost.text());
  const offset = JSON.parse(frames.at(-1).slice(2)).at(-1);
  lost.destroy();
  await eventually(async () => (await count()) === 1, 5000, 'the server to notice');
  for (const rest of ['2', '3,"blue"', '4,"red"', '{"a":[5]}']) stays.send(text(`42["chat",${rest}]`));
  stays.send(text('429["echo","done"]'));
  while ((await stays.text()) !== '439["done"]');
  for (const auth of [{ pid, offset }, { pid: 'unknown', offset }]) {
    const back = await upgrade(server, engine('websocket'));
    await back.text();
    back.send(text(`40${JSON.stringify(auth)}`));
    do frames.push(await back.text()); while (!frames.at(-1).startsWith('40'));
    back.send(text('42["chat",6,"blue"]'), text('422["echo","end"]'));
    do frames.push(await back.text()); while (!frames.at(-1).startsWith('43'));
    back.destroy();
    await eventually(async () => (await count()) === 1, 5000, 'the server to notice');
  }
  stays.destroy();
  return named(frames);
}

test('the same frames in the same order as a Node server: missed events, then the CONNECT answer', async () => {
  const node = await nodeServer();
  try {
    const theirs = await wireOf(node, node.sockets);
    closeLeftovers();
    await eventually(async () => (await sockets()) === 0, 8000, 'the last ones to go');
    assert.deepEqual(await wireOf(gateway, sockets), theirs);
    assert.match(theirs[3], /^42\["chat",2/);
    assert.equal(theirs[6], theirs[0]);
  } finally {
    await node.stop();
  }
});

test('not together with a cluster, and the program says why', async () => {
  const end = await runToEnd('confab-gateway', ['--recovery-ms', '1000', '--redis', 'redis://127.0.0.1:1', '--check-config']);
  assert.equal(end.code, 64);
  assert.match(end.stderr, /--recovery-ms cannot go together with --redis: /);
});

test('not together with the chat, and the program says why', async () => {
  for (const more of [[], ['--app', 'chat']]) {
    const end = await runToEnd('confab-gateway', ['--recovery-ms', '1000', '--check-config', ...more]);
    assert.equal(end.code, 64);
    assert.match(end.stderr, /--recovery-ms cannot go together with the chat/);
  }
  const none = await runToEnd('confab-gateway', ['--recovery-ms', '1000', '--check-config', '--app', 'none']);
  assert.equal(none.code, 0, none.stderr);
});
