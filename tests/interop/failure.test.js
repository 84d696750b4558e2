// Gateways die, stop, or lose their clients' connections: who comes back in time was never away, who does not leaves once, others notice
// nothing else.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { ask, closeAll, connect, heard, transports } from './lib/clients.js';
import { endLeftovers, withCluster } from './lib/cluster.js';
import { binaries, eventually, runToEnd } from './lib/processes.js';
import { Proxy } from './lib/proxy.js';
import { assertUnnoticed, comeBack, converse, cut, enter, events, forget, list, told } from './lib/users.js';

const LEASE_MS = 6000;
const SOON_MS = LEASE_MS + 3000; // when the names of the dead have left the list

after(endLeftovers);

const ways = [transports.websocket, transports.polling];
const enterMany = (server, stem, count) =>
  Promise.all(Array.from({ length: count }, (_, i) => enter(server, `${stem} ${i}`, ways[i % 2])));

function assertUndisturbed(sockets) {
  for (const socket of sockets) assert.ok(socket.connected && !socket.endings?.length, `${socket.name}: ${socket.endings}`);
}

// Whatever was still to be told of names has been told: this one is announced after it.
async function sweptSince(server, watchers) {
  const last = await enter(server, `last ${Date.now()}`);
  await cut(last);
  await eventually(() => watchers.every((watcher) => told(watcher, 'userLeft', last.name) === 1), SOON_MS + 6000, 'a sweep later');
}

describe('one of several gateways ends', { concurrency: 8 }, () => {
  test('killed: its users leave once, who comes back in time is not noticed', () =>
    withCluster({ gateways: 3, peers: [{}] }, async (cluster, a, b, c, n) => {
      const dead = await enterMany(a, 'dead', 6);
      const returning = await enterMany(a, 'back', 6);
      const others = [...(await enterMany(b, 'bee', 4)), ...(await enterMany(c, 'sea', 4))];
      const watchers = [...others, await connect(n.url), await connect(n.url, transports.polling)];
      await converse(others, watchers);
      forget(...watchers);

      const killed = Date.now();
      cluster.gateways.shift();
      await a.kill();
      const resumed = Promise.all(returning.map((user, i) => comeBack(user, i % 2 ? b : c)));
      const taken = await connect(b.url);
      assert.equal((await ask(taken, 'login', 'dead 0')).error, 'name_taken', 'not before its time');
      const back = await resumed;
      const once = () => watchers.every((watcher) => dead.every(({ name }) => told(watcher, 'userLeft', name) === 1));
      await eventually(once, SOON_MS - (Date.now() - killed), 'the dead leave');
      const left = Date.now() - killed;
      assert.ok(left > LEASE_MS - 2500, `after ${left} ms`);
      const { names } = await list(others[0]);
      assert.deepEqual(names.slice().sort(), [...others, ...back].map(({ name }) => name).sort());
      const began = Date.now();
      assert.equal((await n.io.fetchSockets()).length, others.length + back.length + 1 + 2);
      assert.ok(Date.now() - began < 1500, 'Node waits for no dead node');

      await sweptSince(b, watchers);
      assert.ok(once(), 'still once');
      assertUnnoticed(watchers, [...back, ...others].map(({ name }) => name));
      assertUndisturbed([...back, ...watchers]);
      await converse([...back, ...others], watchers);
      closeAll(taken, ...back, ...watchers);
    }));

  test('killed, and started again under the same tag', () =>
    withCluster({ gateways: 1 }, async (cluster, a) => {
      const tagged = await cluster.another(['--node-tag', 'again']);
      const [ann, ben] = await enterMany(tagged, 'tag', 2);
      const watcher = await enter(a, 'Watcher');
      await tagged.kill();
      const began = Date.now();
      const successor = await cluster.another(['--node-tag', 'again']);
      cluster.gateways.push(successor);
      assert.ok(Date.now() - began < LEASE_MS + 2000, `ready after ${Date.now() - began} ms`);
      const back = await comeBack(ann, successor);
      assert.match(back.id, /^again\./);
      await eventually(() => told(watcher, 'userLeft', ben.name) === 1, SOON_MS, 'who does not come back leaves');
      await sweptSince(a, [watcher]);
      assert.equal(told(watcher, 'userLeft', ben.name), 1);
      assertUnnoticed([watcher], [ann.name]);
      closeAll(back, watcher);
    }));

  test('a tag that a live process has: one line, and the exit status 69', () =>
    withCluster({ gateways: 1, args: ['--node-tag', 'mine'] }, async (cluster, a) => {
      const user = await enter(a, 'Mine');
      const args = ['--listen', '127.0.0.1:0', '--redis', cluster.redis.url, '--node-tag', 'mine', '--log-level', 'error'];
      const { code, stderr } = await runToEnd('confab-gateway', args, { ms: SOON_MS });
      assert.equal(code, 69);
      const lines = stderr.split('\n').filter((line) => line.startsWith('confab-gateway:'));
      assert.equal(lines.length, 1, stderr);
      assert.match(lines[0], /node tag mine is held by another live process/);
      assert.doesNotMatch(stderr, /Sanitizer|runtime error|^live /m);
      await converse([user]);
      assertUndisturbed([user]);
      closeAll(user);
    }));

  test('SIGTERM: names are kept for those who move on, the process ends in time', () =>
    withCluster({ gateways: 3, peers: [{}] }, async (cluster, a, b, c, n) => {
      const moving = await enterMany(a, 'move', 8);
      const leaving = await enterMany(a, 'leave', 2);
      const others = [...(await enterMany(b, 'bee', 2)), ...(await enterMany(c, 'sea', 2))];
      const watchers = [...others, await connect(n.url)];
      await converse(others, watchers);
      forget(...watchers);
      const moved = Promise.all(moving.map(async (user, i) => {
        await heard(user, 'disconnect', 12000);
        return comeBack(user, i % 2 ? b : c, ways[i % 2]);
      }));
      cluster.gateways.shift();
      const began = Date.now();
      const ended = a.stop('SIGTERM').then(() => Date.now() - began);
      await eventually(async () => (await fetch(`${a.url}/readyz`)).status === 404, 2000, 'not ready');
      const late = await connect(a.url); // still taken
      const all = await moved;
      const took = await ended;
      assert.ok(took < 12000, `${took} ms`);
      assert.equal(late.connected, false);
      await eventually(() => watchers.every((watcher) => leaving.every(({ name }) => told(watcher, 'userLeft', name) === 1)),
        SOON_MS, 'who does not move on leaves');
      await sweptSince(b, watchers);
      for (const watcher of watchers) for (const { name } of leaving) assert.equal(told(watcher, 'userLeft', name), 1);
      assertUnnoticed(watchers, [...all, ...others].map(({ name }) => name));
      assertUndisturbed([...all, ...watchers]);
      closeAll(...all, ...watchers);
    }));

  test('lost Wi-Fi: the same name within a second, whether the server saw the loss or not', () =>
    withCluster({}, async (cluster, a, b) => {
      const proxy = await Proxy.start(a.port);
      const watcher = await enter(b, 'Watcher');
      for (const way of ['cut', 'hush']) {
        for (const options of [...ways, transports.upgrade]) {
          const name = `${way} ${options.transports.join('-')}`.slice(0, 20);
          const user = await enter(proxy, name, options);
          await eventually(() => told(watcher, 'userJoined', name) === 1, 5000, 'joined');
          forget(watcher);
          proxy[way]();
          proxy.speak();
          const began = Date.now();
          const back = await comeBack(user, proxy, options);
          assert.ok(Date.now() - began < 1000, `${name}: ${Date.now() - began} ms`);
          assert.equal(back.resume.length, 32);
          await converse([back, watcher]);
          assertUnnoticed([watcher], [name]);
          user.io.engine.close();
          closeAll(user, back);
          await eventually(() => told(watcher, 'userLeft', name) === 1, 5000, 'left');
        }
      }
      assertUndisturbed([watcher]);
      closeAll(watcher);
      await proxy.stop();
    }));
});

// Clients that only log in, from a process of their own; `failed` if it ends by itself.
function crowd(server, count) {
  const child = spawn(join(binaries, 'confab-load'), [
    '--target', server.url, '--clients', String(count), '--ramp', '2500', '--login', '--mode', 'idle', '--duration-ms', '120s', '--quiet',
  ], { stdio: ['ignore', 'ignore', 'inherit'] });
  const load = { ended: new Promise((done) => child.on('exit', done)), failed: false };
  load.ended.then(() => { load.failed = true; });
  load.stop = () => child.kill('SIGKILL') && load.ended;
  return load;
}

test('five thousand users on the gateway that is killed', () =>
  withCluster({ args: ['--presence-limit', '200'], peers: [{}] }, async (cluster, a, b, n) => {
    const COUNT = 5000;
    const others = await enterMany(b, 'other', 3);
    const watchers = [...others, await connect(n.url)];
    const load = crowd(a, COUNT);
    const returning = await enterMany(a, 'return', 10);
    const online = async (server) => (await server.metrics()).get('confab_names_online');
    const all = COUNT + others.length + returning.length;
    await eventually(async () => load.failed || ((await online(b)) === all && (await online(a)) === all), 40000, `${all} are online`);
    assert.equal(load.failed, false);
    assert.equal((await list(others[0])).total, all);
    const sum = ({ log }, event, key) => log.reduce((total, [name, what]) =>
      total + (name === event ? 1 : name === 'presence' ? what[key] : 0), 0);
    await eventually(() => watchers.every((one) => sum(one, 'userJoined', 'joined') >= COUNT), 5000, 'all were announced');
    forget(...watchers);

    const killed = Date.now();
    cluster.gateways.shift();
    await Promise.all([a.kill(), load.stop()]);
    const back = await Promise.all(returning.map((user) => comeBack(user, b)));
    await eventually(async () => (await online(b)) === all - COUNT, SOON_MS - (Date.now() - killed), 'the list is right');
    await eventually(() => watchers.every((one) => sum(one, 'userLeft', 'left') === COUNT), 2000, 'all were announced as left');
    await sweptSince(b, watchers);
    for (const watcher of watchers) {
      assert.equal(sum(watcher, 'userLeft', 'left'), COUNT + 1);
      assert.equal(sum(watcher, 'userJoined', 'joined'), 1);
      const left = events(watcher, 'userLeft');
      assert.equal(new Set(left).size, left.length);
    }
    assertUnnoticed(watchers, [...back, ...others].map(({ name }) => name));
    assert.deepEqual((await list(back[0])).names.slice().sort(), [...back, ...others].map(({ name }) => name).sort());
    assertUndisturbed([...back, ...watchers]);
    await converse([...back, ...others], watchers);
    closeAll(...back, ...watchers);
  }));
