// Redis fails, for all or for one node: nobody is disconnected, nobody leaves the list, and talk goes on as far as it can.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as passes } from 'node:timers/promises';

import { ask, closeAll, connect, heard, transports } from './lib/clients.js';
import { Cluster, endLeftovers, withCluster } from './lib/cluster.js';
import { Gateway, Redis, eventually, freePort } from './lib/processes.js';
import { Proxy } from './lib/proxy.js';
import { assertUnnoticed, comeBack, converse, cut, enter, events, forget, list, told } from './lib/users.js';

const LEASE_MS = 6000;
const SOON_MS = LEASE_MS + 3000;
const OUTAGE_MS = 10000;
const DETECT_MS = 5000; // a ping every two seconds, two seconds to answer it

after(endLeftovers);

const ways = [transports.websocket, transports.polling];
const enterMany = (server, stem, count) =>
  Promise.all(Array.from({ length: count }, (_, i) => enter(server, `${stem} ${i}`, ways[i % 2])));
const on = (users, server) => users.filter((user) => user.server === server);
const names = (users) => users.map(({ name }) => name);
const messages = (user) => events(user, 'chat').map(({ message }) => message);

function assertUndisturbed(sockets) {
  for (const socket of sockets) assert.ok(socket.connected && !socket.endings?.length, `${socket.name}: ${socket.endings}`);
}

// Says it until the link is known to be down: then the others on the node hear it, and only they.
async function talkAlone(server, users) {
  const [speaker] = on(users, server);
  await eventually(async () => {
    const text = `alone ${Date.now()}`;
    const answer = await ask(speaker, 'chat', text);
    if (!answer.ok) {
      assert.equal(answer.error, 'unavailable');
      return false;
    }
    assert.equal(answer.scope, 'node', JSON.stringify(answer));
    await eventually(() => on(users, server).every((user) => messages(user).includes(text)), 3000, 'they hear it');
    assert.ok(users.every((user) => user.server === server || !messages(user).includes(text)));
    return true;
  }, DETECT_MS + 1000, 'talk goes on alone');
}

// Until a message from each has reached all; gives how long that took.
async function together(servers, users, ms) {
  const began = Date.now();
  const said = new Map(servers.map((server) => [server, []]));
  await eventually(async () => {
    await Promise.all(servers.map(async (server) => {
      const text = `together ${server.port} ${Date.now()}`;
      said.get(server).push(text);
      await ask(on(users, server)[0], 'chat', text);
    }));
    return users.every((user) => servers.every((server) => said.get(server).some((text) => messages(user).includes(text))));
  }, ms, 'messages flow between all nodes');
  return Date.now() - began;
}

// What would wrongly be taken for dead has been announced by now: it would be freed in the step that frees this one.
async function sweptSince(server, watchers) {
  const last = await enter(server, `last ${Date.now()}`);
  await cut(last);
  await eventually(() => watchers.every((watcher) => told(watcher, 'userLeft', last.name) === 1), SOON_MS + 6000, 'a sweep later');
}

const outages = {
  'does not answer': { stop: (redis) => redis.pause(), start: (redis) => redis.resume() },
  'ends, and starts with what it knew': { keeps: true, stop: (redis) => redis.kill(), start: (redis) => redis.run() },
  'ends, and starts empty': { stop: (redis) => redis.kill(), start: (redis) => redis.run(), empty: true },
};

describe('Redis', { concurrency: 8 }, () => {
  for (const [how, { keeps, stop, start, empty }] of Object.entries(outages)) {
    test(`${how}, for ten seconds`, async () => {
      const redis = await Redis.start({ keeps });
      await withCluster({ redis, peers: [{ library: 'ioredis' }] }, (cluster, ...servers) => outage(redis, ...servers));
      await redis.stop();
    });

    async function outage(redis, a, b, n) {
      const users = [...(await enterMany(a, 'ann', 3)), ...(await enterMany(b, 'ben', 3))];
      const atNode = await connect(n.url);
      const leaver = await enter(a, 'Leaver');
      const lost = await enter(b, 'Lost');
      await converse(users, [...users, atNode]);
      await ask(users[0], 'join', { room: 'tea' });
      await ask(users[4], 'join', { room: 'tea' });
      forget(...users, atNode);

      const away = passes(OUTAGE_MS);
      await stop(redis);
      await Promise.all([talkAlone(a, users), talkAlone(b, users)]);
      const guest = await connect(a.url);
      assert.equal((await ask(guest, 'login', 'Guest')).error, 'unavailable');
      assert.equal((await ask(guest, 'login', users[0].name)).error, 'unavailable');
      assert.equal((await ask(users[0], 'chat', { room: 'tea', message: 'cold' })).scope, 'node');
      assert.equal((await ask(users[1], 'join', { room: 'new' })).ok, true);
      const ready = await fetch(`${a.url}/readyz`);
      assert.equal(ready.status, 200);
      assert.match(await ready.text(), /degraded/);
      assert.equal((await list(users[3])).total, users.length + 2);
      leaver.disconnect();
      await cut(lost);
      await away;

      await start(redis);
      const took = await together([a, b], users, 3000);
      assertUnnoticed([...users, atNode], names(users));
      assert.ok(took < 3000, `${took} ms`);
      const back = empty ? undefined : await comeBack(lost, a);
      await eventually(async () => (await ask(guest, 'login', 'Guest')).ok, 3000, 'a log-in');
      await ask(users[4], 'chat', { room: 'tea', message: 'hot' });
      await eventually(() => messages(users[0]).includes('hot'), 3000, 'the room is heard');
      n.io.to('chat:new').emit('new', 1);
      await heard(users[1], 'new');
      await eventually(() => messages(atNode).length > 0, 5000, 'Node\'s clients hear it');
      // Each of the two who left meanwhile is missed once.
      const gone = [leaver.name, ...(empty ? [lost.name] : [])];
      await eventually(() => users.every((user) => gone.every((name) => told(user, 'userLeft', name) === 1)), SOON_MS + 6000, 'they left');

      await sweptSince(b, users);
      assertUnnoticed([...users, atNode], names([...users, ...(back ? [back] : [])]));
      for (const user of users) for (const name of gone) assert.equal(told(user, 'userLeft', name), 1);
      const everybody = [...users, ...(back ? [back] : []), { name: 'Guest' }];
      for (const user of [users[0], users[3]]) assert.deepEqual((await list(user)).names.slice().sort(), names(everybody).sort());
      assertUndisturbed([...users, atNode, guest]);
      await converse(users, [...users, atNode]);
      closeAll(...users, guest, atNode, ...(back ? [back] : []));
    }
  }

  test('is not there at the start: the gateway waits, says so once, and begins when it comes', async () => {
    const port = await freePort();
    const gateway = await Gateway.start(['--redis', `redis://127.0.0.1:${port}`]);
    await gateway.printed(/redis_unreachable/);
    const { status } = await fetch(`${gateway.url}/readyz`);
    assert.equal(status, 503);
    assert.equal((await fetch(`${gateway.url}/healthz`)).status, 200);
    const tries = async () => (await gateway.metrics()).get('confab_redis_connects_total');
    await eventually(async () => (await tries()) >= 5, 8000, 'it goes on trying');
    assert.equal(gateway.output.match(/redis_unreachable/g).length, 1);
    assert.equal(gateway.output.match(/ (warn|error) /g).length, 1);
    const redis = await Redis.start({ port });
    await gateway.ready(3000);
    const user = await enter(gateway, 'Patience');
    await converse([user]);
    closeAll(user);
    await gateway.stop();
    await redis.stop();
  });

  // One of two gateways has its own way to Redis.
  async function withOneAside(use) {
    const redis = await Redis.start();
    const cluster = await Cluster.start({ redis, gateways: 1 });
    const proxy = await Proxy.start(redis.port);
    const aside = await Gateway.start(['--redis', proxy.url.replace('http', 'redis')]);
    cluster.gateways.push(await aside.ready());
    try {
      await use(cluster.gateways[0], aside, proxy);
    } finally {
      await proxy.stop();
      await cluster.stop();
      await redis.stop();
    }
  }

  for (const way of ['cut', 'hush']) {
    test(`is out of one node's reach for a moment: nobody is missed, no news either (${way})`, () =>
      withOneAside(async (a, aside, proxy) => {
        const users = [...(await enterMany(a, 'near', 2)), ...(await enterMany(aside, 'far', 2))];
        const leaver = await enter(a, 'Leaver');
        await converse(users);
        forget(...users);
        proxy[way]();
        if (way === 'hush') {
          await eventually(async () => (await aside.metrics()).get('confab_redis_link_up{link="command"}') === 0, DETECT_MS, 'it knows');
        }
        leaver.disconnect();
        const newcomer = await enter(a, 'Newcomer');
        proxy.speak();
        await together([a, aside], users, 3000);
        await sweptSince(a, users);
        assertUnnoticed(users, names(users));
        // Those who were away are told what they missed.
        for (const user of users) {
          assert.deepEqual([told(user, 'userLeft', leaver.name), told(user, 'userJoined', newcomer.name)], [1, 1], user.name);
        }
        assertUndisturbed([...users, newcomer]);
        await converse(users);
        closeAll(...users, newcomer);
      }));
  }

  test('is out of one node\'s reach for longer than a lease: its users leave, once, and come back with it', () =>
    withOneAside(async (a, aside, proxy) => {
      const near = await enterMany(a, 'near', 2);
      const far = await enterMany(aside, 'far', 4);
      await converse([...near, ...far]);
      forget(...near, ...far);
      proxy.hush();
      const began = Date.now();
      await eventually(() => near.every((one) => far.every(({ name }) => told(one, 'userLeft', name) === 1)), SOON_MS, 'they leave');
      assert.ok(Date.now() - began > LEASE_MS - 2500);
      const usurper = await enter(a, far[0].name);
      await talkAlone(aside, far);
      forget(...near, ...far);
      const ousted = heard(far[0], 'loginNameExists', 5000);
      proxy.speak();
      assert.deepEqual(await ousted, [far[0].name]);
      assert.equal((await ask(far[0], 'chat', 'who am I')).error, 'not_logged_in');
      await together([a, aside], [...near, usurper, ...far.slice(1)], 3000);
      for (const user of near) {
        for (const { name } of far.slice(1)) assert.deepEqual([told(user, 'userJoined', name), told(user, 'userLeft', name)], [1, 0]);
        assert.equal(told(user, 'userLeft', usurper.name), 0);
      }
      await sweptSince(a, near);
      assertUnnoticed(near, [...names(near), usurper.name]);
      for (const user of [near[0], far[1]]) assert.equal((await list(user)).total, 6);
      assertUndisturbed([...near, ...far]);
      closeAll(usurper, ...near, ...far);
    }));
});
