// Clients of socket.io 1 and 2, and their engines, beside those of today.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import engine31 from 'engine.io-client-31';
import engine35 from 'engine.io-client-3';

import { ask, closeAll, closeLeftovers, connect, heard, transports } from './lib/clients.js';
import { withCluster } from './lib/cluster.js';
import { closesOne } from './lib/counts.js';
import { Page } from './lib/document.js';
import {
  askOld, closeOld, closeOldLeftovers, connectOld, generations, heardOld, openOld,
} from './lib/elders.js';
import { Gateway, eventually } from './lib/processes.js';

const ALLOWED = ['--allow-eio3', 'on'];

let gateway; // patient
let brisk; // its pings come quickly
before(async () => {
  gateway = await Gateway.start(ALLOWED, { binary: 'confab-elders' });
  brisk = await Gateway.start([...ALLOWED, '--ping-interval-ms', '200', '--ping-timeout-ms', '300'],
    { binary: 'confab-elders' });
});
afterEach(() => {
  closeOldLeftovers();
  closeLeftovers();
});
after(async () => {
  await gateway?.stop();
  await brisk?.stop();
});

const bytes = (value) => [...new Uint8Array(value)];

for (const [version, io] of Object.entries(generations)) {
  for (const [way, options] of Object.entries(transports)) {
    describe(`socket.io-client ${version}, ${way}`, () => {
      test('connects, and its id is the one the server knows', async () => {
        const socket = await connectOld(io, gateway.url, options);
        const [id, auth] = await askOld(socket, 'who');
        assert.equal(id, socket.id);
        assert.match(id, /^[0-9a-z]{3,8}\.[\w-]{22}$/);
        assert.deepEqual(auth, {});
      });

      test('events and acknowledgements both ways, text and bytes', async () => {
        const socket = await connectOld(io, gateway.url, options);
        assert.deepEqual(await askOld(socket, 'echo', 1, 'two', { three: [3] }), [1, 'two', { three: [3] }]);
        const back = heardOld(socket, 'back');
        socket.emit('echo', 'a', null, true);
        assert.deepEqual(await back, ['a', null, true]);
        const [plain, inside] = await askOld(socket, 'echo', Buffer.from([1, 2, 3]), { b: Buffer.from([255]) });
        assert.deepEqual([bytes(plain), bytes(inside.b)], [[1, 2, 3], [255]]);
        const [large] = await askOld(socket, 'echo', Buffer.alloc(70000, 7));
        assert.equal(Buffer.from(large).equals(Buffer.alloc(70000, 7)), true);
        const [none] = await askOld(socket, 'echo', Buffer.alloc(0));
        assert.equal(new Uint8Array(none).length, 0);
      });

      test('letters of all kinds', async () => {
        const socket = await connectOld(io, gateway.url, options);
        const letters = 'hé€😀 \u2028 日本 \u{10ffff} "\\';
        assert.deepEqual(await askOld(socket, 'echo', letters, letters), [letters, letters]);
        const backs = [heardOld(socket, 'back')];
        for (let i = 0; i < 20; i++) socket.emit('echo', letters.repeat(i));
        await Promise.all(backs);
        assert.deepEqual(await askOld(socket, 'echo', letters), [letters]);
      });

      test('namespaces, with a query', async () => {
        const socket = await connectOld(io, `${gateway.url}/adm?token=x%20y&z=1`, options);
        const [id, auth] = await askOld(socket, 'who');
        assert.equal(id, `/adm#${socket.io.engine.id}`);
        assert.equal(socket.id, version === '1.7.4' ? socket.io.engine.id : id); // 1.x names the session only
        assert.deepEqual(auth, { token: 'x y', z: '1' });
        const root = await connectOld(io, gateway.url, options);
        assert.deepEqual(await askOld(root, 'echo', 1), [1]);
      });

      test('refused by middleware, with a text and with data; and to an unknown namespace', async () => {
        for (const [path, expected] of [
          ['/adm?no=denied', 'denied'], ['/adm?code=7', { code: '7' }], ['/unknown', { message: 'Invalid namespace' }],
        ]) {
          const socket = openOld(io, gateway.url + path, options);
          assert.deepEqual(await heardOld(socket, 'error'), [expected]);
          assert.equal(socket.connected, false);
        }
      });

      test('the server ends the socket, or the session; the client ends it', async () => {
        let socket = await connectOld(io, `${gateway.url}/adm`, options);
        let gone = heardOld(socket, 'disconnect');
        socket.emit('kick', false);
        assert.deepEqual(await gone, ['io server disconnect']);

        socket = await connectOld(io, gateway.url, options);
        gone = heardOld(socket, 'disconnect');
        await closesOne(gateway, 'server_close', async () => socket.emit('kick', true));
        assert.deepEqual(await gone, ['io server disconnect']);

        socket = await connectOld(io, gateway.url, options);
        await closesOne(gateway, 'transport_close', async () => socket.close());
      });

      test('the heartbeat over several intervals', async () => {
        const socket = await connectOld(io, brisk.url, options);
        let pongs = 0;
        socket.io.on('pong', () => pongs++);
        socket.io.engine.on('heartbeat', () => pongs++);
        socket.on('disconnect', (reason) => (socket.lost = reason));
        await eventually(() => pongs >= 5, 8000, 'five pongs');
        assert.equal(socket.lost, undefined);
        assert.deepEqual(await askOld(socket, 'echo', 1), [1]);
      });

      test('one that falls silent is gone after interval and timeout, another one stays', async () => {
        const stays = await connectOld(io, brisk.url, options);
        const socket = await connectOld(io, brisk.url, options);
        await closesOne(brisk, 'ping_timeout', async () => {
          const { engine } = socket.io;
          engine.ping = () => {};
          engine.off('heartbeat');
          clearTimeout(engine.pingIntervalTimer);
          clearTimeout(engine.pingTimeoutTimer);
        });
        assert.deepEqual(await askOld(stays, 'echo', 1), [1]);
      });

      test('in one room with a client of today', async () => {
        const old = await connectOld(io, gateway.url, options);
        const today = await connect(gateway.url, options);
        await Promise.all([askOld(old, 'join', 'r'), ask(today, 'join', 'r')]);
        for (const from of [old, today]) {
          const both = Promise.all([heardOld(old, 'said'), heard(today, 'said')]);
          from.emit('to', 'r', 'said', 'to all', Buffer.from([9, 8]));
          for (const [word, data] of await both) assert.deepEqual([word, bytes(data)], ['to all', [9, 8]]);
        }
        closeAll(today);
      });

      test('comes back by itself', async () => {
        const socket = await connectOld(io, gateway.url, { ...options, reconnection: true, reconnectionDelay: 10 });
        const before = socket.id;
        const again = heardOld(socket, 'reconnect');
        socket.io.engine.close();
        await again;
        assert.deepEqual(await askOld(socket, 'echo', 'again'), ['again']);
        assert.notEqual(socket.id, before);
      });
    });
  }

  test(`${version}: the upgrade while messages flow loses none, doubles none, keeps their order`, async () => {
    for (let round = 0; round < 5; round++) {
      const socket = openOld(io, gateway.url, transports.upgrade);
      const numbers = [];
      const echoes = [];
      socket.on('number', (n) => numbers.push(n));
      socket.on('back', (n) => echoes.push(n));
      const upgraded = heardOld(socket.io.engine, 'upgrade');
      await heardOld(socket, 'connect');
      let sent = 0;
      const flow = setInterval(() => {
        socket.emit('count', sent * 10, sent * 10 + 10);
        socket.emit('echo', sent);
        sent++;
      }, 1);
      await upgraded;
      const then = sent;
      await eventually(() => sent > then + 20, 5000, 'more');
      clearInterval(flow);
      await eventually(() => numbers.length >= sent * 10 && echoes.length >= sent, 8000, 'all');
      assert.deepEqual(numbers, Array.from({ length: sent * 10 }, (_, i) => i));
      assert.deepEqual(echoes, Array.from({ length: sent }, (_, i) => i));
      assert.equal(socket.io.engine.transport.name, 'websocket');
      closeOld(socket);
    }
  });

  test(`${version} in the chat, with one of today`, async () => {
    const chat = await Gateway.start(ALLOWED);
    const old = await connectOld(io, chat.url);
    const today = await connect(chat.url);
    for (const [socket, name, question] of [[old, 'elder', askOld], [today, 'heir', ask]]) {
      const answer = await question(socket, 'login', name);
      assert.equal([answer].flat()[0].ok, true, JSON.stringify(answer));
    }
    for (const [from, word] of [[old, 'from of old'], [today, 'from today']]) {
      const both = Promise.all([heardOld(old, 'chat'), heard(today, 'chat')]);
      from.emit('chat', word);
      for (const [said] of await both) assert.match(JSON.stringify(said), new RegExp(word));
    }
    closeOld(old);
    closeAll(today);
    await chat.stop();
  });

  test(`${version} through Redis: rooms of two gateways, with clients of today`, async () => {
    await withCluster({ gateways: 2, args: ALLOWED, binary: 'confab-elders' }, async (cluster, here, there) => {
      const old = await Promise.all([here, there].map(({ url }) => connectOld(io, url)));
      const today = await Promise.all([here, there].map(({ url }) => connect(url)));
      await Promise.all([...old.map((socket) => askOld(socket, 'join', 'r')), ...today.map((socket) => ask(socket, 'join', 'r'))]);
      const heardBy = (socket, count) => {
        const said = [];
        socket.on('said', (...args) => said.push(args));
        return () => eventually(() => said.length >= count, 8000, 'said').then(() => said);
      };
      const all = [...old, ...today].map((socket) => heardBy(socket, 4));
      for (const [i, from] of [...old, ...today].entries()) from.emit('to', 'r', 'said', i, Buffer.from([i]));
      for (const said of all) {
        const got = (await said()).map(([i, data]) => [i, bytes(data)]).sort();
        assert.deepEqual(got, [0, 1, 2, 3].map((i) => [i, [i]]));
      }
      closeOld(...old);
      closeAll(...today);
    });
  });
}

describe('engines alone', () => {
  let conformance;
  before(async () => {
    conformance = await Gateway.start(ALLOWED, { binary: 'confab-conformance' });
  });
  after(() => conformance?.stop());

  const next = (socket) => new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error('no message')), 8000);
    socket.once('message', (data) => {
      clearTimeout(timer);
      done(data);
    });
  });

  for (const [version, engine] of [['3.5.4', engine35], ['3.1.3', engine31]]) {
    for (const [way, options] of Object.entries(transports)) {
      for (const forceBase64 of [false, true]) {
        test(`engine.io-client ${version}, ${way}${forceBase64 ? ', base64' : ''}`, async () => {
          const socket = engine(conformance.url, { ...options, forceBase64 });
          await new Promise((done, fail) => socket.once('open', done).once('error', fail));
          if (way === 'upgrade') await new Promise((done) => socket.once('upgrade', done));
          for (const data of ['hello', 'hé€😀', '', Buffer.from([0, 1, 2, 255]), Buffer.alloc(100000, 5)]) {
            socket.send(data);
            const back = await next(socket);
            if (typeof data === 'string') assert.equal(back ?? '', data); // nothing comes as undefined
            else assert.equal(Buffer.from(back).equals(data), true);
          }
          const closed = new Promise((done) => socket.once('close', done));
          socket.close();
          await closed;
        });
      }
    }
  }
});

describe('JSONP', () => {
  const path = '/socket.io/?EIO=3&transport=polling&b64=1&j=3';

  for (const [version, io] of Object.entries(generations)) {
    test(`socket.io-client ${version} in a page that knows nothing else`, async () => {
      const page = new Page();
      try {
        const socket = await connectOld(io, gateway.url, { transports: ['polling'], forceJSONP: true });
        const [id] = await askOld(socket, 'who');
        assert.equal(id, socket.id);
        const odd = `hé€😀 \u2028\u2029 a\nb \\n \\\\n \r\n "quoted" </script><!-- \t &d=1;+%41`;
        assert.deepEqual(await askOld(socket, 'echo', odd, { odd }), [odd, { odd }]);
        const [data] = await askOld(socket, 'echo', Buffer.from([0, 1, 255]));
        assert.deepEqual(bytes(data), [0, 1, 255]);
        const numbers = [];
        socket.on('number', (n) => numbers.push(n));
        socket.emit('count', 0, 50);
        socket.emit('count', 50, 100);
        await eventually(() => numbers.length >= 100, 8000, 'numbers');
        assert.deepEqual(numbers, Array.from({ length: 100 }, (_, i) => i));
        for (const { status, headers, text, url } of page.scripts) {
          assert.equal(status, 200);
          assert.equal(headers.get('content-type'), 'text/javascript; charset=UTF-8');
          assert.equal(headers.get('x-content-type-options'), 'nosniff');
          assert.equal(text.startsWith(`___eio[${/[?&]j=(\d+)/.exec(url)[1]}]("`), true);
          assert.doesNotMatch(text, /[<>\u2028\u2029\n]/);
        }
        await closesOne(gateway, 'transport_close', async () => socket.close());
      } finally {
        page.close();
      }
    });
  }

  test('what is no number is refused, and nothing of it comes back', async () => {
    for (const j of ['', 'x', '1](alert(1))//', '-1', '1234567890', '<script>', '%00', '1%0a']) {
      const answer = await fetch(`${gateway.url}/socket.io/?EIO=3&transport=polling&j=${encodeURIComponent(j)}`);
      assert.equal(answer.status, 400);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.deepEqual(await answer.json(), { code: 3, message: 'Bad request' });
    }
  });

  test('a form that is none ends its session and no other', async () => {
    const other = await connectOld(generations['2.5.0'], gateway.url);
    for (const body of ['', '2:40', 'd', 'd=2%3A4', 'd=1%3A2&d=1%3A2']) {
      const opening = await (await fetch(gateway.url + path)).text();
      const { sid } = JSON.parse(/\{.*\}/.exec(JSON.parse(/^___eio\[3\]\((".*")\);$/.exec(opening)[1]))[0]);
      await closesOne(gateway, 'parse_error', async () => {
        const answer = await fetch(`${gateway.url}${path}&sid=${sid}`, {
          method: 'POST', body, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } });
        assert.equal(await answer.text(), 'ok');
      });
    }
    assert.deepEqual(await askOld(other, 'echo', 1), [1]);
  });

  test('clients of today have no scripts', async () => {
    const answer = await fetch(`${gateway.url}/socket.io/?EIO=4&transport=polling&j=3`);
    assert.match(await answer.text(), /^0\{/);
    assert.equal(answer.headers.get('content-type'), 'text/plain; charset=UTF-8');
  });
});

test('none of them is served unless it is allowed', async () => {
  const strict = await Gateway.start([], { binary: 'confab-elders' });
  for (const io of Object.values(generations)) {
    for (const options of [transports.polling, transports.websocket]) {
      const socket = openOld(io, strict.url, options);
      await heardOld(socket, 'connect_error');
    }
  }
  for (const query of ['EIO=3&transport=polling', 'transport=polling']) {
    const answer = await fetch(`${strict.url}/socket.io/?${query}`);
    assert.equal(answer.status, 400);
    assert.deepEqual(await answer.json(), { code: 5, message: 'Unsupported protocol version' });
  }
  closeOldLeftovers();
  await strict.stop();
});
