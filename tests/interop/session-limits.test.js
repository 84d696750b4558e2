// What one client may do, seen from stock clients on both transports: who is above a limit is held back or told which it is.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { ask, closeLeftovers, connect, logIn, transports } from './lib/clients.js';
import { growth } from './lib/counts.js';
import { Gateway } from './lib/processes.js';

let gateway;
before(async () => {
  gateway = await Gateway.start(['--max-packets-per-second', '100', '--max-per-second-bytes', '1MB',
    '--max-rooms', '3', '--max-attachments', '3', '--chat-messages-per-second', '1', '--chat-send-msg-per-second', '0']);
});
afterEach(closeLeftovers);
after(() => gateway?.stop());

const drops = (limit) => `confab_drops_total{limit="${limit}"}`;

for (const name of ['polling', 'websocket']) {
  describe(`limits over ${name}`, () => {
    test('too many packets are read more slowly, in order, and none is lost', async () => {
      const socket = await connect(gateway.url, transports[name]);
      const grown = await growth(gateway, drops('packets_per_second'), async () => {
        const started = Date.now();
        const answers = await Promise.all(Array.from({ length: 300 }, () => ask(socket, 'send_msg', 'x')));
        assert.ok(answers.every(({ ok }) => ok));
        assert.ok(Date.now() - started > 700, 'a hundred of them came above the burst of two hundred');
      });
      assert.ok(grown > 0);
      assert.ok(socket.connected);
    });

    test('too many attachments end the session, and are counted', async () => {
      const socket = await connect(gateway.url, transports[name]);
      const parts = (count) => Array.from({ length: count }, () => Buffer.from('x'));
      await ask(socket, 'send_msg', parts(3));
      assert.equal(await growth(gateway, drops('sio_attachments'), async () => {
        const gone = new Promise((done) => socket.once('disconnect', done));
        socket.emit('send_msg', parts(4));
        await gone;
      }), 1);
    });

    test('so are too many bytes', async () => {
      const socket = await connect(gateway.url, transports[name]);
      const grown = await growth(gateway, drops('per_second_bytes'), async () => {
        for (let i = 0; i < 5; i++) {
          const { error } = await ask(socket, 'send_msg', 'x'.repeat(600000));
          assert.equal(error, 'too_long');
        }
      });
      assert.ok(grown > 0);
    });

    test('rooms and messages above the limit are refused by name', async () => {
      const socket = await logIn(gateway.url, `Busy ${name}`, transports[name]);
      assert.equal((await ask(socket, 'join', { room: 'a' })).ok, true);
      assert.equal((await ask(socket, 'join', { room: 'b' })).ok, true);
      assert.equal(await growth(gateway, drops('sio_rooms'), async () => {
        assert.equal((await ask(socket, 'join', { room: 'c' })).message, 'Too many rooms');
      }), 1);
      const grown = await growth(gateway, drops('chat_messages_per_second'), async () => {
        const answers = await Promise.all(Array.from({ length: 510 }, () => ask(socket, 'chat', 'x')));
        const refused = answers.filter(({ ok }) => !ok);
        assert.ok(refused.length > 0);
        for (const { error, limit, retry_ms: retry } of refused) {
          assert.deepEqual({ error, limit }, { error: 'rate_limited', limit: 'chat_messages_per_second' });
          assert.ok(retry > 0 && retry <= 1000);
        }
      });
      assert.ok(grown > 0);
    });
  });
}
