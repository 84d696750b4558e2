// The end of a process: SIGTERM's steps in their order, and the ways to make it short.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { connect, heard, logIn } from './lib/clients.js';
import { Gateway, eventually, runToEnd } from './lib/processes.js';
import { Polling, Wire, cutAll, engine, once, request, upgrade, webSocket } from './lib/raw.js';

afterEach(cutAll);

const readiness = async (gateway) => {
  const { status, body } = await once(gateway, 'GET', '/readyz');
  return `${status} ${body.trim()}`;
};

// Sends a signal; `ended` tells how long the process took to end, cleanly.
function terminate(gateway, signal = 'SIGTERM') {
  const sent = Date.now();
  const ended = gateway.stop(signal).then(() => Date.now() - sent);
  ended.catch(() => {});
  return { ended, sent };
}

test('SIGTERM: not ready at once; accepts for 2.5 s; then refuses handshakes, serves known sids, closes all; ends within 12 s', async () => {
  const gateway = await Gateway.start();
  const stock = await logIn(gateway.url, 'Tilda', { transports: ['websocket'] });
  const polling = await Polling.joined(gateway);
  const { ended, sent } = terminate(gateway);

  await gateway.printed(/drain state=announced/);
  assert.equal(await readiness(gateway), '404 draining');
  assert.equal((await once(gateway, 'GET', '/healthz')).status, 200);
  const health = await runToEnd('confab-gateway', ['--health', '--listen', `127.0.0.1:${gateway.port}`]);
  assert.deepEqual([health.code, health.output], [69, 'not ready: HTTP/1.1 404 Not Found\n']);
  const late = await webSocket(gateway);
  assert.match(late.connected, /^40/, 'still accepted');

  await gateway.printed(/drain state=closing sessions=3/);
  assert.ok(Date.now() - sent >= 2400, `closing began after ${Date.now() - sent} ms`);
  const refused = await once(gateway, 'GET', engine('polling'));
  assert.deepEqual([refused.status, refused.body], [503, 'Shutting down']);
  const { answer } = await upgrade(gateway, engine('websocket'));
  assert.deepEqual([answer.status, answer.body], [503, 'Shutting down']);
  // On a connection of its own, as Node's client asks.
  assert.deepEqual(await polling.post('420["settled?"]').then(({ status, body }) => [status, body]), [200, 'ok']);
  assert.match((await polling.get()).body, /^430\[\{"ok":false,"error":"unknown_event"/);

  const get = await polling.openGet();
  const [[reason], farewell, code] = await Promise.all([
    heard(stock, 'disconnect', 9000), get.response({ ms: 9000 }), late.frame(9000)]);
  assert.equal(reason, 'transport close');
  assert.equal(farewell.body, '1');
  assert.deepEqual([code.opcode, code.payload.length], [8, 0]);
  assert.ok(await ended < 12000, 'in time');
});

test('connections that say nothing, or half a request, or do not read, hold nobody up', async () => {
  const gateway = await Gateway.start(['--drain-delay-ms', '0', '--drain-timeout-ms', '4s']);
  const silent = await Wire.open(gateway);
  const half = await Wire.open(gateway);
  half.send('GET / HTTP/1.1\r\nHost:');
  const polling = await Polling.joined(gateway);
  const body = await Wire.open(gateway);
  body.send(request('POST', polling.target, { headers: { 'Content-Length': 100 } }), '42');
  const deaf = await webSocket(gateway);
  deaf.socket.pause();
  const talker = await logIn(gateway.url, 'Udo');
  for (let i = 0; i < 100; i++) talker.emit('chat', 'x'.repeat(4000));
  await talker.timeout(5000).emitWithAck('settled?');
  assert.ok(await terminate(gateway).ended < 5500);
  silent.destroy();
});

test('a second SIGTERM ends it at once, and so does a SIGINT behind it', async () => {
  for (const second of ['SIGTERM', 'SIGINT']) {
    const gateway = await Gateway.start();
    // Amid an upgrade Node's client would notice the end of either transport, but of both only at its ping timeout.
    const socket = await connect(gateway.url, { transports: ['websocket'] });
    const { ended, sent } = terminate(gateway);
    await gateway.printed(/drain state=announced/);
    gateway.child.kill(second);
    await heard(socket, 'disconnect');
    await ended;
    assert.ok(Date.now() - sent < 3000, second);
  }
});

test('SIGINT is quick, with sessions of all kinds, which are told', async () => {
  const gateway = await Gateway.start();
  const sockets = await Promise.all(Array.from({ length: 5 }, () => connect(gateway.url)));
  const wire = await webSocket(gateway);
  const get = await (await Polling.joined(gateway)).openGet();
  await eventually(() => sockets.every((socket) => socket.io.engine.transport.name === 'websocket'));
  const { ended } = terminate(gateway, 'SIGINT');
  await Promise.all(sockets.map((socket) => heard(socket, 'disconnect')));
  assert.equal(await wire.closeCode(), 0);
  // A GET that comes when the session is closing already is answered with a NOOP before the CLOSE.
  assert.ok(['1', '6\x1e1'].includes((await get.response()).body));
  assert.ok(await ended < 3000);
});

test('with a drain of no time it ends at the first SIGTERM', async () => {
  const gateway = await Gateway.start(['--drain-timeout-ms', '0']);
  await webSocket(gateway);
  assert.ok(await terminate(gateway).ended < 3000);
});
