// The C API's questions to many and orders for many, in a cluster of two gateways and a Node server: what one gateway's application asks is
// answered by the clients and servers of all three.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ask, closeAll, connect, heard, transports } from './lib/clients.js';
import { Cluster, endLeftovers, withCluster } from './lib/cluster.js';
import { Crowd } from './lib/crowd.js';
import { connectRedis, disconnectRedis, subscribers } from './lib/peer.js';
import { Gateway, Redis, eventually } from './lib/processes.js';

let redis;
let admin;
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
const all = ['a1', 'a2', 'b1', 'b2', 'n1', 'n2'];

// All mixtures of response channels; each a cluster of its own by its prefix.
for (const [prefix, rooms, gateways, node] of [
  ['socket.io', 'exact', 'shared', 'shared'],
  ['two', 'all', 'specific', 'shared'],
  ['three', 'exact', 'shared', 'specific'],
]) {
  describe(`rooms ${rooms}, answers ${gateways} and ${node}`, () => {
    let cluster, crowd, a, b, n;
    before(async () => {
      cluster = await Cluster.start({
        redis,
        binary: 'confab-cast',
        args: ['--redis-prefix', prefix, '--redis-rooms', rooms, '--redis-response-channel', gateways],
        peers: [{ namespaces: ['/', '/custom'], adapter: { key: prefix, publishOnSpecificResponseChannel: node === 'specific' } }],
      });
      [a, b, n] = cluster.servers;
      crowd = await Crowd.gather({ a, b, n });
      await crowd.join('red', 'a1', 'b1', 'n1');
      await crowd.join('blue', 'a2', 'b1', 'n2');
    });
    after(() => {
      crowd?.leaveAll();
      return cluster?.stop();
    });

    const from = (name, ...event) => ask(crowd.clients[name], ...event);
    const named = (answers) => answers.map((one) => one.name).sort();
    const ids = (sockets) => sockets.map(({ id }) => id).sort();
    const idsOf = (...names) => names.map((name) => crowd.clients[name].id).sort();
    const rooms_of = (sockets, name) => sockets.find(({ id }) => id === crowd.clients[name].id).rooms.sort();

    test('nobody listens for answers before something was asked', async () => {
      const expected = 1; // the Node server
      assert.equal(await subscribers(admin, `${prefix}-response#/#`), expected);
    });

    test('acknowledgements of all clients are gathered', async () => {
      for (const [name, socket] of Object.entries(crowd.clients)) {
        socket.on('q', (what, answer) => answer({ name, what }, 'second'));
        socket.on('silence', (answer) => (name === 'n1' || name === 'b2' ? null : answer({ name })));
        socket.on('nothing', (answer) => answer());
      }
      for (const who of ['a1', 'b2']) {
        const { status, answers } = await from(who, 'ask', {}, 'q', bytes);
        assert.equal(status, 'ok');
        assert.deepEqual(named(answers), all);
        for (const { what } of answers) assert.deepEqual(what, bytes);
        assert.deepEqual(named((await from(who, 'ask', { to: ['red'] }, 'q', 1)).answers), ['a1', 'b1', 'n1']);
        assert.deepEqual(named((await from(who, 'ask', { to: ['red', 'blue'], except: ['blue'] }, 'q', 1)).answers), ['a1', 'n1']);
        assert.deepEqual(named((await from(who, 'ask', { local: true }, 'q', 1)).answers), [`${who[0]}1`, `${who[0]}2`]);
        assert.deepEqual(await from(who, 'ask', { to: ['nowhere'] }, 'q', 1), { status: 'ok', answers: [] });
        assert.deepEqual(await from(who, 'ask', { to: ['red'] }, 'nothing'), { status: 'ok', answers: [null, null, null] });
        assert.deepEqual(await from(who, 'ask', {}, 'disconnecting'), { status: 'invalid', answers: [] });
      }
      assert.equal((await from('a1', 'ask', { timeout: 60000 }, 'q', { deep: [bytes, 'ünï', null] })).answers.length, all.length);
    });

    test('answers that came in time are there after the timeout', async () => {
      const began = Date.now();
      const { status, answers } = await from('a1', 'ask', { timeout: 400 }, 'silence');
      const took = Date.now() - began;
      assert.equal(status, 'timed_out');
      assert.deepEqual(named(answers), ['a1', 'a2', 'b1', 'n2']);
      assert.ok(took >= 390 && took < 2000, `${took} ms`);
    });

    test('Node asks the same, with the same answers', async () => {
      assert.deepEqual(named(await n.io.timeout(3000).emitWithAck('q', 1)), all);
      for (const socket of crowd.sockets) for (const event of ['q', 'silence', 'nothing']) socket.off(event);
      crowd.take();
    });

    test('fetchSockets lists the sockets of all', async () => {
      await from('b1', 'data', { of: 'b1' });
      await from('n2', 'data', { of: ['n2', 1.5] });
      const guest = await connect(`${a.url}/?q=1`, { ...transports.websocket, auth: { token: 'x' }, extraHeaders: { cookie: 'sid=1' } });
      for (const who of ['a1', 'b2']) {
        const { status, answers } = await from(who, 'fetch', {});
        assert.equal(status, 'ok');
        assert.deepEqual(ids(answers), [...idsOf(...all), guest.id].sort());
        const of = (name) => answers.find(({ id }) => id === crowd.clients[name].id);
        assert.deepEqual([of('b1').data, of('n2').data, of('a2').data], [{ of: 'b1' }, { of: ['n2', 1.5] }, {}]);
        assert.deepEqual(rooms_of(answers, 'b1'), ['blue', 'red', crowd.clients.b1.id].sort());
        assert.deepEqual(rooms_of(answers, 'n1'), ['red', crowd.clients.n1.id].sort());
        const { handshake } = answers.find(({ id }) => id === guest.id);
        assert.deepEqual([handshake.query.q, handshake.auth], ['1', { token: 'x' }]);
        // Its own application sees all headers, others what may leave the node.
        assert.equal(handshake.headers.cookie, who === 'a1' ? 'sid=1' : undefined);
        for (const key of ['headers', 'time', 'address', 'xdomain', 'secure', 'issued', 'url', 'query', 'auth']) {
          assert.ok(key in of('n1').handshake && key in of('a1').handshake, key);
        }
        assert.deepEqual(ids((await from(who, 'fetch', { to: ['red'], except: ['blue'] })).answers), idsOf('a1', 'n1'));
        assert.deepEqual(ids((await from(who, 'fetch', { local: true, to: ['red'] })).answers), idsOf(`${who[0]}1`));
        assert.deepEqual((await from(who, 'fetch', { to: ['nowhere'] })).answers, []);
      }
      closeAll(guest);
    });

    test('the sockets of all join and leave rooms', async () => {
      const members = async (room) => ids((await from('b2', 'fetch', { to: [room] })).answers);
      assert.equal(await from('a1', 'all join', { to: ['red'], except: [crowd.clients.b1.id] }, ['far', 'away']), 'ok');
      assert.deepEqual(await members('far'), idsOf('a1', 'n1'));
      assert.equal(await from('b1', 'all join', {}, ['away']), 'ok');
      assert.deepEqual(await members('away'), idsOf(...all));
      assert.deepEqual(await crowd.told('n1', { to: ['far'] }, 'news'), ['a1', 'n1']);
      assert.equal(await from('a1', 'all leave', { to: ['far'] }, ['away', 'far']), 'ok');
      assert.deepEqual(await members('far'), []);
      assert.deepEqual(await members('away'), idsOf('a2', 'b1', 'b2', 'n2'));
      // What its own gateway did is not done again when it comes back from Redis.
      assert.equal(await from('a1', 'all join', {}, ['away']), 'ok');
      await from('a1', 'leave', 'away');
      await crowd.heard('a1');
      assert.deepEqual(await members('away'), idsOf('a2', 'b1', 'b2', 'n1', 'n2'));
      await from('a1', 'all leave', {}, ['away']);
    });

    test('the sockets of all are disconnected', async () => {
      const goers = await Crowd.gather({ a, b, n }, { each: 1 });
      const reasons = goers.sockets.map((socket) => heard(socket, 'disconnect'));
      assert.equal(await from('a1', 'all disconnect', { to: goers.sockets.map(({ id }) => id) }, false), 'ok');
      for (const [reason] of await Promise.all(reasons)) assert.equal(reason, 'io server disconnect');
      for (const server of [a, b, n]) {
        const here = await connect(server.url, { forceNew: true });
        const custom = here.io.socket('/custom');
        await heard(custom, 'connect');
        const ended = heard(custom, 'disconnect');
        assert.equal(await from('b1', 'all disconnect', { to: [here.id] }, true), 'ok');
        await ended;
        closeAll(here, custom);
      }
      assert.ok(crowd.sockets.every(({ connected }) => connected));
    });

    test('events between servers, and their answers', async () => {
      const { status, answers } = await from('a1', 'tell and ask', 3000, 'question', 1, { x: 'y' });
      assert.equal(status, 'ok');
      assert.deepEqual(answers.map(({ args }) => args), [[1, { x: 'y' }], [1, { x: 'y' }]]);
      assert.equal(new Set(answers.map((one) => one.from)).size, 2);
      assert.ok(answers.some((one) => one.from === 'node'));
      const began = Date.now();
      const unheard = await from('a1', 'tell and ask', 500, 'nobody listens');
      assert.equal(unheard.status, 'timed_out'); // the Node server does not answer what nobody handles
      assert.deepEqual(unheard.answers, [null]);
      assert.ok(Date.now() - began >= 490);
      assert.deepEqual(await from('a1', 'tell and ask', 500, 'connection'), { status: 'invalid', answers: [] });
      assert.equal(await from('a1', 'tell', 'notice', 'psst'), 'ok');
      await eventually(() => crowd.clients.n1.log.length > 0 && crowd.clients.b1.log.length > 0, 5000, 'the notice');
      assert.deepEqual(Object.keys(await crowd.heard('a1')), ['b1', 'b2', 'n1', 'n2']);
    });
  });
}

describe('one gateway, a namespace for each part', () => {
  let gateway;
  before(async () => {
    gateway = await Gateway.start([], { binary: 'confab-cast' });
  });
  after(() => gateway?.stop());

  for (const [name, transport] of Object.entries(transports)) {
    test(`handlers, middleware and watchers of one socket over ${name}`, async () => {
      const socket = await connect(`${gateway.url}/listen`, transport);
      assert.equal(await ask(socket, 'own'), 'own');
      assert.equal(await ask(socket, 'shared'), 'shared');
      const refused = heard(socket, 'refused');
      assert.equal(await ask(socket, 'forbidden', bytes), 'forbidden');
      assert.deepEqual(await refused, ['not allowed', [bytes]]);
      const order = [];
      const first = ask(socket, 'slow').then((answer) => order.push(answer));
      const second = ask(socket, 'own').then((answer) => order.push(answer));
      await Promise.all([first, second]);
      assert.deepEqual(order, ['slow', 'own']);
      const { in: came, out } = await ask(socket, 'seen');
      assert.deepEqual(came, ['own', 'shared', 'forbidden', 'slow', 'own', 'seen']);
      assert.deepEqual(out, ['refused/2']);
      closeAll(socket);
    });
  }
});

describe('how sockets end', () => {
  let gateway, watcher;
  before(async () => {
    gateway = await Gateway.start(['--ping-interval-ms', '300', '--ping-timeout-ms', '200'], { binary: 'confab-cast' });
    watcher = await connect(`${gateway.url}/reasons`, transports.websocket);
  });
  after(async () => {
    closeAll(watcher);
    await gateway?.stop();
  });

  // The reason that the application was given for the end of `id`, and in which rooms it was.
  const end = (id) => eventually(() => {
    const gone = watcher.log.find(([event, who]) => event === 'gone' && who === id);
    return gone && [gone[2], gone[3]];
  }, 5000, `the end of ${id}`);

  const members = async (transport) => {
    const socket = await connect(`${gateway.url}/reasons`, transport);
    assert.equal(await ask(socket, 'join', 'red'), 'ok');
    return [socket, socket.id];
  };

  // What this side's application and the client's are told.
  const ends = [
    ['the client leaves', (socket) => socket.disconnect(), 'client namespace disconnect', 'io client disconnect'],
    ['the server ends it', (socket) => socket.emit('end', false), 'server namespace disconnect', 'io server disconnect'],
    ['the server ends the connection', (socket) => socket.emit('end', true), 'server namespace disconnect', 'io server disconnect'],
    ['the client closes its transport', (socket) => socket.io.engine.close(), 'transport close', 'forced close'],
    ['the client answers no ping', (socket) => {
      socket.io.engine.transport.send = () => {};
    }, 'ping timeout', 'transport close'],
    ['the client sends what is no Engine.IO', (socket) => socket.io.engine.transport.ws.send('abc'), 'parse error', 'transport close', ['websocket']],
    ['the client sends what is no Socket.IO', (socket) => socket.io.engine.write('9'), 'forced close', 'transport close'],
    ['the client breaks the rules', (socket) => socket.io.engine.write('2/elsewhere,["x"]'), 'forced close', 'transport close'],
  ];
  for (const [name, transport] of Object.entries({ polling: transports.polling, websocket: transports.websocket })) {
    for (const [what, act, here, there, only = [name]] of ends) {
      if (!only.includes(name)) continue;
      test(`${what}, over ${name}`, async () => {
        const [socket, id] = await members(transport);
        const told = heard(socket, 'disconnect');
        act(socket);
        assert.deepEqual(await end(id), [here, [id, 'red']]);
        assert.equal((await told)[0], there);
        closeAll(socket);
      });
    }
  }

  test('the process ends', async () => {
    const other = await Gateway.start([], { binary: 'confab-cast' });
    const [first, second] = await Promise.all([connect(`${other.url}/reasons`), connect(`${other.url}/reasons`)]);
    const told = Promise.all([heard(first, 'disconnect', 15000), heard(second, 'disconnect', 15000)]);
    await other.stop();
    for (const [reason] of await told) assert.equal(reason, 'transport close');
    const gone = [...first.log, ...second.log].filter(([event]) => event === 'gone');
    for (const [, , reason] of gone) assert.equal(reason, 'server shutting down');
    assert.equal(gone.length, 1); // the second could still tell of the first
    closeAll(first, second);
  });

  test('to the others in a room', async () => {
    const [one] = await members(transports.websocket);
    const [two] = await members(transports.websocket);
    const told = Promise.all([heard(one, 'more'), heard(two, 'news')]);
    assert.equal(await ask(one, 'to others', 'red', 'news', bytes), 'ok');
    assert.equal(await ask(two, 'to others', 'red', 'more', { deep: [bytes] }), 'ok');
    assert.deepEqual(await told, [[{ deep: [bytes] }], [bytes]]);
    assert.ok(!one.log.some(([event]) => event === 'news') && !two.log.some(([event]) => event === 'more'));
    assert.deepEqual(watcher.log.filter(([event]) => event !== 'gone'), []);
    closeAll(one, two);
  });
});

test('namespaces are made when somebody comes, here and at the other gateway', async () => {
  const options = {
    redis, gateways: 2, binary: 'confab-cast', args: ['--redis-prefix', 'dyn'],
    peers: [{ namespaces: [/^\/dyn-\w+$/], adapter: { key: 'dyn' } }],
  };
  await withCluster(options, async (cluster, a, b, n) => {
    const [one, same, peer, two] = await Promise.all([
      connect(`${a.url}/dyn-1`), connect(`${b.url}/dyn-1`), connect(`${n.url}/dyn-1`), connect(`${a.url}/dyn-2`)]);
    assert.deepEqual(await one.timeout(5000).emitWithAck('members'), 1);
    await eventually(async () => (await subscribers(admin, 'dyn-request#/dyn-1#')) === 3, 5000, 'all three are counted');
    const news = [one, same, peer].map((socket) => heard(socket, 'news'));
    n.io.of('/dyn-1').emit('news', 1);
    assert.deepEqual(await Promise.all(news), [[1], [1], [1]]);
    assert.equal((await n.io.of('/dyn-1').fetchSockets()).length, 3);
    const told = [one, same, peer, two].map((socket) => heard(socket, 'to all'));
    assert.equal(await ask(one, 'to all', bytes), 'ok'); // to all that this gateway has, wherever their sockets are
    for (const args of await Promise.all(told)) assert.deepEqual(args, [bytes]);
    await assert.rejects(connect(`${a.url}/dyn-closed`), /Invalid namespace/);
    await assert.rejects(connect(`${a.url}/other`), /Invalid namespace/);
    const more = await Promise.all([3, 4, 5].map((i) => connect(`${a.url}/dyn-${i}`)));
    await assert.rejects(connect(`${a.url}/dyn-6`), /Invalid namespace/);
    closeAll(...more);
    await eventually(() => connect(`${a.url}/dyn-6`).then((socket) => !closeAll(socket)), 5000, 'there is room again');
    closeAll(one, same);
    await eventually(async () => (await subscribers(admin, 'dyn-request#/dyn-1#')) === 1, 5000, 'only Node keeps it');
    const again = await connect(`${b.url}/dyn-1`);
    await eventually(async () => (await subscribers(admin, 'dyn-request#/dyn-1#')) === 2, 5000, 'it is back');
    const anew = heard(again, 'news');
    n.io.of('/dyn-1').emit('news', 2);
    assert.deepEqual(await anew, [2]);
    closeAll(again, peer, two);
  });
});

test('a single node asks itself', async () => {
  const alone = await Cluster.start({ redis, gateways: 1, binary: 'confab-cast', args: ['--redis-prefix', 'alone'] });
  const socket = await connect(alone.gateways[0].url);
  socket.on('q', (answer) => answer('me'));
  assert.deepEqual(await ask(socket, 'ask', {}, 'q'), { status: 'ok', answers: ['me'] });
  assert.equal((await ask(socket, 'fetch', {})).answers.length, 1);
  assert.deepEqual(await ask(socket, 'tell and ask', 1000, 'question'), { status: 'ok', answers: [] });
  closeAll(socket);
  await alone.stop();
});

test('without Redis only this node answers, and says so', async () => {
  const own = await Redis.start();
  const cluster = await Cluster.start({ redis: own, gateways: 2, binary: 'confab-cast' });
  const [a, b] = await Promise.all(cluster.gateways.map(({ url }) => connect(url)));
  a.on('q', (answer) => answer('a'));
  b.on('q', (answer) => answer('b'));
  assert.equal((await ask(a, 'ask', {}, 'q')).answers.length, 2);
  await own.kill();
  await eventually(async () => (await ask(a, 'ask', { timeout: 1000 }, 'q')).status === 'unavailable', 10000, 'the loss is noticed');
  assert.deepEqual(await ask(a, 'ask', { timeout: 1000 }, 'q'), { status: 'unavailable', answers: ['a'] });
  assert.equal((await ask(a, 'fetch', {})).answers.length, 1);
  assert.equal((await ask(a, 'fetch', {})).status, 'unavailable');
  await own.run();
  await eventually(async () => (await ask(a, 'ask', { timeout: 1000 }, 'q')).answers.length === 2, 10000, 'both are there again');
  closeAll(a, b);
  await cluster.stop();
  await own.stop();
});
