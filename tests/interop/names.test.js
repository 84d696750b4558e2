// Names are unique in the whole cluster, and all nodes tell the same story about them, in the same order.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { ask, closeAll, connect, heard, settled, transports } from './lib/clients.js';
import { Cluster, endLeftovers, withCluster } from './lib/cluster.js';
import { eventually } from './lib/processes.js';
import { assertUnnoticed, comeBack, converse, cut, enter, events, forget, list, told } from './lib/users.js';

const GRACE_MS = 1500;
const TICK_MS = 1000; // how often is looked for names whose time is over
const LEASE_MS = 6000; // for which a new node does not look

after(endLeftovers);

describe('three gateways and a Node server', () => {
  let cluster, gateways, a, b, c;
  let watchers; // one at each server, not logged in
  before(async () => {
    cluster = await Cluster.start({ gateways: 3, args: ['--name-grace-ms', String(GRACE_MS)], peers: [{}] });
    gateways = cluster.gateways;
    [a, b, c] = gateways;
    watchers = await Promise.all(cluster.servers.map(({ url }) => connect(url)));
  });
  beforeEach(async () => {
    if (!watchers) return;
    await settledEverywhere();
    forget(...watchers);
  });
  after(() => {
    closeAll(...(watchers ?? []));
    return cluster?.stop();
  });

  // A message to all comes after all that happened before it.
  async function settledEverywhere() {
    const speaker = await enter(a, `fence ${Math.random()}`.slice(0, 20));
    await converse([speaker], watchers);
    speaker.disconnect();
    await eventually(() => watchers.every((watcher) => told(watcher, 'userLeft', speaker.name) === 1), 5000, 'it left');
  }

  // What the watchers heard of names and messages, the same for each of them, without what the tests' own fences add.
  async function story() {
    await settledEverywhere();
    const stories = watchers.map(({ log }) => log
      .filter(([event]) => ['userJoined', 'userLeft', 'chat'].includes(event))
      .map(([event, what]) => [event, what.message ?? what])
      .filter(([, what]) => !what.startsWith('fence')));
    for (const one of stories) assert.deepEqual(one, stories[0]);
    return stories[0];
  }

  test('fifty race for one name, one wins', async () => {
    const racers = await Promise.all(Array.from({ length: 50 }, (_, i) => connect(gateways[i % 3].url, transports.websocket)));
    for (let round = 1; round <= 3; round += 1) {
      const spellings = ['Racer', 'RACER', ' racer '];
      const answers = await Promise.all(racers.map((racer, i) => ask(racer, 'login', spellings[(i + round) % 3])));
      const winners = racers.filter((_, i) => answers[i].ok);
      assert.equal(winners.length, 1, JSON.stringify(answers));
      assert.ok(answers.every(({ ok, error }) => ok || error === 'name_taken'));
      const [winner] = winners;
      const shown = events(winner, 'welcome')[0].name;
      racers.splice(racers.indexOf(winner), 1);
      for (const racer of racers) assert.equal(events(racer, 'loginNameExists').length, round);
      winner.disconnect();
      assert.deepEqual(await story(), [['userJoined', shown], ['userLeft', shown]]);
      forget(...watchers);
    }
    closeAll(...racers);
  });

  test('who was told to have a name has it, for everybody, from then on', async () => {
    for (let i = 0; i < 9; i += 1) {
      const [here, there] = [gateways[i % 3], gateways[(i + 1) % 3]];
      const ann = await enter(here, `Ann ${i}`);
      const other = await connect(there.url);
      assert.equal((await ask(other, 'login', `ann ${i}`)).error, 'name_taken');
      ann.disconnect();
      await heard(other, 'userLeft');
      assert.equal((await ask(other, 'login', `ann ${i}`)).ok, true);
      closeAll(other);
    }
  });

  test('a lost connection: the name is resumed on another node, and nobody noticed', async () => {
    for (const [from, to] of [[a, b], [b, c], [c, a]]) {
      const user = await enter(from, 'Berta');
      await eventually(() => watchers.every((watcher) => told(watcher, 'userJoined', 'Berta') === 1), 5000, 'joined');
      forget(...watchers);
      await cut(user);
      const thief = await connect(to.url);
      assert.equal((await ask(thief, 'login', 'Berta')).error, 'name_taken');
      assert.equal((await ask(thief, 'login', { name: 'Berta', resume: 'f'.repeat(32) })).error, 'name_taken');
      const back = await comeBack(user, to);
      assert.equal((await ask(thief, 'login', { name: 'Berta', resume: user.resume })).error, 'name_taken', 'used up');
      await ask(back, 'chat', 'here again');
      assert.deepEqual(await story(), [['chat', 'here again']]);
      if (to === a) {
        // It is not lost with the grace of the old connection either: that of one lost later ends later.
        const other = await enter(from, 'Bertas Schatten');
        await cut(other);
        await eventually(() => watchers.every((one) => told(one, 'userLeft', other.name) === 1), LEASE_MS + GRACE_MS, 'grace is over');
        assertUnnoticed(watchers, ['Berta']);
      }
      back.disconnect();
      await heard(thief, 'userLeft');
      closeAll(thief);
      forget(...watchers);
    }
  });

  test('a name is resumed while the old connection lives elsewhere: that one is closed', async () => {
    let user = await enter(a, 'Cora');
    await story();
    forget(...watchers);
    for (const server of [b, c, c, a, b]) {
      const closed = heard(user, 'disconnect');
      const back = await comeBack(user, server);
      assert.deepEqual((await closed)[0], 'io server disconnect');
      assert.deepEqual((await list(back)).names, ['Cora']);
      user = back;
    }
    assert.deepEqual(await story(), []);
    user.disconnect();
    assert.deepEqual(await story(), [['userLeft', 'Cora']]);
  });

  test('ten times at once from everywhere: one connection has the name in the end', async () => {
    const user = await enter(a, 'Dora');
    const rivals = await Promise.all(Array.from({ length: 9 }, (_, i) => connect(gateways[i % 3].url)));
    const answers = await Promise.all(rivals.map((rival) => ask(rival, 'login', { name: 'Dora', resume: user.resume })));
    // The secret serves once; each of the others comes too late.
    assert.equal(answers.filter(({ ok }) => ok).length, 1, JSON.stringify(answers));
    await eventually(() => !user.connected, 5000, 'the old one is closed');
    assert.deepEqual(await story(), [['userJoined', 'Dora']]);
    closeAll(...rivals);
    assert.deepEqual(await story(), [['userJoined', 'Dora'], ['userLeft', 'Dora']]);
  });

  test('after its grace a name is free everywhere, and left once', async () => {
    const user = await enter(b, 'Edda');
    await cut(user);
    const began = Date.now();
    await eventually(() => watchers.every((watcher) => told(watcher, 'userLeft', 'Edda') === 1), LEASE_MS + GRACE_MS, 'left');
    assert.ok(Date.now() - began > GRACE_MS - 200, `after ${Date.now() - began} ms`);
    const late = await connect(c.url);
    assert.equal((await ask(late, 'login', { name: 'Edda', resume: user.resume })).ok, true, 'as a new one');
    assert.deepEqual(await story(), [['userJoined', 'Edda'], ['userLeft', 'Edda'], ['userJoined', 'Edda']]);
    closeAll(late);
  });

  test('a disconnect while a name is claimed leaves none behind', async () => {
    const hasty = await Promise.all(gateways.map((server) => connect(server.url, transports.websocket)));
    for (const socket of hasty) {
      socket.emit('login', 'Flora');
      socket.disconnect();
    }
    const next = await connect(a.url);
    await eventually(async () => (await ask(next, 'login', 'Flora')).ok, 4000, 'the name is free');
    closeAll(next);
    const all = await story();
    assert.ok(all.every(([, who]) => who === 'Flora'));
    assert.deepEqual(all.map(([event]) => event), all.map((_, i) => (i % 2 ? 'userLeft' : 'userJoined')), 'in turns');
  });

  test('the list is the same on all nodes, on one that came later, too', async () => {
    const users = await Promise.all(Array.from({ length: 24 }, (_, i) => enter(gateways[i % 3], `Gast ${i} é`)));
    users.filter((_, i) => i % 4 === 0).forEach((user) => user.disconnect());
    const here = users.filter((_, i) => i % 4 !== 0);
    await settledEverywhere();
    const late = await cluster.another();
    const guest = await enter(late, 'Zuletzt');
    await settledEverywhere();
    const expected = [...here.map(({ name }) => name), 'Zuletzt'];
    const lists = await Promise.all([...here.slice(0, 3), guest].map(list));
    for (const { names, total } of lists) {
      assert.deepEqual(names, lists[0].names);
      assert.deepEqual([...names].sort(), [...expected].sort());
      assert.equal(total, expected.length);
    }
    closeAll(guest);
    await late.stop();
    closeAll(...here);
  });

  test('one order for all: who joined, who left, what was said', async () => {
    const speakers = await Promise.all(Array.from({ length: 9 }, (_, i) => enter(gateways[i % 3], `Redner ${i}`)));
    const listeners = [...watchers, ...speakers];
    await settledEverywhere();
    forget(...listeners);
    const passing = async (i) => {
      const user = await enter(gateways[i % 3], `Gast ${i}`);
      await ask(user, 'chat', `${user.name} was here`);
      user.disconnect();
    };
    const talk = speakers.flatMap((user) => Array.from({ length: 20 }, (_, i) => ask(user, 'chat', `${user.name}: ${i}`)));
    await Promise.all([...talk, ...Array.from({ length: 18 }, (_, i) => passing(i))]);
    const expected = talk.length + 3 * 18;
    const heardBy = ({ log }) => log.filter(([event]) => ['userJoined', 'userLeft', 'chat'].includes(event));
    await eventually(() => listeners.every((one) => heardBy(one).length >= expected), 5000, 'all heard all');
    const first = heardBy(listeners[0]);
    assert.equal(first.length, expected);
    for (const listener of listeners) assert.deepEqual(heardBy(listener), first);
    for (const { name } of speakers) {
      const own = first.filter(([event, what]) => event === 'chat' && what.sender === name).map(([, { message }]) => message);
      assert.deepEqual(own, Array.from({ length: 20 }, (_, i) => `${name}: ${i}`), 'each in the order it was said');
    }
    closeAll(...speakers);
  });

  test('welcome comes before one\'s own userJoined, however many come at once', async () => {
    const sockets = await Promise.all(Array.from({ length: 60 }, (_, i) => connect(gateways[i % 3].url, transports.websocket)));
    await Promise.all(sockets.map(async (socket, i) => {
      socket.emit('login', `Viele ${i}`);
      socket.emit('onlineUsers');
      await heard(socket, 'onlineUsers');
    }));
    await settled(...sockets);
    await settledEverywhere();
    sockets.forEach((socket, i) => {
      const at = (event, what) => socket.log.findIndex(([name, arg]) => name === event && (arg.name ?? arg) === what);
      const welcome = at('welcome', `Viele ${i}`);
      assert.ok(welcome >= 0 && welcome < at('userJoined', `Viele ${i}`), JSON.stringify(socket.log.slice(0, 20)));
      assert.equal(told(socket, 'userJoined', `Viele ${i}`), 1);
      assert.ok(events(socket, 'onlineUsers')[0].includes(`Viele ${i}`));
    });
    closeAll(...sockets);
  });
});

const LIMIT = 20;
const CROWD = 90;
const stormy = { gateways: 3, args: ['--presence-limit', String(LIMIT), '--name-grace-ms', '300'], peers: [{}] };

test('storms: summaries instead of single news, and they sum up', () => withCluster(stormy, async (cluster) => {
  const watchers = await Promise.all(cluster.servers.map(({ url }) => connect(url)));
  const times = [];
  watchers[0].on('presence', () => times.push(Date.now()));

  const sums = ({ log }) => {
    const sum = { joined: 0, left: 0, single: 0 };
    for (const [event, what] of log) {
      if (event === 'userJoined' || event === 'userLeft') {
        sum[event === 'userJoined' ? 'joined' : 'left'] += 1;
        sum.single += 1;
      } else if (event === 'presence') {
        sum.joined += what.joined;
        sum.left += what.left;
        sum.online = what.online;
      }
    }
    return sum;
  };
  const users = [];
  for (let i = 0; i < CROWD; i += 15) {
    users.push(...(await Promise.all(Array.from({ length: 15 }, (_, j) => enter(cluster.gateways[j % 3], `Sturm ${i + j}`)))));
  }
  await eventually(() => watchers.every((watcher) => sums(watcher).joined === CROWD), 5000, 'all joined');
  assert.equal(sums(watchers[0]).online, CROWD);
  assert.equal(events(watchers[0], 'userJoined').length, LIMIT);
  for (const user of users.slice(0, 3)) {
    const { names, total } = await list(user);
    assert.equal(names.length, LIMIT);
    assert.equal(total, CROWD);
  }
  await Promise.all(users.map((user, i) => (i % 2 ? cut(user) : user.disconnect())));
  await eventually(() => watchers.every((watcher) => sums(watcher).left === CROWD), LEASE_MS + 4000, 'all left');
  const heardBy = ({ log }) => log.filter(([event]) => ['userJoined', 'userLeft', 'presence'].includes(event));
  for (const watcher of watchers) {
    assert.deepEqual(heardBy(watcher), heardBy(watchers[0]));
    assert.deepEqual([sums(watcher).joined, sums(watcher).left], [CROWD, CROWD]);
  }
  for (const event of ['userJoined', 'userLeft']) {
    const names = events(watchers[0], event);
    assert.equal(new Set(names).size, names.length);
  }
  assert.ok(times.length >= 2);
  assert.ok(sums(watchers[0]).single < CROWD, 'most of them in sums');
  closeAll(...watchers);
}));
