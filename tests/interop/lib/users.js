// Users of the chat in a cluster, and what they are told of one another.

import assert from 'node:assert/strict';

import { ask, connect, heard, transports } from './clients.js';
import { eventually } from './processes.js';

// Connected and logged in. `name`, `resume` and `server` are the socket's own from then on.
export async function enter(server, name, options = transports.websocket) {
  const user = await connect(server.url, options);
  return become(user, server, name);
}

// The same person on a new connection, perhaps elsewhere.
export async function comeBack(user, server, options = transports.websocket) {
  const back = await connect(server.url, options);
  return become(back, server, user.name, user.resume);
}

async function become(user, server, name, resume) {
  user.server = server;
  user.name = name;
  user.endings = [];
  user.on('disconnect', (reason) => user.endings.push(reason));
  const answer = await ask(user, 'login', resume ? { name, resume } : name);
  assert.ok(answer.ok, `${name}: ${JSON.stringify(answer)}`);
  assert.notEqual(answer.resume, resume);
  user.resume = answer.resume;
  return user;
}

// The connection is gone without a word.
export function cut(user) {
  const { engine } = user.io;
  const gone = heard(user, 'disconnect');
  (engine.transport.ws?.terminate ?? engine.close).call(engine.transport.ws ?? engine);
  return gone;
}

export const events = (socket, name) => socket.log.filter(([event]) => event === name).map(([, argument]) => argument);

// How often this one was told that somebody joined or left.
export const told = (watcher, event, name) => events(watcher, event).filter((one) => one === name).length;

export function assertUnnoticed(watchers, names) {
  for (const watcher of watchers) {
    const noticed = watcher.log.filter(([event, who]) => (event === 'userLeft' || event === 'userJoined') && names.includes(who));
    assert.deepEqual(noticed, []);
  }
}

export async function list(user) {
  const [[names], { total }] = await Promise.all([heard(user, 'onlineUsers'), ask(user, 'onlineUsers')]);
  return { names, total };
}

// Each says something; all have heard all of it. Gives how long that took.
export async function converse(speakers, listeners = speakers, ms = 5000) {
  const began = Date.now();
  const texts = speakers.map(({ name }) => `${name} at ${began}`);
  const answers = await Promise.all(speakers.map((user, i) => ask(user, 'chat', texts[i])));
  for (const answer of answers) assert.ok(answer.ok && !answer.scope, JSON.stringify(answer));
  const heardAll = (listener) => {
    const said = new Set(events(listener, 'chat').map(({ message }) => message));
    return texts.every((text) => said.has(text));
  };
  await eventually(() => listeners.every(heardAll), ms, 'everybody hears everybody');
  return Date.now() - began;
}

export function forget(...sockets) {
  for (const { log } of sockets) log.length = 0;
}
