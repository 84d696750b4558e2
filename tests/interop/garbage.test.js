// Garbage on every channel: the gateways drop it, count it, and go on; nothing they say because of it harms a Node server.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { RESP_TYPES } from 'redis';

import { closeAll, connect } from './lib/clients.js';
import { Cluster, endLeftovers } from './lib/cluster.js';
import { Chance, absurd, broken, decode, drowns, noise, oversize, recorded } from './lib/garbage.js';
import { connectRedis, disconnectRedis } from './lib/peer.js';
import { eventually } from './lib/processes.js';
import { converse, enter, events, list } from './lib/users.js';

const ROUND = 1000; // messages of a kind on a channel

let cluster, a, b, n, admin;
let users; // in the chat all the time
let channels;
let checks = 0;
const sent = new Set();
const faults = []; // what Node's adapter stumbled over

// A Node server would die, or go deaf, of much of what is sent here.
function guard(adapter) {
  for (const method of ['onmessage', 'onrequest']) {
    const original = adapter[method].bind(adapter);
    adapter[method] = async (...args) => {
      try {
        await original(...args);
      } catch (error) {
        faults.push({ bytes: Buffer.from(args.at(-1)), error });
      }
    };
  }
}

before(async () => {
  cluster = await Cluster.start({ peers: [{ guard }] });
  [a, b, n] = cluster.servers;
  admin = await connectRedis(cluster.redis.url);
  users = [await enter(a, 'Anna'), await enter(b, 'Bert')];
  for (const user of users) await user.emitWithAck('join', { room: 'tea' });
  channels = {
    broadcast: ['socket.io#/#', 'socket.io#/#chat:tea#', ...users.map(({ id }) => `socket.io#/#${id}#`)],
    request: ['socket.io-request#/#'],
    response: ['socket.io-response#/#'],
    names: await admin.sendCommand(['PUBSUB', 'CHANNELS', 'confab:*']),
  };
  assert.ok(channels.names.some((name) => name.includes('names')));
});

after(async () => {
  closeAll(...(users ?? []));
  if (admin) disconnectRedis(admin);
  await cluster?.stop();
  await endLeftovers();
});

beforeEach(() => {
  for (const user of users ?? []) user.log.length = 0;
});

// It would do, as is its right, what the tests look for: end sockets.
const obeyed = (bytes) => decode(bytes)?.type === 4;

async function publish(channel, messages) {
  const good = messages.filter((bytes) => !drowns(bytes) && !obeyed(bytes));
  for (const bytes of good) sent.add(bytes.toString('base64'));
  await Promise.all(good.map((bytes) => admin.publish(channel, bytes)));
}

const malformed = async (server) => (await server.metrics()).get('confab_redis_malformed_total');

// Everything works, for those who were there and for those who come.
async function assertAllIsWell() {
  await converse(users);
  checks += 1;
  const guests = [await enter(a, `Gast A${checks}`), await enter(b, `Gast B${checks}`)];
  const atNode = await connect(n.url);
  await converse([...users, ...guests], [...users, ...guests, atNode]);
  const { names } = await list(guests[1]);
  for (const { name } of [...users, ...guests]) assert.ok(names.includes(name), `${name} in ${names}`);
  n.io.emit(`check ${checks}`, 1);
  await eventually(() => [...users, ...guests, atNode].every((one) => events(one, `check ${checks}`).length === 1), 5000, 'Node is heard');
  const began = Date.now();
  const sockets = await n.io.fetchSockets();
  for (const { id } of [...users, ...guests, atNode]) assert.ok(sockets.some((socket) => socket.id === id));
  await n.io.serverSideEmitWithAck('anybody?');
  assert.ok(Date.now() - began < 2000, 'Node is answered');
  for (const user of users) assert.ok(user.connected && user.endings.length === 0, `${user.name}: ${user.endings}`);
  closeAll(...guests, atNode);
  for (const { bytes, error } of faults.splice(0)) {
    assert.ok(sent.has(bytes.toString('base64')), `a gateway sent what Node stumbles over: ${bytes.toString('latin1')}: ${error.stack}`);
  }
}

const originals = recorded();

for (const kind of ['broadcast', 'request', 'response', 'names']) {
  test(`garbage on the channels of kind ${kind}`, async () => {
    const chance = new Chance(4711);
    const before = await Promise.all([a, b].map(malformed));
    const corpus = originals[kind] ?? await recordNames();
    const began = Date.now();
    for (const channel of channels[kind]) {
      await publish(channel, absurd('/'));
      await publish(channel, Array.from({ length: ROUND }, () => noise(chance)));
      await publish(channel, Array.from({ length: 4 * ROUND }, () => broken(chance, corpus)));
    }
    await assertAllIsWell();
    const now = await Promise.all([a, b].map(malformed));
    if (kind !== 'response') for (const i of [0, 1]) assert.ok(now[i] - before[i] > ROUND, `${now[i] - before[i]} counted`);
    // Logged, but not each of them.
    for (const { output } of [a, b]) {
      const lines = output.match(/redis_malformed/g)?.length ?? 0;
      assert.ok(lines <= 20 + (Date.now() - began) / 100, `${lines} lines`);
    }
  });
}

// What the gateways tell each other about names.
async function recordNames() {
  const listener = await connectRedis(cluster.redis.url);
  const binary = listener.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const found = [];
  await binary.subscribe(channels.names, (bytes) => found.push(bytes), true);
  for (const server of [a, b, a]) closeAll(await enter(server, `Record ${found.length}`));
  await eventually(() => found.length >= 6, 5000, 'six records');
  disconnectRedis(listener);
  return found;
}

test('messages far too long', async () => {
  for (const [channel] of Object.values(channels)) {
    for (const bytes of oversize('/', 2 ** 21)) await publish(channel, [bytes]);
  }
  await assertAllIsWell();
});

test('a message of twenty megabytes costs at most the link', async () => {
  const [big] = oversize('/', 20 * 2 ** 20);
  await publish(channels.broadcast[0], [big]);
  await eventually(() => converse(users).then(() => true), 8000, 'the link is back');
  await assertAllIsWell();
});
