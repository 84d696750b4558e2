// People on three gateways talk to each other, whatever they connect with.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { ask, closeAll, connect, transports } from '../interop/lib/clients.js';
import { eventually } from '../interop/lib/processes.js';
import { ready, url } from './lib/cluster.js';
import { Person, converse, enterEverywhere, leave, on, order, settle, tagOf } from './lib/people.js';

const TEST = { timeout: 60000 };

let nodes;
beforeEach(async () => { nodes = await ready(3); });

for (const [way, options] of Object.entries(transports)) {
  describe(`across nodes over ${way}`, () => {
    test('messages reach everybody once and in one order', TEST, async () => {
      const people = await enterEverywhere(nodes, options);
      if (way === 'upgrade') {
        const upgraded = ({ socket }) => socket.io.engine.transport.name === 'websocket';
        await eventually(() => people.every(upgraded), 5000, 'all upgraded');
      }
      for (let round = 0; round < 5; round += 1) await converse(people);
      await settle(people);
      const [first, ...others] = people.map((person) => order(person).slice(-5 * people.length));
      assert.equal(first.length, 5 * people.length);
      for (const other of others) assert.deepEqual(other, first);
    });

    test('who is online, who joins and who leaves', TEST, async () => {
      const people = await enterEverywhere(nodes, options);
      const late = await Person.enter(options);
      for (const person of people) {
        await eventually(() => person.told('userJoined', late) === 1, 5000, 'joined is told');
        const names = await person.list();
        for (const { name } of [...people, late]) assert.ok(names.includes(name), `${name} is not in ${names}`);
      }
      leave([late]);
      for (const person of people) {
        await eventually(() => person.told('userLeft', late) === 1, 5000, 'left is told');
        assert.ok(!(await person.list()).includes(late.name));
      }
    });

    test('a room reaches its members on every node, and nobody else', TEST, async () => {
      const people = await enterEverywhere(nodes, options, { each: 2 });
      const members = nodes.map((node) => on(people, node)[0]);
      const room = `tea over ${way}`;
      for (const { socket } of members) assert.ok((await ask(socket, 'join', { room })).ok);
      for (const { socket, name } of members) {
        assert.ok((await ask(socket, 'chat', { room, message: `${name} in the room` })).ok);
      }
      const said = members.map(({ name }) => `${name} in the room`).sort();
      const inRoom = (person) => person.events('chat').filter((message) => message.room === room)
        .map(({ message }) => message).sort();
      await eventually(() => members.every((member) => inRoom(member).length === said.length), 5000, 'all members hear');
      await settle(people);
      for (const person of people) assert.deepEqual(inRoom(person), members.includes(person) ? said : []);
    });
  });
}

test('one name, thirty who want it on three nodes: one has it', TEST, async () => {
  const guests = await Promise.all(Array.from({ length: 30 }, () => connect(url, transports.websocket)));
  assert.equal(new Set(guests.map(tagOf)).size, 3, 'the balancer spreads them');
  const answers = await Promise.all(guests.map((guest) => ask(guest, 'login', 'The one')));
  assert.equal(answers.filter(({ ok }) => ok).length, 1);
  assert.ok(answers.every(({ ok, error }) => ok || error === 'name_taken'), JSON.stringify(answers));
  closeAll(...guests);
});
