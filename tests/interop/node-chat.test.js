// The chat beside Node servers that come and go: what Node sees of it, and that neither side disturbs the other.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { ask, closeAll, connect, heard, logIn, settled } from './lib/clients.js';
import { endLeftovers, withCluster } from './lib/cluster.js';
import { growth } from './lib/counts.js';
import { Peer, connectRedis, disconnectRedis, subscribers } from './lib/peer.js';
import { eventually } from './lib/processes.js';

after(endLeftovers);

const events = (socket, name) => socket.log.filter(([event]) => event === name).map(([, ...args]) => args);
const logs = (...sockets) => sockets.map(({ log }) => log.map(([event, what]) => [event, what?.message ?? what]));

for (const nsp of ['/', '/plauderei-ünï']) {
  test(`a Node server sees who is online, and its clients what is said, in ${nsp}`, () =>
    withCluster({ args: ['--chat-namespace', nsp], peers: [{ namespaces: [nsp] }, { library: 'ioredis', namespaces: [nsp] }] },
      async (cluster, a, b, n, o) => {
        const [atNode, atOther] = [await connect(n.url + nsp), await connect(o.url + nsp)];
        const ann = await logIn(a.url + nsp, 'Ann');
        const bob = await logIn(b.url + nsp, 'Bób');
        const guest = await connect(b.url + nsp);
        const online = async (server, room) => {
          const audience = room ? server.io.of(nsp).in(room) : server.io.of(nsp);
          const sockets = await audience.fetchSockets();
          return sockets.map(({ id, data }) => [id, data.name]).sort();
        };
        const all = [[ann.id, 'Ann'], [bob.id, 'Bób'], [guest.id, undefined], [atNode.id, undefined], [atOther.id, undefined]].sort();
        assert.deepEqual(await online(n), all);
        assert.deepEqual(await online(o), all);

        await ask(ann, 'join', { room: 'tea' });
        assert.deepEqual(await online(n, 'chat:tea'), [[ann.id, 'Ann']]);
        n.io.of(nsp).in(atOther.id).socketsJoin('chat:tea');
        await eventually(async () => (await online(n, 'chat:tea')).length === 2, 5000, 'a client of Node is in the room');
        await ask(ann, 'chat', { room: 'tea', message: 'hot' });
        o.io.of(nsp).to('chat:tea').emit('chat', { sender: 'Node', message: 'too' });
        await ask(bob, 'chat', 'to all');
        ann.disconnect();
        await eventually(() => [atNode, atOther, guest, bob].every(({ log }) => log.at(-1)?.[0] === 'userLeft'), 5000, 'Ann left');
        const told = [['userJoined', 'Ann'], ['userJoined', 'Bób'], ['chat', 'to all'], ['userLeft', 'Ann']];
        assert.deepEqual(logs(atNode)[0], told);
        // In either order: what its own server says may overtake what comes from another.
        const tea = logs(atOther)[0].filter(([, what]) => what === 'hot' || what === 'too');
        assert.deepEqual(tea.map(([, what]) => what).sort(), ['hot', 'too']);
        assert.deepEqual(logs(atOther)[0].filter(([, what]) => what !== 'hot' && what !== 'too'), told);
        assert.deepEqual(logs(guest)[0], told.slice(2));
        closeAll(bob, guest, atNode, atOther);
      }));
}

test('a gateway without an application carries a Node team\'s own', () =>
  withCluster({ args: ['--app', 'none'], peers: [{}] }, async (cluster, a, b, n) => {
    const [one, two] = [await connect(a.url), await connect(b.url)];
    n.io.in(one.id).socketsJoin('club');
    await eventually(async () => (await n.io.in('club').fetchSockets()).length === 1, 5000, 'joined');
    n.io.emit('all', 1);
    await Promise.all([heard(one, 'all'), heard(two, 'all')]);
    const answers = n.io.timeout(2000).emitWithAck('name?');
    one.once('name?', (answer) => answer('one'));
    two.once('name?', (answer) => answer('two'));
    assert.deepEqual((await answers).sort(), ['one', 'two']);
    closeAll(one, two);
  }));

describe('what travels to a gateway', () => {
  const messages = async (rooms, check) =>
    withCluster({ gateways: 1, binary: 'confab-cast', args: ['--redis-rooms', rooms], peers: [{}] }, async (cluster, a, n) => {
      const [member, other] = [await connect(a.url), await connect(n.url)];
      await ask(member, 'join', 'here');
      const send = (room) => growth(a, 'confab_redis_messages_in_total', async () => {
        for (let i = 0; i < 200; i += 1) n.io.to(room).emit('x', i);
        n.io.emit('fence');
        await heard(member, 'fence');
      });
      await check(send, member, other);
      closeAll(member, other);
    });
  const few = (count) => assert.ok(count >= 1 && count < 10, `${count} messages`); // the fence, a heartbeat
  const many = (count) => assert.ok(count >= 200, `${count} messages`);

  test('exact: only what its own clients need', () => messages('exact', async (send, member, other) => {
    few(await send('elsewhere'));
    few(await send(other.id));
    many(await send('here'));
    many(await send(member.id));
    await ask(member, 'leave', 'here');
    // A room that is empty now stays subscribed for a moment: somebody may be about to come back.
    await eventually(async () => (await send('here')) < 10, 5000, 'the room is not listened to any more');
  }));

  test('all: everything, as Node does', () => messages('all', async (send) => {
    many(await send('elsewhere'));
    many(await send('here'));
  }));
});

for (const library of ['redis', 'ioredis']) {
  test(`servers come and go, clients of others do not notice: ${library}`, () =>
    withCluster({ peers: [{ library }] }, async (cluster, a, b, n) => {
      const admin = await connectRedis(cluster.redis.url);
      const ends = [];
      const watch = (socket) => socket.on('disconnect', (reason) => ends.push(reason));
      const ann = watch(await logIn(a.url, 'Ann'));
      const atNode = await connect(n.url);
      const talk = async (speaker, listeners) => {
        await ask(speaker, 'chat', `${Date.now()}`);
        await eventually(() => listeners.every(({ log }) => log.at(-1)?.[0] === 'chat'), 5000, 'they hear it');
        for (const { log } of listeners) log.length = 0;
      };
      await talk(ann, [ann, atNode]);

      await n.stop();
      assert.equal(atNode.connected, false);
      await eventually(async () => (await subscribers(admin, 'socket.io-request#/#')) === 2, 5000, 'two are left');
      const bob = watch(await logIn(b.url, 'Bob'));
      await talk(bob, [ann, bob]);

      const back = await Peer.start(cluster.redis.url, { library });
      cluster.peers[0] = back;
      const again = watch(await connect(back.url));
      assert.deepEqual((await back.io.fetchSockets()).map(({ data }) => data.name).sort(), ['Ann', 'Bob', undefined]);
      await talk(ann, [ann, bob, again]);

      await b.stop(); // says goodbye: nobody waits for it
      cluster.gateways.pop();
      assert.deepEqual(ends.splice(0), ['transport close']);
      const began = Date.now();
      assert.equal((await back.io.fetchSockets()).length, 2);
      assert.deepEqual(await back.io.serverSideEmitWithAck('hello?'), [undefined]);
      assert.ok(Date.now() - began < 1500, 'no timeout was waited for');

      const third = await cluster.another();
      cluster.gateways.push(third);
      const cid = watch(await logIn(third.url, 'Cid'));
      await talk(cid, [ann, cid, again]);
      await settled(ann, cid);
      assert.deepEqual(ends, []);
      closeAll(ann, bob, cid, again);
      disconnectRedis(admin);
    }));
}
