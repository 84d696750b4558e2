// The cluster changes under its users: more gateways, fewer gateways, one told to stop.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { transports } from '../interop/lib/clients.js';
import { compose, docker, inspect, logs, ready } from './lib/cluster.js';
import {
  allBack, assertNoTroubles, assertUndisturbed, assertUnnoticed, converse, enterEverywhere, notOn, on, settle,
} from './lib/people.js';

const TEST = { timeout: 120000 };

let nodes;
beforeEach(async () => { nodes = await ready(3); });

const scale = (count) => compose('up', '-d', '--no-build', '--no-recreate', '--scale', `gateway=${count}`);

async function peopleEverywhere() {
  const people = [];
  for (const options of Object.values(transports)) people.push(...(await enterEverywhere(nodes, options)));
  await settle(people);
  for (const person of people) person.forget();
  return people;
}

test('five gateways, then three again: nobody leaves, nobody on the three is disturbed', TEST, async () => {
  const before = await peopleEverywhere();
  await scale(5);
  const three = nodes;
  nodes = await ready(5);
  const people = [...before, ...(await peopleEverywhere())];
  await converse(people);
  assertUndisturbed(people);
  for (const person of people) person.forget();

  const places = new Map(people.map((person) => [person, person.tag]));
  await scale(3);
  nodes = await ready(3);
  await allBack(people);
  await converse(people);
  const stay = nodes.map(({ tag }) => tag);
  assert.deepEqual([...stay].sort(), three.map(({ tag }) => tag).sort());
  assertUndisturbed(people.filter((person) => stay.includes(places.get(person))));
  assertNoTroubles(people);
  assertUnnoticed(people, people);
});

test('a gateway is told to stop: its clients go elsewhere under their names, and it ends well', TEST, async () => {
  const people = await peopleEverywhere();
  const [leaving] = nodes;
  const moved = on(people, leaving);
  const others = notOn(people, leaving);
  const began = Date.now();
  await docker('stop', '-t', '15', leaving.id);
  assert.ok(Date.now() - began < 14000, 'it took its whole time');
  const { State: state } = await inspect(leaving.id);
  assert.equal(state.ExitCode, 0, await logs(leaving.id));
  await allBack(moved);
  await converse(people);
  assertNoTroubles(people);
  assertUnnoticed(people, people);
  assertUndisturbed(others);
  for (const { losses } of moved) assert.equal(losses.length, 1, losses.join(', '));
  await docker('start', leaving.id);
  await ready(3);
});
