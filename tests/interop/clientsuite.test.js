// What socket.io-client's own tests expect of their server, one behaviour at a time, against confab-clientsuite: an application
// that is linked with libconfab.so.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ask, closeAll, closeLeftovers, connect, heard, open, transports } from './lib/clients.js';
import { Gateway, killLeftovers } from './lib/processes.js';

const BYTES = Buffer.from('asdfasdf');
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let server;
before(async () => {
  server = await Gateway.start([], { binary: 'confab-clientsuite' });
});
after(async () => {
  closeLeftovers();
  await server.stop().finally(killLeftovers);
});

// The arguments of an event without the offset: a text that recovery puts behind them.
function withoutOffset(args) {
  assert.equal(typeof args.at(-1), 'string');
  return args.slice(0, -1);
}

// Emits, and gives the arguments of the event that answers.
async function answered(socket, [event, ...args], answer) {
  const got = heard(socket, answer);
  socket.emit(event, ...args);
  return withoutOffset(await got);
}

async function refusal(url, options) {
  const socket = open(url, options);
  const error = await new Promise((done, fail) => {
    socket.on('connect_error', done);
    socket.on('connect', () => fail(new Error('was let in')));
  });
  closeAll(socket);
  return error;
}

for (const name of ['polling', 'websocket']) {
  const options = transports[name];
  describe(name, () => {
    let socket;
    before(async () => {
      socket = await connect(server.url, options);
    });
    after(() => closeAll(socket));

    test('every handshake waits for its approval', async () => {
      const began = performance.now();
      closeAll(await connect(server.url, options));
      assert.ok(performance.now() - began >= 9);
    });

    test('hi is answered without arguments', async () => {
      assert.deepEqual(await answered(socket, ['hi'], 'hi'), []);
    });

    test('echo acknowledges the value', async () => {
      for (const value of [123, 'text', null, { a: [1, { b: true }] }]) assert.deepEqual(await ask(socket, 'echo', value), value);
      assert.deepEqual(await ask(socket, 'echo', BYTES), BYTES);
      const date = new Date();
      assert.equal(await ask(socket, 'echo', date), date.toISOString());
    });

    test('the server asks for an ack, and answers the right one only', async () => {
      for (const [args, more] of [[[5, { test: true }], 'got it'], [[4, { test: true }], null]]) {
        socket.once('ack', (answer) => answer(...args));
        const asked = heard(socket, 'ack');
        const got = more && heard(socket, more);
        socket.emit('ack');
        await asked;
        await got;
      }
      await ask(socket, 'getId');
      assert.equal(socket.log.filter(([event]) => event === 'got it').length, 1);
    });

    test('dates, as ISO texts', async () => {
      assert.match(await ask(socket, 'getAckDate', { test: true }), ISO);
      assert.match((await answered(socket, ['getDate'], 'takeDate'))[0], ISO);
      assert.match((await answered(socket, ['getDateObj'], 'takeDateObj'))[0].date, ISO);
      assert.ok(Math.abs(new Date(await ask(socket, 'getAckDate', null)) - Date.now()) < 5000);
    });

    test('five texts beyond ASCII, in order', async () => {
      const own = await connect(server.url, options);
      own.emit('getUtf8');
      await ask(own, 'getId');
      assert.deepEqual(own.log.map(withoutOffset), ['てすと', 'Я Б Г Д Ж Й', 'Ä ä Ü ü ß', 'utf8 — string', 'utf8 — string'].map((text) => ['takeUtf8', text]));
      closeAll(own);
    });

    test('false stays false', async () => {
      assert.deepEqual(await answered(socket, ['false'], 'false'), [false]);
    });

    test('bytes that come from the server', async () => {
      assert.deepEqual(await answered(socket, ['doge'], 'doge'), [BYTES]);
      assert.deepEqual(await answered(socket, ['getbin'], 'takebin'), [BYTES]);
    });

    test('bytes that come from the client', async () => {
      const object = { hello: 'lol', message: BYTES, goodbye: 'gotcha' };
      assert.deepEqual(await answered(socket, ['buffa', BYTES], 'buffack'), []);
      assert.deepEqual(await answered(socket, ['jsonbuff', object], 'jsonbuff-ack'), []);
      assert.deepEqual(await answered(socket, ['blob', BYTES], 'back'), []);
      assert.deepEqual(await answered(socket, ['jsonblob', object], 'jsonblob-ack'), []);
      const before_ = socket.log.length;
      socket.emit('buffa', 'no bytes');
      socket.emit('jsonbuff', { ...object, message: 'no bytes' });
      await ask(socket, 'getId');
      assert.equal(socket.log.length, before_);
    });

    test('bytes and texts in their order', async () => {
      const own = await connect(server.url, options);
      own.emit('abuff2', 'too early');
      own.emit('blob1', BYTES);
      own.emit('blob3', 'too early');
      await ask(own, 'getId');
      assert.deepEqual(own.log, []);
      own.emit('abuff1', BYTES);
      await answered(own, ['abuff2', 'please arrive second'], 'abuff2-ack');
      own.emit('blob1', BYTES);
      own.emit('blob2', 'second');
      await answered(own, ['blob3', BYTES], 'blob3-ack');
      closeAll(own);
    });

    test('the id is the one the client knows, in each namespace', async () => {
      assert.equal(await ask(socket, 'getId'), socket.id);
      const foo = await connect(`${server.url}/foo`, options);
      assert.equal(await ask(foo, 'getId'), foo.id);
      closeAll(foo);
    });

    test('the handshake: query decoded, headers, auth', async () => {
      const own = await connect(server.url, { ...options, query: { '&a': '&=?a' }, auth: { token: 'abc' }, extraHeaders: { 'x-mark': 'yes' } });
      const handshake = await ask(own, 'getHandshake');
      assert.equal(handshake.query['&a'], '&=?a');
      assert.equal(handshake.query.transport, name);
      assert.equal(handshake.headers['x-mark'], 'yes');
      assert.deepEqual(handshake.auth, { token: 'abc' });
      closeAll(own);
    });

    test('/abc is greeted with its handshake', async () => {
      const abc = open(`${server.url}/abc`, { ...options, query: { '&a': '&=?a' }, auth: { a: 1 } });
      const [handshake] = await heard(abc, 'handshake');
      assert.equal(handshake.query['&a'], '&=?a');
      assert.deepEqual(handshake.auth, { a: 1 });
      closeAll(abc);
    });

    test('the query in the address of a namespace', async () => {
      const abc = open(`${server.url}/abc?b=c&d=e`, options);
      const [handshake] = await heard(abc, 'handshake');
      assert.deepEqual([handshake.query.b, handshake.query.d], ['c', 'e']);
      closeAll(abc);
    });

    test('unknown events pass, and their acks are never answered', async () => {
      let answers = 0;
      for (const event of ['unknown', 'event', 'my-event']) socket.emit(event, () => { answers += 1; });
      assert.equal(await ask(socket, 'getId'), socket.id);
      assert.equal(answers, 0);
    });

    test('namespaces that are there and do nothing', async () => {
      for (const path of ['/timeout_socket', '/valid', '/asd']) closeAll(await connect(server.url + path, options));
    });

    test('refusals say why', async () => {
      assert.equal((await refusal(`${server.url}/no`, options)).message, 'Auth failed (custom namespace)');
      assert.equal((await refusal(server.url, { ...options, query: { fail: true } })).message, 'Auth failed (main namespace)');
      for (const path of ['/bar', '/timeout', '/invalid']) assert.equal((await refusal(server.url + path, options)).message, 'Invalid namespace');
    });
  });
}

test('a client that was cut off comes back as who it was, and is told so', async () => {
  const socket = await connect(server.url, { ...transports.websocket, reconnection: true, reconnectionDelay: 10 });
  const { id } = socket;
  await answered(socket, ['hi'], 'hi');
  const back = heard(socket, 'connect');
  socket.io.engine.close();
  await back;
  assert.deepEqual([socket.recovered, socket.id], [true, id]);
  assert.deepEqual(await answered(socket, ['hi'], 'hi'), []);
  closeAll(socket);
});

test('pings come every two seconds', async () => {
  const socket = await connect(server.url, transports.websocket);
  const began = performance.now();
  await new Promise((done) => socket.io.engine.once('ping', done));
  await new Promise((done) => socket.io.once('ping', done));
  assert.ok(performance.now() - began > 1900 && performance.now() - began < 9000);
  closeAll(socket);
});
