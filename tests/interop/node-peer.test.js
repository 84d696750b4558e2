// Two gateways and a Node server on one Redis: what one of them emits or asks for reaches the clients of all three.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Emitter } from '@socket.io/redis-emitter';

import { ask, closeAll, connect, heard, transports } from './lib/clients.js';
import { Cluster, endLeftovers } from './lib/cluster.js';
import { Crowd } from './lib/crowd.js';
import { connectRedis, disconnectRedis, subscribers } from './lib/peer.js';
import { Redis, eventually } from './lib/processes.js';
import { Polling } from './lib/raw.js';

const namespaces = ['/', '/custom', '/ünï'];

// Both client libraries, both ways to subscribe, all four mixtures of response channels; each a cluster of its own by its prefix.
const settings = [
  { library: 'redis', rooms: 'exact', gateways: 'shared', node: 'shared', prefix: 'socket.io' },
  { library: 'ioredis', rooms: 'all', gateways: 'specific', node: 'specific', prefix: 'two' },
  { library: 'redis', rooms: 'all', gateways: 'specific', node: 'shared', prefix: 'three:x' },
  { library: 'ioredis', rooms: 'exact', gateways: 'shared', node: 'specific', prefix: 'four-4' },
];

let redis;
let admin; // a connection of the tests' own
before(async () => {
  redis = await Redis.start();
  admin = await connectRedis(redis.url);
});
after(async () => {
  disconnectRedis(admin);
  await redis.stop();
  await endLeftovers();
});

const bytes = Buffer.from([0, 1, 0xc1, 0x7b, 255]);

// Fulfilled with how long it took.
async function took(promise) {
  const began = Date.now();
  await promise;
  return Date.now() - began;
}

for (const { library, rooms, gateways, node, prefix } of settings) {
  describe(`${library}, rooms ${rooms}, answers ${gateways} and ${node}`, () => {
    let cluster, crowd, a, b, n, io;
    before(async () => {
      cluster = await Cluster.start({
        redis,
        binary: 'confab-cast',
        args: ['--redis-prefix', prefix, '--redis-rooms', rooms, '--redis-response-channel', gateways],
        peers: [{ library, namespaces, adapter: { key: prefix, publishOnSpecificResponseChannel: node === 'specific' } }],
      });
      [a, b, n] = cluster.servers;
      io = n.io;
      crowd = await Crowd.gather({ a, b, n });
      await crowd.join('red', 'a1', 'b1', 'n1');
      await crowd.join('blue', 'a2', 'b1', 'n2');
      await crowd.join('black', 'n2');
    });
    after(() => {
      crowd?.leaveAll();
      return cluster?.stop();
    });

    const reaches = async (from, how, expected) =>
      assert.deepEqual(await crowd.told(from, how, 'news', 1, 'two', { three: [null, 4.5] }), expected, JSON.stringify([from, how]));
    const all = ['a1', 'a2', 'b1', 'b2', 'n1', 'n2'];

    test('every server is counted once in every namespace', async () => {
      for (const nsp of namespaces) assert.equal(await subscribers(admin, `${prefix}-request#${nsp}#`), 3);
    });

    test('from each server: to all, rooms, and all but some', async () => {
      const { id } = crowd.clients.b2;
      for (const from of ['a1', 'b1', 'n1']) {
        await reaches(from, {}, all);
        await reaches(from, { to: ['red'] }, ['a1', 'b1', 'n1']);
        await reaches(from, { to: ['red', 'blue'] }, ['a1', 'a2', 'b1', 'n1', 'n2']);
        await reaches(from, { to: ['red', 'red'] }, ['a1', 'b1', 'n1']);
        await reaches(from, { to: ['black', 'nowhere'] }, ['n2']);
        await reaches(from, { to: ['nowhere'] }, []);
        await reaches(from, { to: [id] }, ['b2']);
        await reaches(from, { to: [id, 'red'] }, ['a1', 'b1', 'b2', 'n1']);
        await reaches(from, { except: ['blue'] }, ['a1', 'b2', 'n1']);
        await reaches(from, { except: ['red', id] }, ['a2', 'n2']);
        await reaches(from, { to: ['red'], except: ['blue'] }, ['a1', 'n1']);
        await reaches(from, { to: ['red'], except: [id, crowd.clients.a1.id, crowd.clients.n1.id] }, ['b1']);
        await reaches(from, { local: true }, [`${from[0]}1`, `${from[0]}2`]);
        await reaches(from, { volatile: true }, all);
        await reaches(from, { volatile: true, to: ['blue'] }, ['a2', 'b1', 'n2']);
        await reaches(from, { ordered: true, to: ['red'] }, ['a1', 'b1', 'n1']);
        await reaches(from, { ordered: true, except: ['red'] }, ['a2', 'b2', 'n2']);
      }
    });

    test('to all but the sender', async () => {
      for (const from of ['a1', 'b1', 'n1']) {
        assert.equal(await ask(crowd.clients[from], 'others', 'news'), 'ok');
        assert.deepEqual(Object.keys(await crowd.heard(from)), all.filter((name) => name !== from));
      }
    });

    test('bytes stay bytes, wherever they are', async () => {
      const args = [bytes, { deep: [{ er: bytes }, bytes, Buffer.alloc(0)] }, 'text', null, Buffer.alloc(70000, 7)];
      for (const from of ['a1', 'b1', 'n1']) {
        for (const how of [{}, { to: ['red', 'blue'] }, { ordered: true }]) {
          await crowd.cast(from, how, 'bytes', ...args);
          for (const [name, log] of Object.entries(await crowd.heard(from))) {
            assert.deepEqual(log, [['bytes', ...args]], `${name} from ${from}`);
          }
        }
      }
    });

    test('values come through as they are', async () => {
      const values = [
        0, -1, 127, 128, -129, 65536, 2 ** 32, -(2 ** 33), Number.MAX_SAFE_INTEGER, 1.5, -0.25, 1e-7, true, false, null, '', 'ünï',
        '日本語😀\u0000\u2028"\\', 'x'.repeat(70000), [], {}, [[[[]]]], { '': { 1: 1, a: [] } }, Array.from({ length: 300 }, (_, i) => i),
      ];
      for (const from of ['a1', 'n1']) assert.deepEqual(await crowd.told(from, {}, 'values', ...values), all);
    });

    test('rooms of any name', async () => {
      for (const room of ['42', '4.50', 'a#b', '#', 'a b', 'g*l?o[b]\\', '日本語😀', '$', 'x'.repeat(200)]) {
        await crowd.join(room, 'a2', 'b1', 'n1');
        for (const from of ['a1', 'b2', 'n2']) await reaches(from, { to: [room] }, ['a2', 'b1', 'n1']);
        await crowd.leave(room, 'a2', 'b1', 'n1');
        for (const from of ['a1', 'n2']) await reaches(from, { to: [room] }, []);
      }
    });

    test('a volatile packet passes by who cannot take it now', async () => {
      const place = { a: 'b1', b: 'n1', n: 'a1' }; // who casts to a client of which server
      for (const server of ['a', 'b', 'n']) {
        const waiting = await Polling.joined({ a, b, n }[server]);
        await crowd.cast(place[server], { volatile: true }, 'volatile');
        await crowd.cast(place[server], {}, 'lasting');
        await crowd.heard(place[server]);
        assert.equal((await waiting.get()).body.split('\x1e')[0], '42["lasting"]', `at ${server}`);
        await waiting.post('1');
      }
    });

    for (const path of namespaces.slice(1)) {
      test(`the namespace ${path} is one of its own`, async () => {
        const other = await Crowd.gather({ a, b, n }, { each: 1, path });
        await other.join('red', 'a1', 'n1');
        for (const from of ['a1', 'b1', 'n1']) {
          assert.deepEqual(await other.told(from, {}, 'news', bytes), ['a1', 'b1', 'n1']);
          assert.deepEqual(await other.told(from, { to: ['red'] }, 'news'), ['a1', 'n1']);
        }
        assert.deepEqual(await crowd.heard('a1', 'b1', 'n1'), {});
        const there = await io.of(path).timeout(2000).fetchSockets();
        assert.deepEqual(there.map(({ id }) => id).sort(), other.sockets.map(({ id }) => id).sort());
        other.leaveAll();
      });
    }

    test('fetchSockets lists all sockets with handshake, rooms and data', async () => {
      const data = { name: 'Ann', n: 1.5, list: [{}] };
      await ask(crowd.clients.a1, 'data', data);
      const guest = await connect(`${b.url}/?q=1&r=%C3%BC`, {
        ...transports.websocket, auth: { token: 'x' },
        extraHeaders: { cookie: 'sid=secret', authorization: 'Bearer secret', 'user-agent': 'tests', origin: b.url, 'x-other': 'y' },
      });
      const sockets = await io.fetchSockets();
      const expected = [...crowd.sockets, guest].map(({ id }) => id);
      assert.deepEqual(sockets.map(({ id }) => id).sort(), expected.sort());
      const of = (client) => sockets.find(({ id }) => id === client.id);
      assert.deepEqual(of(crowd.clients.a1).data, data);
      assert.deepEqual(of(crowd.clients.b2).data, {});
      assert.deepEqual([...of(crowd.clients.b1).rooms].sort(), [crowd.clients.b1.id, 'blue', 'red'].sort());
      const { handshake } = of(guest);
      assert.deepEqual(Object.keys(handshake), Object.keys(crowdsOwn(n).handshake).filter((key) => key !== 'sessionStore'));
      assert.deepEqual(handshake.headers, { 'user-agent': 'tests', origin: b.url });
      assert.deepEqual(handshake.auth, { token: 'x' });
      assert.equal(handshake.query.q, '1');
      assert.equal(handshake.query.r, 'ü');
      assert.match(handshake.url, /^\/socket\.io\/\?/);
      assert.match(handshake.address, /127\.0\.0\.1$/);
      assert.ok(Math.abs(handshake.issued - Date.now()) < 60000);
      assert.ok(Math.abs(Date.parse(handshake.time) - handshake.issued) < 1000, handshake.time);
      assert.deepEqual([handshake.secure, handshake.xdomain], [false, true]);
      assert.ok(!JSON.stringify(sockets.map((socket) => socket.handshake)).includes('secret'));
      assert.deepEqual(
        (await io.in('red').except('blue').fetchSockets()).map(({ id }) => id).sort(),
        [crowd.clients.a1.id, crowd.clients.n1.id].sort());
      closeAll(guest);
      await eventually(async () => (await io.fetchSockets()).length === all.length, 5000, 'the guest is gone');
    });
    const crowdsOwn = (server) => [...server.io.of('/').sockets.values()][0];

    test('acknowledgements of all clients are gathered', async () => {
      for (const [name, socket] of Object.entries(crowd.clients)) {
        socket.on('q', (what, answer) => answer(name === 'a2' ? what : { name, what }));
      }
      const answers = await io.timeout(2000).emitWithAck('q', bytes);
      assert.equal(answers.length, all.length);
      assert.deepEqual(answers.find((one) => Buffer.isBuffer(one)), bytes);
      assert.deepEqual(answers.map((one) => one.name ?? 'a2').sort(), all);
      assert.deepEqual((await io.to('red').timeout(2000).emitWithAck('q', 1)).map((one) => one.name).sort(), ['a1', 'b1', 'n1']);
      assert.deepEqual(await io.to('nowhere').timeout(500).emitWithAck('q', 1), []);
      const one = (await io.in(crowd.clients.b2.id).fetchSockets())[0];
      assert.deepEqual(await one.timeout(2000).emitWithAck('q', 2), { name: 'b2', what: 2 });
      for (const socket of crowd.sockets) socket.off('q');
      const late = await took(assert.rejects(io.timeout(300).emitWithAck('q', 3), /operation has timed out/));
      assert.ok(late >= 290 && late < 1500, `${late} ms`);
      await crowd.heard('n1');
    });

    test('sockets join and leave rooms by a peer\'s word', async () => {
      io.in(['a2', 'b2', 'n2'].map((name) => crowd.clients[name].id)).except('black').socketsJoin(['far', 'away']);
      await eventually(async () => (await io.in('far').fetchSockets()).length === 2, 5000, 'they joined');
      const live = rooms === 'exact' ? 1 : 0;
      await eventually(async () => (await subscribers(admin, `${prefix}#/#far#`)) === 2 * live, 5000, 'they listen');
      await reaches('n1', { to: ['far'] }, ['a2', 'b2']);
      await reaches('a1', { to: ['away'] }, ['a2', 'b2']);
      io.in('far').socketsLeave('far');
      await eventually(async () => (await io.in('far').fetchSockets()).length === 0, 5000, 'they left');
      await reaches('n1', { to: ['far'] }, []);
      const [remote] = await io.in(crowd.clients.a1.id).fetchSockets();
      remote.join('own');
      await eventually(async () => (await io.of('/').adapter.allRooms()).has('own'), 5000, 'the room is listed');
      io.socketsLeave(['own', 'away']);
      await eventually(async () => !(await io.of('/').adapter.allRooms()).has('own'), 5000, 'the room is not listed');
    });

    test('allRooms knows the rooms of all', async () => {
      const known = await io.of('/').adapter.allRooms();
      assert.deepEqual([...known].sort(), [...crowd.sockets.map(({ id }) => id), 'red', 'blue', 'black'].sort());
    });

    test('sockets are disconnected by a peer\'s word', async () => {
      for (const server of [a, b, n]) {
        const stays = await connect(server.url);
        const goes = await connect(`${server.url}/custom`, { forceNew: false });
        const both = goes.io.socket('/');
        await heard(both, 'connect');
        const ended = heard(goes, 'disconnect');
        io.of('/custom').in(goes.id).disconnectSockets();
        assert.deepEqual((await ended)[0], 'io server disconnect');
        assert.ok(both.connected);
        const closed = heard(both, 'disconnect');
        io.in(both.id).disconnectSockets(true);
        await closed;
        await eventually(() => !both.io.engine || both.io.engine.readyState === 'closed', 5000, 'the connection is closed');
        assert.ok(stays.connected);
        closeAll(stays, goes, both);
      }
    });

    test('events between servers: nobody waits for a timeout', async () => {
      const answers = [];
      const quick = await took(io.serverSideEmitWithAck('question', 1, { x: 'y' }).then((list) => answers.push(...list)));
      assert.ok(quick < 1500, `${quick} ms`);
      assert.deepEqual(answers.map(({ args }) => args), [[1, { x: 'y' }], [1, { x: 'y' }]]);
      assert.equal(new Set(answers.map(({ from }) => from)).size, 2);
      const unheard = await took(io.serverSideEmitWithAck('nobody listens').then((list) => assert.equal(list.length, 2)));
      assert.ok(unheard < 1500, `${unheard} ms`);
      io.serverSideEmit('notice', 'psst');
      assert.deepEqual(Object.keys(await crowd.heard('n1')), ['a1', 'a2', 'b1', 'b2']);
    });

    test('the emitter reaches all', async () => {
      const emitter = new Emitter(admin, { key: prefix });
      const got = async (expected) => {
        const end = `fence ${Math.random()}`;
        emitter.emit(end);
        await eventually(() => crowd.sockets.every(({ log }) => log.some(([event]) => event === end)), 5000, 'the end');
        assert.deepEqual(Object.keys(crowd.take()), expected);
      };
      emitter.emit('x', bytes);
      await got(all);
      emitter.to('red').emit('x', { deep: [bytes] });
      await got(['a1', 'b1', 'n1']);
      emitter.to(['red', 'blue']).except(crowd.clients.b1.id).volatile.emit('x');
      await got(['a1', 'a2', 'n1', 'n2']);
      emitter.except('red').emit('x');
      await got(['a2', 'b2', 'n2']);
      emitter.of('custom').emit('x');
      await got([]);
      emitter.serverSideEmit('notice', 'from outside');
      await eventually(() => crowd.sockets.every(({ log }) => log.length === 1), 5000, 'the notice');
      crowd.take();
      emitter.in('black').socketsJoin('white');
      emitter.in('blue').socketsLeave('white');
      const goers = await Crowd.gather({ a, b, n }, { each: 1 });
      const gone = goers.sockets.map((socket) => heard(socket, 'disconnect'));
      emitter.in(goers.sockets.map(({ id }) => id)).disconnectSockets(true);
      await Promise.all(gone);
      assert.ok(crowd.sockets.every(({ connected }) => connected));
    });

    test('requests in the form of older adapters are answered', async () => {
      const listener = await connectRedis(redis.url);
      const answers = [];
      await listener.pSubscribe(`${prefix}-response#/#*`, (text, channel) => answers.push([channel, JSON.parse(text)]));
      const request = (what) => admin.publish(`${prefix}-request#/#`, JSON.stringify(what));
      const answer = (requestId, count = 1) => eventually(() => {
        const mine = answers.filter(([, { requestId: id }]) => id === requestId);
        return mine.length === count && mine;
      }, 5000, `${count} answers to ${requestId}`);
      await request({ uid: 'mine', requestId: 'r0', type: 0, rooms: ['red'] });
      const found = await answer('r0', 3);
      assert.deepEqual(found.flatMap(([, { sockets }]) => sockets).sort(), ['a1', 'b1', 'n1'].map((name) => crowd.clients[name].id).sort());
      const sid = crowd.clients.a2.id;
      const channel = `${prefix}-response#/#${gateways === 'specific' ? 'mine#' : ''}`;
      await request({ uid: 'mine', requestId: 'r2', type: 2, sid, room: 'old' });
      assert.deepEqual(await answer('r2'), [[channel, { requestId: 'r2' }]]);
      await eventually(async () => (await io.in('old').fetchSockets())[0]?.id === sid, 5000, 'joined');
      await request({ uid: 'mine', requestId: 'r3', type: 3, sid, room: 'old' });
      await answer('r3');
      assert.deepEqual(await io.in('old').fetchSockets(), []);
      const goes = await connect(a.url);
      const gone = heard(goes, 'disconnect');
      await request({ uid: 'mine', requestId: 'r4', type: 4, sid: goes.id, close: true });
      await answer('r4');
      await gone;
      disconnectRedis(listener);
    });
  });
}
