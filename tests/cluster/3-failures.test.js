// Parts of the cluster fail: a gateway dies, Redis goes away and comes back.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { setTimeout as passes } from 'node:timers/promises';

import { transports } from '../interop/lib/clients.js';
import { eventually } from '../interop/lib/processes.js';
import { compose, docker, ids, inspect, ready, redis } from './lib/cluster.js';
import {
  allBack, assertNoTroubles, assertUndisturbed, assertUnnoticed, converse, enterEverywhere, notOn, on, settle,
} from './lib/people.js';

const TEST = { timeout: 90000 };
const LEASE_MS = 6000;
const GRACE_MS = 3000; // what comes on top of the lease until the dead are announced
const OUTAGE_MS = 10000;

let nodes;
beforeEach(async () => { nodes = await ready(3); });

// On each node some who come back, by WebSocket, polling and upgrade, and some who do not.
async function crowd() {
  const people = [];
  for (const options of Object.values(transports)) people.push(...(await enterEverywhere(nodes, options)));
  const leavers = await enterEverywhere(nodes, transports.websocket, { each: 3, returns: false, stem: 'x' });
  await settle([...people, ...leavers]);
  for (const person of [...people, ...leavers]) person.forget();
  return { people, leavers };
}

test('a gateway is killed: its users leave, once; who comes back does so unseen; others notice nothing else', TEST, async () => {
  const { people, leavers } = await crowd();
  const [victim] = nodes;
  const dead = on(leavers, victim);
  const survivors = notOn([...people, ...leavers], victim);
  const hit = on(people, victim);
  assert.ok(dead.length >= 3 && hit.length >= 3);

  const killed = Date.now();
  await docker('kill', '-s', 'KILL', victim.id);
  const toldOnce = () => survivors.every((watcher) => dead.every((one) => watcher.told('userLeft', one) === 1));
  await eventually(toldOnce, LEASE_MS + GRACE_MS - (Date.now() - killed), 'userLeft of those who stay away');
  const names = await survivors[0].list();
  for (const { name } of dead) assert.ok(!names.includes(name), `${name} is still in the list`);

  await allBack(hit);
  await converse(people);
  for (const { name } of people) assert.ok((await survivors[0].list()).includes(name), `${name} is not in the list`);

  await docker('start', victim.id);
  nodes = await ready(3);
  await settle(survivors);
  assertNoTroubles(people);
  assertUnnoticed(survivors, people);
  assertUndisturbed(survivors);
  for (const watcher of survivors) {
    for (const one of dead) assert.equal(watcher.told('userLeft', one), 1, `${watcher.name} of ${one.name}`);
    for (const one of notOn(leavers, victim)) assert.equal(watcher.told('userLeft', one), 0);
  }
});

describe('Redis is away for ten seconds', () => {
  const empty = async (id) => {
    const { Image } = await inspect(id);
    await docker('run', '--rm', '--volumes-from', id, Image, 'sh', '-c', 'rm -rf /data/*');
  };
  const ways = { 'and comes back as it was': async () => {}, 'and comes back empty': empty };

  for (const [way, meanwhile] of Object.entries(ways)) {
    test(way, TEST, async () => {
      const { people, leavers } = await crowd();
      const all = [...people, ...leavers];
      const [id] = await ids('redis');
      await docker('stop', id);
      const away = passes(OUTAGE_MS);
      await meanwhile(id);

      // Talk goes on, each node for itself; a message may fall into the moment in which the link breaks.
      const talks = async (node) => {
        const [speaker] = on(people, node);
        const text = `without Redis on ${node.tag} at ${Date.now()}`;
        const answer = await speaker.say(text);
        if (!answer.ok) return false;
        assert.equal(answer.scope, 'node', JSON.stringify(answer));
        await eventually(() => on(all, node).every((one) => one.messages().includes(text)), 3000, 'local talk');
        return true;
      };
      for (const node of nodes) await eventually(() => talks(node), 6000, `${node.tag} notices and goes on`);
      await away;

      await docker('start', id);
      const back = Date.now();
      const greetings = new Map(nodes.map((node) => [node, []]));
      const greetAll = () => eventually(async () => {
        await Promise.all(nodes.map(async (node) => {
          const text = `Redis is back, says ${node.tag} at ${Date.now()}`;
          greetings.get(node).push(text);
          await on(people, node)[0].say(text);
        }));
        const heard = (person) => {
          const messages = new Set(person.messages());
          return nodes.every((node) => greetings.get(node).some((text) => messages.has(text)));
        };
        return all.every(heard);
      }, 3000 - (Date.now() - back), 'messages flow between all nodes');
      await greetAll();
      const took = Date.now() - back;

      // Whoever would wrongly be taken for dead would be announced once a lease has run out.
      await passes(LEASE_MS + GRACE_MS - took);
      assert.match(await redis('ping'), /PONG/);
      await converse(all);
      assertUndisturbed(all);
      assertUnnoticed(all, all);
      const names = await all[0].list();
      for (const { name } of all) assert.ok(names.includes(name), `${name} is not in the list`);
    });
  }
});

test('the balancer starts anew: clients come back to their names', TEST, async () => {
  const { people, leavers } = await crowd();
  await compose('restart', '-t', '2', 'lb');
  await ready(3);
  await allBack(people);
  await converse(people);
  assertNoTroubles(people);
  assertUnnoticed(people, people);
});
