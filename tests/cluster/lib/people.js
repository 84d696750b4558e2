// People in the chat: clients through the balancer that come back by themselves and resume their names, as the page does.

import assert from 'node:assert/strict';
import { afterEach } from 'node:test';

import { ask, closeAll, heard, open, settled } from '../../interop/lib/clients.js';
import { eventually } from '../../interop/lib/processes.js';
import { url } from './cluster.js';

export const tagOf = (socket) => socket.id.split('.')[0];

let count = 0;

// Whoever entered leaves when the test ends, however it ends.
const everybody = new Set();
afterEach(() => {
  leave(everybody);
  everybody.clear();
});

export class Person {
  // Connects through the balancer and logs in. `returns: false` makes one that does not come back.
  static async enter(options, { returns = true, stem = 'p' } = {}) {
    const person = new Person();
    count += 1;
    person.name = `${stem}${process.pid}-${count}`;
    person.losses = []; // why its connection was lost, each time
    person.troubles = []; // refusals on its way back
    const socket = open(url, {
      ...options, reconnection: returns, reconnectionDelay: 100, reconnectionDelayMax: 500,
    });
    person.socket = socket;
    everybody.add(person);
    socket.on('disconnect', (reason) => person.losses.push(reason));
    await heard(socket, 'connect');
    await person.logIn(person.name);
    socket.on('connect', () => person.comeBack());
    return person;
  }

  async logIn(login) {
    const answer = await ask(this.socket, 'login', login).catch((error) => error.message);
    assert.ok(answer.ok, `${this.name} logs in on ${this.socket.id}: ${JSON.stringify(answer)}`);
    this.resume = answer.resume;
    this.tag = tagOf(this.socket);
  }

  async comeBack() {
    this.tag = undefined;
    try {
      await this.logIn({ name: this.name, resume: this.resume });
    } catch (error) {
      this.troubles.push(error.message);
    }
  }

  // Logged in, at this moment.
  get here() {
    return this.socket.connected && this.tag !== undefined;
  }

  events(name) {
    return this.socket.log.filter(([event]) => event === name).map(([, argument]) => argument);
  }

  // How often it was told that this one joined or left.
  told(event, person) {
    return this.events(event).filter((name) => name === person.name).length;
  }

  messages() {
    return this.events('chat').map(({ message }) => message);
  }

  say(text) {
    return ask(this.socket, 'chat', text);
  }

  forget() {
    this.socket.log.length = 0;
  }

  async list() {
    const answer = ask(this.socket, 'onlineUsers');
    const [names] = await heard(this.socket, 'onlineUsers');
    await answer;
    return names;
  }
}

// Lets people enter until each of the nodes has at least `each` of them.
export async function enterEverywhere(nodes, options, { each = 1, ...more } = {}) {
  const people = [];
  const enough = () => nodes.every((node) => on(people, node).length >= each);
  for (let tries = 0; !enough(); tries += 1) {
    assert.ok(tries < 20 * nodes.length * each, `the balancer does not spread: ${people.map(({ tag }) => tag)}`);
    people.push(await Person.enter(options, more));
  }
  return people;
}

export const on = (people, node) => people.filter(({ tag }) => tag === node.tag);
export const notOn = (people, node) => people.filter(({ tag }) => tag !== node.tag);

export function leave(people) {
  closeAll(...[...people].map(({ socket }) => socket));
}

export function settle(people) {
  return Promise.all(people.map((person) => settled(person.socket).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(describe(person))}`);
  })));
}

// Each says something, and waits until all of them have heard all of it; gives how long that took.
export async function converse(people, ms = 5000) {
  const began = Date.now();
  const texts = people.map(({ name }) => `${name} says ${began}`);
  const answers = await Promise.all(people.map((person, i) => person.say(texts[i])));
  for (const answer of answers) assert.ok(answer.ok && !answer.scope, JSON.stringify(answer));
  const heardAll = (person) => {
    const messages = new Set(person.messages());
    return texts.every((text) => messages.has(text));
  };
  await eventually(() => people.every(heardAll), ms, 'everybody hears everybody');
  for (const person of people) {
    const heardTexts = person.messages().filter((text) => texts.includes(text));
    assert.equal(heardTexts.length, texts.length, `${person.name} heard something twice: ${heardTexts}`);
  }
  return Date.now() - began;
}

// In which order somebody heard the messages.
export const order = (person) => person.events('chat').map(({ id }) => id);

// Everybody who lost the connection is back under the old name.
export function allBack(people, ms = 10000) {
  return eventually(() => people.every((person) => person.here), ms, 'everybody is back').catch((error) => {
    const missing = people.filter((person) => !person.here);
    throw new Error(`${error.message}; missing: ${JSON.stringify(missing.map(describe))}`);
  });
}

const describe = ({ name, tag, losses, troubles, socket }) => (
  { name, tag, losses, troubles, id: socket.id, transport: socket.io.engine?.transport?.name });

// Nobody noticed anything of the others: not of these, at least.
export function assertUnnoticed(watchers, people) {
  for (const watcher of watchers) {
    for (const person of people) {
      assert.equal(watcher.told('userLeft', person), 0, `${watcher.name} was told that ${person.name} left`);
      assert.equal(watcher.told('userJoined', person), 0, `${watcher.name} was told that ${person.name} joined`);
    }
  }
}

export function assertUndisturbed(people) {
  for (const person of people) {
    assert.deepEqual(person.losses, [], `${person.name} lost its connection`);
  }
}

export function assertNoTroubles(people) {
  for (const person of people) assert.deepEqual(person.troubles, []);
}
