// Engine.IO over HTTP, byte by byte: refusals and their order, the polling transport, its ends, its heartbeat.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { closes } from './lib/counts.js';
import { Gateway } from './lib/processes.js';
import { Polling, RS, Wire, chunked, cutAll, engine, once, request, upgrade } from './lib/raw.js';

const INTERVAL = 300;
const TIMEOUT = 200;
const LIMIT = 4096;

let gateway; // patient
let brisk; // short heartbeats, small bodies
before(async () => {
  gateway = await Gateway.start([], { binary: 'confab-benchapp' });
  brisk = await Gateway.start([
    '--ping-interval-ms', String(INTERVAL), '--ping-timeout-ms', String(TIMEOUT), '--max-payload-bytes', String(LIMIT),
  ], { binary: 'confab-benchapp' });
});
afterEach(cutAll);
after(async () => {
  await gateway?.stop();
  await brisk?.stop();
});

const ERRORS = [
  'Transport unknown', 'Session ID unknown', 'Bad handshake method', 'Bad request', 'Forbidden',
  'Unsupported protocol version',
];

function assertRefused(answer, code, note) {
  assert.equal(answer.status, 400, note);
  assert.equal(answer.headers['content-type'], 'application/json', note);
  assert.equal(answer.body, JSON.stringify({ code, message: ERRORS[code] }), note);
  assert.equal(Number(answer.headers['content-length']), answer.body.length, note);
}

const assertEmpty = (answer, status) => assert.deepEqual([answer.status, answer.body], [status, '']);
const assertPayload = (answer, body) => assert.deepEqual([answer.status, answer.body], [200, body]);

async function assertGone(polling) {
  assertRefused(await polling.get(), 1);
  assertRefused(await polling.post('2'), 1);
}

describe('refusals', () => {
  // In each row two things are wrong where that is possible: the code tells which is looked at first.
  const rows = [
    ['GET', '?', 0],
    ['GET', '?EIO=4', 0],
    ['GET', '?EIO=4&transport=', 0],
    ['GET', '?EIO=4&transport=webtransport', 0],
    ['GET', '?EIO=4&transport=Polling', 0],
    ['POST', '?transport=carrier-pigeon', 0],
    ['PUT', '?transport=pigeon&sid=unknown', 0],
    ['GET', '?EIO=4&transport=polling&sid=unknown', 1],
    ['POST', '?EIO=3&transport=polling&sid=unknown', 1],
    ['DELETE', '?EIO=4&transport=websocket&sid=unknown', 1],
    ['GET', `?EIO=4&transport=polling&sid=${'x'.repeat(2000)}`, 1],
    ['GET', '?EIO=4&transport=polling&sid=%00%ff%2e', 1],
    ['POST', '?EIO=4&transport=polling', 2],
    ['POST', '?transport=polling', 2],
    ['PUT', '?EIO=4&transport=polling', 2],
    ['OPTIONS', '?EIO=4&transport=polling', 2],
    ['BREW', '?EIO=4&transport=websocket', 2],
    ['GET', '?EIO=4&transport=websocket', 3],
    ['GET', '?transport=websocket', 3],
    ['GET', '?transport=polling', 5],
    ['GET', '?EIO=&transport=polling', 5],
    ['GET', '?EIO=3&transport=polling', 5],
    ['GET', '?EIO=44&transport=polling', 5],
    ['GET', '?EIO=4.0&transport=polling', 5],
  ];

  test('each request that opens no session: status, body, and which check comes first', async () => {
    const wire = await Wire.open(gateway);
    for (const [method, query, code] of rows) {
      assertRefused(await wire.ask(method, `/socket.io/${query}`), code, `${method} ${query}`);
    }
  });

  test('a HEAD is refused without a body, and with the length of the one it would have had', async () => {
    const wire = await Wire.open(gateway);
    const answer = await wire.ask('HEAD', engine('polling'));
    assertEmpty(answer, 400);
    assert.equal(answer.headers['content-length'], '43');
    assertRefused(await wire.ask('GET', '/socket.io/'), 0);
  });

  test('the path is a prefix that ends in its slash', async () => {
    assert.equal((await once(gateway, 'GET', '/socket.io/foo/bar?EIO=4&transport=polling')).status, 200);
    for (const path of ['/socket.io', '/socket.iox/', '/SOCKET.IO/', '/foo/socket.io/', '/engine.io/', '//socket.io/']) {
      assert.equal((await once(gateway, 'GET', `${path}?EIO=4&transport=polling`)).status, 404, path);
    }
    const whole = await once(gateway, 'GET', `http://elsewhere.example${engine('polling')}`);
    assert.equal(whole.status, 200, 'a whole URL is a target, too');
  });

  test('keys and values of the query come percent-encoded, in any order, with others between', async () => {
    const query = '?t=%zz&%74ransport=pol%6Cing&&x&=y&a=b&%45IO=%34&t=2';
    assert.equal((await once(gateway, 'GET', `/socket.io/${query}`)).status, 200);
  });

  test('with a known sid: transport and revision are the session\'s, and no method but GET and POST', async () => {
    const polling = await Polling.open(gateway);
    const ask = (method, query) => once(gateway, method, `/socket.io/?${query}&sid=${polling.sid}`);
    assertRefused(await ask('GET', 'EIO=4&transport=websocket'), 3);
    assertRefused(await ask('GET', 'EIO=3&transport=polling'), 3);
    assertRefused(await ask('POST', 'transport=polling'), 3);
    assertRefused(await ask('PUT', 'EIO=4'), 0);
    for (const method of ['PUT', 'HEAD', 'OPTIONS', 'DELETE']) assertEmpty(await ask(method, 'EIO=4&transport=polling'), 500);
    assertPayload(await polling.post('40'), 'ok');
  });
});

describe('polling', () => {
  test('the handshake: five keys, a secret sid with the node\'s tag, and nothing cached', async () => {
    const { headers, body } = await once(gateway, 'GET', engine('polling', '&t=abc'));
    assert.equal(headers['content-type'], 'text/plain; charset=UTF-8');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(Number(headers['content-length']), body.length);
    assert.match(body, new RegExp(
      '^0\\{"sid":"[0-9a-z]{3,8}\\.[\\w-]{22}","upgrades":\\["websocket"\\],"pingInterval":25000,' +
      '"pingTimeout":20000,"maxPayload":1000000\\}$'));
  });

  test('connect, events, acks, bytes: payloads joined, and split over requests', async () => {
    const polling = await Polling.open(gateway);
    const get = await polling.openGet();
    const posted = await polling.post('40');
    assertPayload(posted, 'ok');
    assert.equal(posted.headers['content-type'], 'text/html');
    assert.equal(posted.headers['cache-control'], 'no-store');
    assert.match((await get.response()).body, /^40\{"sid":"[\w.-]{20}"\}$/);

    assertPayload(await polling.post('420["echo","hé€😀"]'), 'ok');
    const echo = await polling.get();
    assertPayload(echo, '430["hé€😀"]');
    assert.equal(Number(echo.headers['content-length']), Buffer.byteLength('430["hé€😀"]'));

    await polling.post(['421["echo",1]', '42["chat",{"b":2}]', '4299["echo",null]'].join(RS));
    assertPayload(await polling.get(), ['431[1]', '42["chat",{"b":2}]', '4399[null]'].join(RS));

    const header = '452-3["echo",[{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]]';
    const answer = ['462-3[[{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]]', 'bAQID', 'b/w=='].join(RS);
    await polling.post([header, 'bAQID', 'b/w=='].join(RS));
    assertPayload(await polling.get(), answer);
    for (const piece of [header, 'bAQID', 'b/w==']) assertPayload(await polling.post(piece), 'ok');
    assertPayload(await polling.get(), answer);
  });

  test('the server\'s own events ride along with the answer to CONNECT', async () => {
    const polling = await Polling.open(gateway);
    await polling.post(['40', '420["echo","early"]'].join(RS));
    assert.match((await polling.get()).body, /^40\{"sid":"[\w.-]+"\}\x1e430\["early"\]$/);
  });

  test('bodies come in chunks of any size, and under any name of text', async () => {
    const polling = await Polling.joined(gateway);
    const event = Buffer.from('420["echo","hé€😀"]');
    const target = polling.target;
    for (let at = 0; at <= event.length; at++) {
      const body = chunked(...[event.subarray(0, at), event.subarray(at)].filter((piece) => piece.length > 0));
      const answer = await once(gateway, 'POST', target, { body, length: false, headers: { 'transfer-encoding': 'chunked' } });
      assertPayload(answer, 'ok');
      assertPayload(await polling.get(), '430["hé€😀"]');
    }
    for (const type of ['text/plain;charset=UTF-8', 'TEXT/PLAIN', 'application/x-www-form-urlencoded', '', undefined]) {
      assertPayload(await polling.post('420["echo",0]', { headers: { 'CoNtEnT-tYpE': type } }), 'ok');
      assertPayload(await polling.get(), '430[0]');
    }
  });

  test('a chunked body byte by byte, with extensions and a trailer; a client that waits for 100', async () => {
    const polling = await Polling.joined(gateway);
    const wire = await Wire.open(gateway);
    const coded = '6;a="b"\r\n420["e\r\n008\r\ncho",3]\x1e\r\n3;x\r\n42[\r\n8\r\n"chat",1\r\n1\r\n]\r\n000\r\nX-Sum: 1\r\n\r\n';
    await wire.trickle(Buffer.concat([
      request('POST', polling.target, { headers: { 'TRANSFER-ENCODING': 'Chunked' } }), Buffer.from(coded)]));
    assertPayload(await wire.response(), 'ok');
    assertPayload(await polling.get(), ['430[3]', '42["chat",1]'].join(RS));

    wire.send(request('POST', polling.target, { headers: { Expect: '100-continue', 'Content-Length': 13 } }));
    assert.equal((await wire.response()).status, 100);
    wire.send('421["echo",4]');
    assertPayload(await wire.response(), 'ok');
    assertPayload(await polling.get(), '431[4]');
  });

  test('one connection serves many requests, also those sent before the answers', async () => {
    const wire = await Wire.open(gateway);
    const { body, headers } = await wire.ask('GET', engine('polling'));
    assert.deepEqual([headers.connection, headers['keep-alive']], ['keep-alive', 'timeout=5']);
    const target = engine('polling', `&sid=${JSON.parse(body.slice(1)).sid}`);
    wire.send(Buffer.concat([
      request('POST', target, { body: '40' }), request('GET', target),
      request('POST', target, { body: '420["echo",1]' }), request('GET', target),
      request('GET', '/healthz'), request('GET', '/nothing', { headers: { connection: 'CLOSE' } }),
    ]));
    assertPayload(await wire.response(), 'ok');
    assert.match((await wire.response()).body, /^40/);
    assertPayload(await wire.response(), 'ok');
    assertPayload(await wire.response(), '430[1]');
    assertPayload(await wire.response(), 'ok\n');
    const last = await wire.response();
    assert.deepEqual([last.status, last.headers.connection], [404, 'close']);
    assert.deepEqual(await wire.ended(), { how: 'end', rest: Buffer.alloc(0) });
  });

  test('a request split anywhere is the same request', async () => {
    const bytes = request('GET', engine('polling'), { headers: { Cookie: 'a=b' } });
    const wire = await Wire.open(gateway);
    for (let at = 1; at < bytes.length; at++) {
      await new Promise((done) => wire.socket.write(bytes.subarray(0, at), done));
      wire.send(bytes.subarray(at));
      assert.equal((await wire.response()).status, 200, `split at ${at}`);
    }
    await wire.trickle(bytes);
    assert.equal((await wire.response()).status, 200);
  });

  test('HTTP/1.0 closes unless asked to keep, and needs no Host; 1.1 needs exactly one', async () => {
    const wire = await Wire.open(gateway);
    wire.send('GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    assertPayload(await wire.response(), 'ok\n');
    wire.send('GET /healthz HTTP/1.0\r\n\r\n');
    assertPayload(await wire.response(), 'ok\n');
    assert.equal((await wire.ended()).how, 'end');
    for (const hosts of [[], ['a', 'a']]) {
      const other = await Wire.open(gateway);
      assertEmpty(await other.ask('GET', '/healthz', { headers: { Host: hosts } }), 400);
    }
  });
});

describe('the end of a polling session', () => {
  test('the client\'s `1`: the open GET ends with a noop', async () => {
    await closes(gateway, { transport_close: 1 }, async () => {
      const polling = await Polling.joined(gateway);
      const get = await polling.openGet();
      await polling.post('41');
      assertPayload(await polling.post('1'), 'ok');
      assertPayload(await get.response(), '6');
      await assertGone(polling);
    });
  });

  test('a second GET: the first ends with `1`, the second with 400', async () => {
    await closes(gateway, { transport_error: 1 }, async () => {
      const polling = await Polling.joined(gateway);
      const first = await polling.openGet();
      assertEmpty(await polling.get(), 400);
      assertPayload(await first.response(), '1');
      await assertGone(polling);
    });
  });

  test('a second POST while one is under way: 400, and the first connection is cut', async () => {
    await closes(gateway, { transport_error: 1 }, async () => {
      const polling = await Polling.joined(gateway);
      const first = await Wire.open(gateway);
      first.send(request('POST', polling.target, { headers: { 'Content-Length': 20 } }), '42["ec');
      await first.trickle('ho');
      assertEmpty(await polling.post('42["echo"]'), 400);
      assert.equal((await first.ended()).rest.length, 0);
      await assertGone(polling);
    });
  });

  test('a body of another revision\'s kind', async () => {
    for (const type of ['application/octet-stream', 'Application/Octet-Stream; x=y']) {
      await closes(gateway, { transport_error: 1 }, async () => {
        const polling = await Polling.joined(gateway);
        assertEmpty(await polling.post('\x00\x02\xff40', { headers: { 'content-type': type } }), 400);
        await assertGone(polling);
      });
    }
  });

  test('bytes that are no packet: the POST is answered, the session is over', async () => {
    for (const body of ['', RS, 'abc', '7', `42["echo"]${RS}`, `42["echo"]${RS}${RS}3`, Buffer.from('42["\xff"]', 'latin1')]) {
      await closes(gateway, { parse_error: 1 }, async () => {
        const polling = await Polling.joined(gateway);
        const get = await polling.openGet();
        assertPayload(await polling.post(body), 'ok');
        assertPayload(await get.response(), '1');
        await assertGone(polling);
      });
    }
  });

  test('a ping from the client, who has none to send in this revision', async () => {
    await closes(gateway, { transport_error: 1 }, async () => {
      const polling = await Polling.joined(gateway);
      assertPayload(await polling.post('2'), 'ok');
      await assertGone(polling);
    });
  });

  test('packets of the server, or at odd places, are passed over', async () => {
    const polling = await Polling.joined(gateway);
    await polling.post(['0', '5', '6', '3', '3probe', '420["echo",1]'].join(RS));
    assertPayload(await polling.get(), '430[1]');
  });

  test('the connection of an open GET breaks', async () => {
    await closes(gateway, { transport_error: 1 }, async () => {
      const polling = await Polling.joined(gateway);
      (await polling.openGet()).end();
    });
    await closes(gateway, { transport_error: 1 }, async () => {
      const polling = await Polling.joined(gateway);
      (await polling.openGet()).socket.resetAndDestroy();
    });
  });
});

describe('limits and the heartbeat', () => {
  test('a body above the limit is refused and the session stays; one of exactly the limit passes', async () => {
    const polling = await Polling.joined(brisk);
    const event = (bytes) => `420["echo","${'x'.repeat(bytes - 14)}"]`;
    assert.equal(event(LIMIT).length, LIMIT);
    assertEmpty(await polling.post(event(LIMIT + 1)), 413);
    const coded = { body: chunked(event(LIMIT), 'y'), length: false, headers: { 'Transfer-Encoding': 'chunked' } };
    assertEmpty(await once(brisk, 'POST', polling.target, coded), 413);
    const eager = await Wire.open(brisk);
    eager.send(request('POST', polling.target, { headers: { 'Content-Length': 1e9, Expect: '100-continue' } }));
    assertEmpty(await eager.response(), 413);
    assertPayload(await polling.post(event(LIMIT)), 'ok');
    const answers = (await polling.get()).body.split(RS);
    assert.ok(answers.includes(`430["${'x'.repeat(LIMIT - 14)}"]`));
    await polling.post('1');
  });

  test('pings every interval after a pong; then silence ends it, whatever else the client says', async () => {
    await closes(brisk, { ping_timeout: 1 }, async () => {
      const polling = await Polling.joined(brisk);
      const started = Date.now();
      for (let round = 1; round <= 2; round++) {
        assertPayload(await polling.get(), '2');
        assertPayload(await polling.post('3'), 'ok');
      }
      assert.ok(Date.now() - started >= 2 * INTERVAL - 100, 'not before their time');
      assertPayload(await polling.get(), '2');
      const get = await polling.openGet();
      await polling.post('42["nothing"]');
      assertPayload(await get.response(), '1');
      await assertGone(polling);
    });
  });

  test('a ping counts as sent when nobody is there to take it', async () => {
    await closes(brisk, { ping_timeout: 1 }, async () => {
      const polling = await Polling.joined(brisk);
      const wire = await Wire.open(brisk);
      const before = Date.now();
      while ((await wire.ask('GET', `${polling.target}&transport=websocket`)).body.includes('"code":3'));
      assert.ok(Date.now() - before >= INTERVAL + TIMEOUT - 150);
      assert.ok(Date.now() - before < INTERVAL + TIMEOUT + 1000);
    });
  });

  test('a session of one revision is not served in the other, also not by a WebSocket', async () => {
    const polling = await Polling.joined(brisk);
    const wire = await upgrade(brisk, `/socket.io/?EIO=3&transport=websocket&sid=${polling.sid}`);
    assert.deepEqual([wire.answer.status, wire.answer.body], [400, 'Bad request']);
    await polling.post('1');
  });
});
