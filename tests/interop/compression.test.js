// Answers in the codings that a client takes: of polling, chosen as a Node server chooses them, and files.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { gunzipSync, inflateSync } from 'node:zlib';

import { engine } from './lib/raw.js';
import { withGateway, withNode } from './lib/serve.js';

const open = { gzip: gunzipSync, deflate: inflateSync };

// An answer with its bytes as they came; `text` is what they mean.
function get(to, path, headers, method = 'GET', body) {
  return new Promise((done, fail) => {
    const asked = request({ host: '127.0.0.1', port: to.port, path, method, headers, agent: false }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => {
        const bytes = Buffer.concat(pieces);
        const coding = answer.headers['content-encoding'];
        const text = bytes.length > 0 && coding ? open[coding](bytes).toString() : bytes.toString();
        done({ status: answer.statusCode, headers: answer.headers, bytes, coding, text });
      });
    });
    asked.on('error', fail);
    asked.end(body);
  });
}

// What comes back of a text: the answer whose payload holds it.
class Echo {
  static async open(to) {
    const echo = new Echo();
    const { text } = await get(to, engine('polling'));
    echo.to = to;
    echo.path = engine('polling', `&sid=${JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)).sid}`);
    await echo.post('40');
    // The server's own first event, with the answer to CONNECT or behind it.
    while (!/\[\\?"auth/.test((await get(to, echo.path)).text));
    return echo;
  }

  post(body) {
    return get(this.to, this.path, { 'Content-Type': 'text/plain' }, 'POST', body);
  }

  async ask(text, headers) {
    await this.post(`42["message","${text}"]`);
    for (;;) {
      const answer = await get(this.to, this.path, headers);
      assert.equal(answer.status, 200);
      if (answer.text.includes('message-back')) {
        assert.ok(answer.text.includes(text), answer.text.slice(0, 100));
        return answer;
      }
    }
  }
}

const withConformance = (args, act) => withGateway(args, act, { binary: 'confab-conformance' });

// What the conformance application does, as far as these tests ask it.
function conform(server) {
  server.on('connection', (socket) => {
    socket.on('message', (text) => socket.emit('message-back', text));
    socket.emit('auth', {});
  });
}

describe('files', () => {
  const bundle = '/socket.io/socket.io.js';

  test('each in the coding asked for, again and again, with Vary and one ETag', async () => {
    await withGateway([], async (own) => {
      for (const path of [bundle, `${bundle}.map`, '/', '/main.js', '/chat.css']) {
        const plain = await get(own, path, {});
        assert.deepEqual([plain.status, plain.coding, plain.headers.vary], [200, undefined, 'Accept-Encoding'], path);
        for (const accept of ['gzip', 'deflate', 'gzip, deflate, br', 'deflate']) {
          const answer = await get(own, path, { 'Accept-Encoding': accept });
          assert.deepEqual([answer.status, answer.coding], [200, accept.split(',')[0]], path);
          assert.ok(answer.bytes.length < plain.bytes.length / 2, path);
          assert.equal(Number(answer.headers['content-length']), answer.bytes.length);
          assert.equal(answer.text, plain.text, path);
          assert.deepEqual([answer.headers.etag, answer.headers.vary, answer.headers['content-type'], answer.headers['cache-control']],
            [plain.headers.etag, 'Accept-Encoding', plain.headers['content-type'], plain.headers['cache-control']]);
          const head = await get(own, path, { 'Accept-Encoding': accept }, 'HEAD');
          assert.deepEqual([head.headers['content-length'], head.headers['content-encoding'], head.bytes.length],
            [answer.headers['content-length'], accept.split(',')[0], 0]);
          const known = await get(own, path, { 'Accept-Encoding': accept, 'If-None-Match': answer.headers.etag });
          assert.deepEqual([known.status, known.bytes.length, known.headers.vary, known.headers['content-encoding']],
            [304, 0, 'Accept-Encoding', undefined]);
        }
      }
    });
  });

  test('short ones, and everything when it is off, go out as they are', async () => {
    await withGateway([], async (own) => {
      const icon = await get(own, '/favicon.svg', { 'Accept-Encoding': 'gzip' });
      assert.deepEqual([icon.status, icon.coding, icon.headers.vary], [200, undefined, undefined]);
    });
    await withGateway(['--http-compression', 'off'], async (own) => {
      const { status, coding, headers } = await get(own, bundle, { 'Accept-Encoding': 'gzip' });
      assert.deepEqual([status, coding, headers.vary], [200, undefined, undefined]);
    });
  });
});

describe('polling', () => {
  const accepts = [undefined, '', 'gzip', 'deflate', 'gzip, deflate', 'deflate, gzip', 'gzip, deflate, br, zstd', 'br', 'identity',
    'gzip;q=0.5, deflate;q=0.6', 'gzip;q=0', 'gzip;q=0, *', '*', '*;q=0', '*;q=0, gzip', '*;q=0.5, deflate;q=0.5', 'GZIP',
    'gzip;q=0.001', 'identity;q=1, gzip;q=0.2'];

  async function codings(to) {
    const chosen = [];
    for (const accept of accepts) {
      const echo = await Echo.open(to);
      const headers = accept === undefined ? {} : { 'Accept-Encoding': accept };
      const { coding, headers: got } = await echo.ask('x'.repeat(2000), headers);
      assert.equal(got['cache-control'], 'no-store');
      chosen.push([accept, coding]);
    }
    return chosen;
  }

  test('the coding that a Node server chooses', async () => {
    let expected;
    await withNode({}, async (node) => {
      expected = await codings(node);
    }, conform);
    await withConformance([], async (own) => assert.deepEqual(await codings(own), expected));
  });

  test('from the threshold on; short ones, the handshake and answers to bodies go out as they are', async () => {
    const headers = { 'Accept-Encoding': 'gzip' };
    await withConformance(['--http-compression-threshold-bytes', '200'], async (own) => {
      const handshake = await get(own, engine('polling'), headers);
      assert.equal(handshake.coding, undefined);
      const echo = await Echo.open(own);
      assert.equal((await echo.post(`3${'\x1e3'.repeat(200)}`)).coding, undefined);
      const around = '42["message-back",""]'.length;
      assert.equal((await echo.ask('z'.repeat(199 - around), headers)).coding, undefined);
      const answer = await echo.ask('z'.repeat(200 - around), headers);
      assert.equal(answer.coding, 'gzip');
      assert.equal(Number(answer.headers['content-length']), answer.bytes.length);
    });
  });

  test('characters of several bytes', async () => {
    const text = 'hé€😀'.repeat(300);
    await withConformance([], async (own) => {
      const { coding, bytes } = await (await Echo.open(own)).ask(text, { 'Accept-Encoding': 'gzip' });
      assert.equal(coding, 'gzip');
      assert.ok(bytes.length < 1000);
    });
  });

  test('off is off', async () => {
    await withConformance(['--http-compression', 'off'], async (own) => {
      assert.equal((await (await Echo.open(own)).ask('x'.repeat(3000), { 'Accept-Encoding': 'gzip' })).coding, undefined);
    });
  });

  test('one session after the other: nobody sees anything of another', async () => {
    await withConformance([], async (own) => {
      const sessions = await Promise.all([Echo.open(own), Echo.open(own)]);
      for (let i = 0; i < 6; i++) {
        const text = String(i).repeat(1500);
        const accept = i % 3 ? 'gzip' : 'deflate';
        const answer = await sessions[i % 2].ask(text, { 'Accept-Encoding': accept });
        assert.deepEqual([answer.coding, answer.text], [accept, `42["message-back","${text}"]`]);
      }
    });
  });
});
