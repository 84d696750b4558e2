// The cases of the two public protocol suites, restated: Engine.IO 4 (24) and Socket.IO 5 (32), against confab-conformance;
// then all of them again with every byte in a segment of its own, and with neighbouring frames in one segment.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { WebSocket } from 'ws';

import { Gateway } from './lib/processes.js';
import { Relay } from './lib/relay.js';

const PING_INTERVAL = 300;
const PING_TIMEOUT = 200;
const SEPARATOR = '\x1e';

let gateway;
let server; // what the cases talk to: the gateway, or a relay before it
before(async () => {
  gateway = await Gateway.start([], { binary: 'confab-conformance' });
  server = gateway;
});
after(() => gateway.stop());

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// One endpoint of the server, with what a case needs of it.
function endpoint(path) {
  const url = (query) => `${server.url}${path}?${query}`;
  const poll = (sid, options) => fetch(url(`EIO=4&transport=polling${sid ? `&sid=${sid}` : ''}`), options);
  const post = (sid, body) => poll(sid, { method: 'POST', body });
  return {
    url,
    poll,
    post,
    async open() {
      const text = await (await poll()).text();
      return JSON.parse(text.slice(1)).sid;
    },
    websocket(query = 'EIO=4&transport=websocket') {
      // As browsers do: one event for each frame, even if several came in one read.
      const socket = new WebSocket(url(query).replace('http', 'ws'), { allowSynchronousEvents: false });
      const waiting = [];
      const frames = [];
      socket.on('message', (data, isBinary) => {
        const frame = isBinary ? data : data.toString();
        if (waiting.length > 0) waiting.shift()(frame);
        else frames.push(frame);
      });
      socket.opened = new Promise((done) => socket.on('open', done));
      socket.ended = new Promise((done) => {
        socket.on('close', done);
        socket.on('error', done);
      });
      socket.next = () => (frames.length > 0 ? Promise.resolve(frames.shift())
        : new Promise((done) => waiting.push(done)));
      return socket;
    },
  };
}

function assertHandshake(open, upgrades) {
  assert.deepEqual(Object.keys(open).sort(), ['maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades']);
  assert.equal(typeof open.sid, 'string');
  assert.deepEqual(open.upgrades, upgrades);
  assert.deepEqual([open.pingInterval, open.pingTimeout, open.maxPayload], [PING_INTERVAL, PING_TIMEOUT, 1000000]);
}

// What both suites ask of the engine, whatever runs on it.
function engineCases(path) {
  const at = endpoint(path);

  describe('handshake', () => {
    test('polling opens a session', async () => {
      const response = await at.poll();
      const body = await response.text();
      assert.equal(response.status, 200);
      assert.equal(body[0], '0');
      assertHandshake(JSON.parse(body.slice(1)), ['websocket']);
    });
    test('polling with a missing or wrong EIO fails', async () => {
      assert.equal((await fetch(at.url('transport=polling'))).status, 400);
      assert.equal((await fetch(at.url('EIO=abc&transport=polling'))).status, 400);
    });
    test('polling with a missing or wrong transport fails', async () => {
      assert.equal((await fetch(at.url('EIO=4'))).status, 400);
      assert.equal((await fetch(at.url('EIO=4&transport=abc'))).status, 400);
    });
    test('polling with another method fails', async () => {
      for (const method of ['POST', 'PUT']) {
        assert.equal((await fetch(at.url('EIO=4&transport=polling'), { method })).status, 400);
      }
    });
    test('WebSocket opens a session', async () => {
      const socket = at.websocket();
      const open = await socket.next();
      assert.equal(open[0], '0');
      assertHandshake(JSON.parse(open.slice(1)), []);
      socket.close();
    });
    test('WebSocket with a missing or wrong EIO fails', async () => {
      await at.websocket('transport=websocket').ended;
      await at.websocket('EIO=abc&transport=websocket').ended;
    });
    test('WebSocket with a missing or wrong transport fails', async () => {
      await at.websocket('EIO=4').ended;
      await at.websocket('EIO=4&transport=abc').ended;
    });
  });

  describe('heartbeat', () => {
    test('polling: a ping every interval', async () => {
      const sid = await at.open();
      for (let i = 0; i < 3; i += 1) {
        assert.equal(await (await at.poll(sid)).text(), '2');
        assert.equal((await at.post(sid, '3')).status, 200);
      }
    });
    test('polling: without pongs the session is gone', async () => {
      const sid = await at.open();
      await sleep(PING_INTERVAL + PING_TIMEOUT);
      assert.equal((await at.poll(sid)).status, 400);
    });
    test('WebSocket: a ping every interval', async () => {
      const socket = at.websocket();
      await socket.next();
      for (let i = 0; i < 3; i += 1) {
        assert.equal(await socket.next(), '2');
        socket.send('3');
      }
      socket.close();
    });
    test('WebSocket: without pongs it closes', async () => {
      await at.websocket().ended;
    });
  });

  describe('close', () => {
    test('polling: a pending GET ends with a noop', async () => {
      const sid = await at.open();
      const [pending] = await Promise.all([at.poll(sid), sleep(10).then(() => at.post(sid, '1'))]);
      assert.equal(pending.status, 200);
      assert.equal(await pending.text(), '6');
      assert.equal((await at.poll(sid)).status, 400);
    });
    test('WebSocket: a close packet closes', async () => {
      const socket = at.websocket();
      await socket.next();
      socket.send('1');
      await socket.ended;
    });
  });

  describe('upgrade', () => {
    test('from polling to WebSocket', async () => {
      const sid = await at.open();
      const socket = at.websocket(`EIO=4&transport=websocket&sid=${sid}`);
      await socket.opened;
      socket.send('2probe');
      assert.equal(await socket.next(), '3probe');
      const pending = await at.poll(sid);
      assert.equal(pending.status, 200);
      assert.equal(await pending.text(), '6');
      socket.send('5');
      if (path === '/engine.io/') {
        socket.send('4hello');
        assert.equal(await socket.next(), '4hello');
      }
      socket.close();
    });
    test('polling requests are refused after it', async () => {
      const sid = await at.open();
      const socket = at.websocket(`EIO=4&transport=websocket&sid=${sid}`);
      await socket.opened;
      socket.send('2probe');
      socket.send('5');
      assert.equal(await socket.next(), '3probe');
      assert.equal((await at.poll(sid)).status, 400);
      socket.send('4hello');
      if (path === '/engine.io/') assert.equal(await socket.next(), '4hello');
      socket.close();
    });
    test('a further WebSocket is closed, the first goes on', async () => {
      const sid = await at.open();
      const first = at.websocket(`EIO=4&transport=websocket&sid=${sid}`);
      await first.opened;
      first.send('2probe');
      first.send('5');
      await first.next();
      const second = at.websocket(`EIO=4&transport=websocket&sid=${sid}`);
      await second.opened;
      await second.ended;
      first.send(path === '/engine.io/' ? '4hello' : '40');
      assert.match(await first.next(), path === '/engine.io/' ? /^4hello$/ : /^40\{"sid":"/);
      first.close();
    });
  });
}

function allCases() {
  describe('Engine.IO', () => {
    engineCases('/engine.io/');
    const at = endpoint('/engine.io/');

    describe('message over polling', () => {
      test('one each way', async () => {
        const sid = await at.open();
        const posted = await at.post(sid, '4hello');
        assert.equal(posted.status, 200);
        assert.equal(await posted.text(), 'ok');
        assert.equal(await (await at.poll(sid)).text(), '4hello');
      });
      test('several in one payload', async () => {
        const sid = await at.open();
        const payload = ['4test1', '4test2', '4test3'].join(SEPARATOR);
        await at.post(sid, payload);
        assert.equal(await (await at.poll(sid)).text(), payload);
      });
      test('text and binary together', async () => {
        const sid = await at.open();
        const payload = `4hello${SEPARATOR}bAQIDBA==`;
        await at.post(sid, payload);
        assert.equal(await (await at.poll(sid)).text(), payload);
      });
      test('a broken packet ends the session', async () => {
        const sid = await at.open();
        await at.post(sid, 'abc').catch(() => {});
        assert.equal((await at.poll(sid)).status, 400);
      });
      test('two GETs at a time end it', async () => {
        const sid = await at.open();
        const [first, second] = await Promise.all([at.poll(sid), sleep(5).then(() => at.poll(sid))]);
        assert.equal(first.status, 200);
        assert.equal(await first.text(), '1');
        assert.ok([400, 500].includes(second.status));
        assert.equal((await at.poll(sid)).status, 400);
      });
    });

    describe('message over WebSocket', () => {
      test('text', async () => {
        const socket = at.websocket();
        await socket.next();
        socket.send('4hello');
        assert.equal(await socket.next(), '4hello');
        socket.close();
      });
      test('binary', async () => {
        const socket = at.websocket();
        await socket.next();
        socket.send(Buffer.from([1, 2, 3, 4]));
        assert.deepEqual(await socket.next(), Buffer.from([1, 2, 3, 4]));
        socket.close();
      });
      test('a broken packet closes', async () => {
        const socket = at.websocket();
        await socket.next();
        socket.send('abc');
        await socket.ended;
      });
    });
  });

  describe('Socket.IO', () => {
    engineCases('/socket.io/');
    const at = endpoint('/socket.io/');

    async function session() {
      const socket = at.websocket();
      await socket.next();
      return socket;
    }
    // Connected to the main namespace; its greeting was read.
    async function connected() {
      const socket = await session();
      socket.send('40');
      await socket.next();
      await socket.next();
      return socket;
    }
    const ID = /^40(\/custom,)?\{"sid":"[^"]+"\}$/;

    describe('connect', () => {
      for (const [name, packet, prefix, auth] of [
        ['the main namespace', '40', '', '{}'],
        ['the main namespace with auth', '40{"token":"123"}', '', '{"token":"123"}'],
        ['a custom namespace', '40/custom,', '/custom,', '{}'],
        ['a custom namespace with auth', '40/custom,{"token":"abc"}', '/custom,', '{"token":"abc"}'],
      ]) {
        test(name, async () => {
          const socket = await session();
          socket.send(packet);
          assert.match(await socket.next(), ID);
          assert.equal(await socket.next(), `42${prefix}["auth",${auth}]`);
          socket.close();
        });
      }
      test('an unknown namespace is refused, the connection stays', async () => {
        const socket = await session();
        socket.send('40/random');
        assert.equal(await socket.next(), '44/random,{"message":"Invalid namespace"}');
        socket.send('40');
        assert.match(await socket.next(), ID);
        socket.close();
      });
      test('a broken packet closes', async () => {
        const socket = await session();
        socket.send('4abc');
        await socket.ended;
      });
      test('without CONNECT it closes', async () => {
        await (await session()).ended;
      });
    });

    describe('disconnect', () => {
      test('from a namespace; the connection stays', async () => {
        const socket = await connected();
        socket.send('41');
        assert.equal(await socket.next(), '2');
        socket.close();
      });
      test('from one of two', async () => {
        const socket = await connected();
        socket.send('40/custom');
        await socket.next();
        await socket.next();
        socket.send('41/custom');
        socket.send('42["message","message to main namespace"]');
        assert.equal(await socket.next(), '42["message-back","message to main namespace"]');
        socket.close();
      });
    });

    describe('message', () => {
      test('text', async () => {
        const socket = await connected();
        socket.send('42["message",1,"2",{"3":[true]}]');
        assert.equal(await socket.next(), '42["message-back",1,"2",{"3":[true]}]');
        socket.close();
      });
      test('with two attachments', async () => {
        const socket = await connected();
        socket.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
        socket.send(Buffer.from([1, 2, 3]));
        socket.send(Buffer.from([4, 5, 6]));
        assert.equal(await socket.next(),
          '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
        assert.deepEqual(await socket.next(), Buffer.from([1, 2, 3]));
        assert.deepEqual(await socket.next(), Buffer.from([4, 5, 6]));
        socket.close();
      });
      test('with an acknowledgement', async () => {
        const socket = await connected();
        socket.send('42456["message-with-ack",1,"2",{"3":[false]}]');
        assert.equal(await socket.next(), '43456[1,"2",{"3":[false]}]');
        socket.close();
      });
      test('with a binary acknowledgement', async () => {
        const socket = await connected();
        socket.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
        socket.send(Buffer.from([1, 2, 3]));
        socket.send(Buffer.from([4, 5, 6]));
        assert.equal(await socket.next(), '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
        assert.deepEqual(await socket.next(), Buffer.from([1, 2, 3]));
        assert.deepEqual(await socket.next(), Buffer.from([4, 5, 6]));
        socket.close();
      });
      for (const broken of ['4abc', '42{}', '42abc["message-with-ack",1]']) {
        test(`${broken} closes`, async () => {
          const socket = await connected();
          socket.send(broken);
          await socket.ended;
        });
      }
    });
  });
}

describe('as written', allCases);

for (const [how, sent] of [['split', 'every byte by itself'], ['merged', 'neighbouring frames in one segment']]) {
  describe(sent, () => {
    let relay;
    before(async () => {
      relay = await Relay.start(gateway.port, how);
      server = relay;
    });
    after(() => relay.stop());
    allCases();
    test('the relay did what it is there for', () => {
      const { bytes, writes, merged } = relay.counts;
      assert.ok(bytes > 10000);
      if (how === 'split') assert.equal(writes, bytes);
      else assert.ok(merged > 10, `${merged} of ${writes} writes were merged`);
    });
  });
}
