// Clients at all servers of a cluster, and what each of them heard of what one of them caused.

import assert from 'node:assert/strict';

import { ask, closeAll, connect } from './clients.js';
import { eventually } from './processes.js';

let fences = 0;

export class Crowd {
  // `places`: { a: server, … } gives the clients a1, a2, … of each server.
  static async gather(places, { each = 2, path = '', options = {} } = {}) {
    const crowd = new Crowd();
    crowd.clients = {};
    await Promise.all(Object.entries(places).flatMap(([letter, server]) =>
      Array.from({ length: each }, async (_, i) => {
        crowd.clients[`${letter}${i + 1}`] = await connect(server.url + path, options);
      })));
    return crowd;
  }

  get sockets() {
    return Object.values(this.clients);
  }

  async join(room, ...who) {
    for (const name of who) assert.equal(await ask(this.clients[name], 'join', room), 'ok');
  }

  async leave(room, ...who) {
    for (const name of who) assert.equal(await ask(this.clients[name], 'leave', room), 'ok');
  }

  async cast(from, how, event, ...args) {
    assert.equal(await ask(this.clients[from], 'cast', how, event, ...args), 'ok');
  }

  // What each client heard since the last call, those that heard nothing left out. All that the servers of `from` have sent before is in it:
  // something sent to all by the same server, on the same way, comes after it.
  async heard(...from) {
    for (const sender of from) {
      const fence = `fence${(fences += 1)}`;
      await this.cast(sender, {}, fence);
      const all = () => this.sockets.every((socket) => !socket.connected || socket.log.some(([event]) => event === fence));
      await eventually(all, 5000, `everybody hears ${fence}`);
    }
    return this.take();
  }

  take() {
    const heard = {};
    for (const [name, socket] of Object.entries(this.clients).sort()) {
      const log = socket.log.splice(0).filter(([event]) => !event.startsWith('fence'));
      if (log.length > 0) heard[name] = log;
    }
    return heard;
  }

  // A cast, and who heard it: all of them have to have heard the same, once.
  async told(from, how, event, ...args) {
    await this.cast(from, how, event, ...args);
    const heard = await this.heard(from);
    for (const [name, log] of Object.entries(heard)) assert.deepEqual(log, [[event, ...args]], `what ${name} heard`);
    return Object.keys(heard);
  }

  leaveAll() {
    closeAll(...this.sockets);
  }
}
