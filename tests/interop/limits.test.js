// What one client address may take, through a trusted proxy as which the test speaks; and what all together may.

import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, describe, test } from 'node:test';

import { growth } from './lib/counts.js';
import { Gateway, eventually } from './lib/processes.js';
import { Wire, cutAll, engine, once, request, text, upgradeHeaders, webSocket } from './lib/raw.js';
import { withGateway } from './lib/serve.js';

after(cutAll);

const withProxies = (args, act) => withGateway(['--trusted-proxies', '127.0.0.0/8', ...args], act);

async function shakeHands(gateway, address, transport = 'polling') {
  const wire = await Wire.open(gateway);
  const headers = { 'X-Forwarded-For': address, ...(transport === 'websocket' ? upgradeHeaders : {}) };
  wire.send(request('GET', engine(transport), { headers }));
  const response = await wire.response();
  return { ...response, wire };
}

function isRefusal(response, status, limit) {
  assert.equal(response.status, status);
  assert.ok(Number(response.headers['retry-after']) >= 1);
  assert.equal(JSON.parse(response.body).limit, limit);
}

describe('limits', () => {
  test('handshakes a second', async () => {
    await withProxies(['--max-handshakes-per-second-per-address', '1'], async (gateway) => {
      for (let i = 0; i < 5; i += 1) assert.equal((await shakeHands(gateway, '192.0.2.1')).status, 200);
      isRefusal(await shakeHands(gateway, '192.0.2.1'), 429, 'max_handshakes_per_second_per_address');
      isRefusal(await shakeHands(gateway, '192.0.2.1', 'websocket'), 429, 'max_handshakes_per_second_per_address');
      assert.equal((await shakeHands(gateway, '192.0.2.2')).status, 200);
      assert.equal((await shakeHands(gateway, '192.0.2.3', 'websocket')).status, 101);
      assert.equal((await shakeHands(gateway, '127.0.0.1')).status, 200);
    });
  });

  test('sessions, with and without a connection', async () => {
    await withProxies(['--max-sessions-per-address', '2'], async (gateway) => {
      const first = await shakeHands(gateway, '2001:db8::1', 'websocket');
      assert.equal(first.status, 101);
      const second = await shakeHands(gateway, '2001:db8::2');
      assert.equal(second.status, 200);
      second.wire.destroy();
      isRefusal(await shakeHands(gateway, '2001:db8::3'), 429, 'max_sessions_per_address');
      first.wire.destroy();
      await eventually(async () => (await shakeHands(gateway, '2001:db8::4')).status === 200);
      assert.equal((await shakeHands(gateway, '2001:db8:0:1::4')).status, 200);
    });
  });

  test('sessions of all together', async () => {
    await withProxies(['--max-sessions', '1'], async (gateway) => {
      assert.equal((await shakeHands(gateway, '192.0.2.1')).status, 200);
      isRefusal(await shakeHands(gateway, '192.0.2.2'), 503, 'max_sessions');
    });
  });

  const own = Object.values(networkInterfaces()).flat().find((one) => !one.internal && one.family === 'IPv4')?.address;
  test('connections at once', { skip: own ? false : 'this machine has no address but loopback' }, async () => {
    const gateway = await Gateway.start(['--listen', `${own}:0`, '--max-connections-per-address', '3']);
    try {
      const [, port] = await gateway.printed(new RegExp(`http://${own}:(\\d+)`));
      const ask = async () => {
        const wire = await Wire.open({ host: own, port: Number(port) });
        return { ...(await wire.ask('GET', '/healthz')), wire };
      };
      const three = [await ask(), await ask(), await ask()];
      for (const one of three) assert.equal(one.status, 200);
      const grown = await growth(gateway, 'confab_drops_total{limit="max_connections_per_address"}', async () => {
        const refused = await ask();
        isRefusal(refused, 429, 'max_connections_per_address');
        assert.equal((await refused.wire.ended()).how, 'end');
      });
      assert.equal(grown, 1);
      assert.equal((await once(gateway, 'GET', '/healthz')).status, 200);
      three[0].wire.destroy();
      await eventually(async () => (await ask()).status === 200);
    } finally {
      cutAll();
      await gateway.stop();
    }
  });

  test('time for a head, for a message, between two requests', async () => {
    const times = ['--head-timeout-ms', '300ms', '--message-timeout-ms', '300ms', '--idle-timeout-ms', '1s'];
    await withProxies(times, async (gateway) => {
      const slow = await Wire.open(gateway);
      slow.send('GET /healthz HTTP/1.1\r\nHost: a\r\nX: ');
      assert.equal((await slow.response()).status, 408);

      const dripping = await webSocket(gateway);
      dripping.send(text('42', { fin: false }));
      assert.equal(await dripping.closeCode({ skip: true }), 1008);

      const idle = await Wire.open(gateway);
      const answer = await idle.ask('GET', '/healthz');
      assert.equal(answer.headers['keep-alive'], 'timeout=1');
      assert.equal((await idle.ended()).how, 'end');
    });
  });

  test('a flood of requests on one connection is answered, but slowly', async () => {
    const gateway = await Gateway.start();
    try {
      const held = await growth(gateway, 'confab_drops_total{limit="requests_per_second"}', async () => {
        const wire = await Wire.open(gateway);
        wire.send(Buffer.concat(Array.from({ length: 500 }, (_, i) => request('GET', `/nothing?${i}`))));
        for (let i = 0; i < 400; i += 1) assert.equal((await wire.response()).status, 404);
        assert.equal((await once(gateway, 'GET', '/healthz')).status, 200);
        for (let i = 400; i < 500; i += 1) assert.equal((await wire.response()).status, 404);
      });
      assert.ok(held >= 1);
    } finally {
      cutAll();
      await gateway.stop();
    }
  });
});
