// Somebody who only wants to chat: served on, whatever others do to the gateway.

import assert from 'node:assert/strict';

import { ask, closeAll, connect, logIn } from './clients.js';
import { eventually } from './processes.js';

async function openSessions(gateway) {
  const metrics = await gateway.metrics();
  return ['polling', 'websocket'].reduce((sum, way) => sum + metrics.get(`confab_connections{transport="${way}"}`), 0);
}

export class Bystander {
  static async join(gateway, name) {
    const bystander = new Bystander();
    bystander.gateway = gateway;
    bystander.socket = await logIn(gateway.url, name, { transports: ['websocket'] });
    bystander.socket.on('disconnect', (reason) => (bystander.lost = reason));
    return bystander;
  }

  // The own connection lives and is answered, and newcomers get in on both transports, and out again.
  async unharmed() {
    const before = await openSessions(this.gateway);
    assert.equal(this.lost, undefined);
    assert.equal((await ask(this.socket, 'chat', 'still here')).ok, true);
    for (const transport of ['polling', 'websocket']) {
      const socket = await connect(this.gateway.url, { transports: [transport] });
      assert.equal((await ask(socket, 'chat', 'x')).error, 'not_logged_in');
      closeAll(socket);
    }
    await eventually(async () => (await openSessions(this.gateway)) <= before, 5000, 'newcomers gone');
    this.socket.log.length = 0;
  }

  leave() {
    this.socket.off('disconnect');
    closeAll(this.socket);
  }
}
