// Which transports sessions may use, and what else the options say about requests.

import assert from 'node:assert/strict';
import { get } from 'node:http';
import { afterEach, describe, test } from 'node:test';

import { io } from 'socket.io-client';

import { runToEnd } from './lib/processes.js';
import { Polling, Wire, cutAll, engine, once, text, upgrade, webSocket } from './lib/raw.js';
import { withGateway, withNode } from './lib/serve.js';

afterEach(cutAll);

// A GET whose answer may come in chunks, as Node's errors do.
function plain({ port }, path) {
  return new Promise((done, fail) => {
    get({ port, path, agent: false }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (piece) => (body += piece));
      answer.on('end', () => done({ status: answer.statusCode, body }));
    }).on('error', fail);
  });
}

// What a client makes of it: its first transport, or why there is none.
async function outcome({ port }, transports) {
  const socket = io(`http://127.0.0.1:${port}`, { transports, reconnection: false, forceNew: true });
  try {
    return await new Promise((done) => {
      socket.on('connect', () => done(socket.io.engine.transport.name));
      socket.on('connect_error', (error) => done(error.message));
    });
  } finally {
    socket.disconnect();
  }
}

describe('--transports', () => {
  // The same questions to both servers.
  async function asked(to) {
    const polling = await plain(to, engine('polling'));
    const socket = (await upgrade(to, engine('websocket'))).answer;
    const told = ({ status, body }) => [status, body.replace(/"sid":"[^"]*"/, '"sid":""')];
    return {
      polling: told(polling),
      websocket: socket.status, // refused: Node does not look for upgrades at all then, and the body is another
      webtransport: told(await plain(to, engine('webtransport'))),
      'websocket without an upgrade': told(await plain(to, engine('websocket'))),
      'client, polling': await outcome(to, ['polling']),
      'client, websocket': await outcome(to, ['websocket']),
      'client, both': await outcome(to, ['websocket', 'polling']),
    };
  }

  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket'], ['websocket', 'polling']]) {
    test(`${transports}: the same as a Node server`, async () => {
      let expected;
      await withNode({ transports }, async (node) => {
        expected = await asked(node);
      });
      await withGateway(['--transports', transports.join(',')], async (own) => assert.deepEqual(await asked(own), expected));
    });
  }

  test('polling only: an open session gets no WebSocket either, and goes on', async () => {
    await withGateway(['--transports', 'polling'], async (own) => {
      const polling = await Polling.joined(own);
      assert.deepEqual(polling.open.upgrades, []);
      const { answer } = await upgrade(own, engine('websocket', `&sid=${polling.sid}`));
      assert.deepEqual([answer.status, answer.body], [400, 'Transport unknown']);
      assert.equal((await polling.post('3')).body, 'ok');
    });
  });

  test('what is none is told at the start', async () => {
    for (const [given, word] of [['polling,webtransport', 'webtransport'], ['carrier-pigeon', 'carrier-pigeon']]) {
      const end = await runToEnd('confab-gateway', ['--transports', given]);
      assert.deepEqual([end.code, end.stderr], [64, `confab-gateway: --transports: '${word}' is neither polling nor websocket\n`]);
    }
  });
});

describe('--upgrades off', () => {
  test('none is offered; who asks all the same is turned away, and the session goes on', async () => {
    await withGateway(['--upgrades', 'off'], async (own) => {
      const polling = await Polling.joined(own);
      assert.deepEqual(polling.open.upgrades, []);
      const wire = await upgrade(own, engine('websocket', `&sid=${polling.sid}`), { behind: text('2probe') });
      assert.equal(wire.answer.status, 101);
      assert.equal(await wire.closeCode(), 0);
      assert.equal((await polling.post('3')).body, 'ok');
      assert.deepEqual((await webSocket(own)).open.upgrades, [], 'WebSocket from the start is no upgrade');
    });
  });

  test('a stock client stays with polling, and works', async () => {
    await withGateway(['--upgrades', 'off'], async (own) => {
      const socket = io(own.url, { forceNew: true });
      try {
        let upgraded = false;
        socket.io.on('open', () => socket.io.engine.on('upgrade', () => (upgraded = true)));
        await new Promise((done) => socket.on('connect', done));
        const welcome = new Promise((done) => socket.on('welcome', done));
        socket.emit('login', 'Polly');
        await welcome;
        assert.deepEqual([socket.io.engine.transport.name, upgraded], ['polling', false]);
      } finally {
        socket.disconnect();
      }
    });
  });
});

describe('headers', () => {
  test('X-XSS-Protection for those browsers that a Node server sends it to', async () => {
    const agents = ['Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko', 'Mozilla/4.0 (compatible;MSIE 7.0; Windows NT 6.0)',
      'Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.1)', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0', undefined];
    const asked = async (to) => {
      const seen = [];
      for (const agent of agents) {
        const headers = { 'User-Agent': agent };
        const session = await Polling.open(to);
        for (const answer of [await once(to, 'GET', engine('polling'), { headers }), await session.post('3', { headers }),
          await once(to, 'GET', engine('polling', '&sid=no'), { headers })]) {
          seen.push([agent, answer.status, answer.headers['x-xss-protection'], answer.headers['cache-control']]);
        }
      }
      return seen;
    };
    let expected;
    await withNode({}, async (node) => {
      expected = await asked(node);
    });
    await withGateway([], async (own) => assert.deepEqual(await asked(own), expected));
  });

  test('--max-header-bytes: to the byte, then 431', async () => {
    await withGateway(['--max-header-bytes', '2KiB'], async (own) => {
      const head = (bytes) => {
        const text = `GET ${engine('polling')} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: `;
        return `${text}${'x'.repeat(bytes - text.length - 4)}\r\n\r\n`;
      };
      for (const [bytes, status] of [[2048, 200], [2049, 431], [20000, 431]]) {
        const wire = await Wire.open(own);
        wire.send(head(bytes));
        assert.equal((await wire.response()).status, status, `${bytes}`);
      }
    });
  });
});
