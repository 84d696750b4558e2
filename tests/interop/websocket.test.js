// WebSocket byte by byte: frames, closes, the heartbeat, and the way there from polling.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';

import { closes, growth } from './lib/counts.js';
import { Gateway } from './lib/processes.js';
import {
  Polling, RS, Wire, acceptKey, binary, cutAll, engine, frame, once, opcodes, request, text, texts, upgrade,
  upgradeHeaders, webSocket,
} from './lib/raw.js';

const INTERVAL = 300;
const TIMEOUT = 200;

let gateway; // patient
let brisk; // everything has short deadlines
before(async () => {
  gateway = await Gateway.start([], { binary: 'confab-benchapp' });
  brisk = await Gateway.start([
    '--ping-interval-ms', String(INTERVAL), '--ping-timeout-ms', String(TIMEOUT), '--upgrade-timeout-ms', '400',
    '--connect-timeout-ms', '400',
  ], { binary: 'confab-benchapp' });
});
afterEach(cutAll);
after(async () => {
  await gateway?.stop();
  await brisk?.stop();
});

const echo = (id, value) => `42${id}["echo",${JSON.stringify(value)}]`;
const echoed = (id, value) => `43${id}[${JSON.stringify(value)}]`;

// Asks for an echo: what was sent before has been handled, and the connection lives.
async function alive(wire, id = 777) {
  wire.send(text(echo(id, 'alive')));
  assert.equal(await wire.text(), echoed(id, 'alive'));
}

describe('handshake', () => {
  test('101 with the right key, nothing negotiated that is not spoken, and the open packet', async () => {
    const wire = await upgrade(gateway, engine('websocket'), {
      headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' } });
    const { status, headers } = wire.answer;
    assert.equal(status, 101);
    assert.equal(headers['sec-websocket-accept'], acceptKey);
    assert.equal(headers.upgrade.toLowerCase(), 'websocket');
    assert.equal(headers['sec-websocket-extensions'], undefined);
    assert.equal(headers['sec-websocket-protocol'], undefined);
    assert.match(await wire.text(), new RegExp(
      '^0\\{"sid":"[0-9a-z]{3,8}\\.[\\w-]{22}","upgrades":\\[\\],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000\\}$'));
    assert.equal(wire.bytes.length, 0);
  });

  test('header names and their words in any case; of several protocols the first', async () => {
    const wire = await Wire.open(gateway);
    wire.send(request('GET', engine('websocket'), { headers: {
      'CONNECTION': 'keep-alive, UPGRADE', 'upgrade': 'WebSocket', 'SEC-WEBSOCKET-KEY': upgradeHeaders['Sec-WebSocket-Key'],
      'sec-websocket-version': '13', 'Sec-Websocket-Protocol': 'chat, superchat' } }));
    const { status, headers } = await wire.response();
    assert.deepEqual([status, headers['sec-websocket-protocol']], [101, 'chat']);
  });

  test('bytes behind the request, in the same segment, are read as frames', async () => {
    const behind = Buffer.concat([texts('40', echo(0, 'in one')), frame(opcodes.ping, 'p'), text(echo(1, 'go'))]);
    const wire = await upgrade(gateway, engine('websocket'), { behind });
    const got = [];
    while (got.length < 5) got.push(await wire.frame());
    const pongs = got.filter(({ opcode }) => opcode === opcodes.pong); // may overtake what is queued
    assert.deepEqual(pongs.map(({ payload }) => String(payload)), ['p']);
    const packets = got.filter(({ opcode }) => opcode === opcodes.text).map(({ payload }) => String(payload));
    assert.match(packets.slice(0, 2).join(' '), /^0\{.*\} 40\{/);
    assert.deepEqual(packets.slice(2), [echoed(0, 'in one'), echoed(1, 'go')]);
  });

  test('behind other requests of the same connection, all in one segment', async () => {
    const wire = await Wire.open(gateway);
    wire.send(Buffer.concat([
      request('GET', '/healthz'), request('GET', '/nothing'), request('GET', engine('websocket'), { headers: upgradeHeaders }),
      texts('40', echo(1, 'last'))]));
    for (const status of [200, 404, 101]) assert.equal((await wire.response()).status, status);
    const [open, joined, answer] = await wire.texts(3);
    assert.deepEqual([open.slice(0, 2), joined.slice(0, 3), answer], ['0{', '40{', echoed(1, 'last')]);

    const polling = await Polling.joined(gateway);
    const other = await Wire.open(gateway);
    other.send(Buffer.concat([
      request('POST', polling.target, { body: echo(2, 'posted') }),
      request('GET', engine('websocket', `&sid=${polling.sid}`), { headers: upgradeHeaders }), texts('2probe', '5', echo(3, 'sent'))]));
    for (const status of [200, 101]) assert.equal((await other.response()).status, status);
    assert.deepEqual(await other.texts(3), ['3probe', echoed(2, 'posted'), echoed(3, 'sent')]);
  });

  test('refused with the bare message and the end of the connection', async () => {
    const polling = await Polling.open(gateway);
    const sid = `&sid=${polling.sid}`;
    const rows = [
      [engine('carrier-pigeon'), {}, 'Transport unknown'],
      [engine('websocket', '&sid=unknown'), {}, 'Session ID unknown'],
      ['/socket.io/?transport=websocket', {}, 'Unsupported protocol version'],
      ['/socket.io/?EIO=3&transport=websocket', {}, 'Unsupported protocol version'],
      [`/socket.io/?EIO=3&transport=websocket${sid}`, {}, 'Bad request'],
      [engine('websocket'), { 'Sec-WebSocket-Key': undefined }, 'Missing or invalid Sec-WebSocket-Key header'],
      [engine('websocket'), { 'Sec-WebSocket-Key': 'short' }, 'Missing or invalid Sec-WebSocket-Key header'],
      [engine('websocket'), { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA=A' }, 'Missing or invalid Sec-WebSocket-Key header'],
      [engine('websocket'), { 'Sec-WebSocket-Version': undefined }, 'Missing or invalid Sec-WebSocket-Version header'],
      [engine('websocket'), { 'Sec-WebSocket-Version': '7' }, 'Missing or invalid Sec-WebSocket-Version header'],
      [engine('websocket', sid), { 'Sec-WebSocket-Key': 'x' }, 'Missing or invalid Sec-WebSocket-Key header'],
      [engine('websocket'), { Origin: 'http://evil.example' }, 'Forbidden'],
      [engine('websocket', sid), { Origin: 'null' }, 'Forbidden'],
    ];
    for (const [target, headers, message] of rows) {
      const wire = await upgrade(gateway, target, { headers });
      const { answer } = wire;
      assert.deepEqual([answer.status, answer.body], [400, message], target);
      assert.deepEqual([answer.headers['content-type'], answer.headers.connection], ['text/html', 'close']);
      if (message.includes('Version')) assert.equal(answer.headers['sec-websocket-version'], '13, 8');
      assert.equal((await wire.ended()).how, 'end');
    }
    // With another method, or with a body, it is no upgrade.
    const post = await (await Wire.open(gateway)).ask('POST', engine('websocket'), { headers: upgradeHeaders });
    assert.deepEqual([post.status, post.body], [400, '{"code":2,"message":"Bad handshake method"}']);
    const bodied = await Wire.open(gateway);
    bodied.send(request('GET', engine('websocket'), { headers: upgradeHeaders, body: texts('40') }));
    assert.equal((await bodied.response()).status, 400);
    assert.equal((await bodied.ended()).rest.length, 0);
    await polling.post('1');
  });

  test('polling as a WebSocket: accepted, then closed without a code', async () => {
    const wire = await upgrade(gateway, engine('polling'));
    assert.equal(wire.answer.status, 101);
    assert.equal(await wire.closeCode(), 0);
  });

  test('other paths have no WebSockets', async () => {
    for (const path of ['/', '/socket.io', '/elsewhere/?EIO=4&transport=websocket']) {
      const { answer } = await upgrade(gateway, path);
      assert.equal(answer.status, 404, path);
    }
  });

  test('pages of the own host pass whatever their scheme\'s port; those of others do not', async () => {
    const from = async (origin, host) =>
      (await upgrade(gateway, engine('websocket'), { headers: { Host: host, Origin: origin } })).answer.status;
    assert.equal(await from(undefined, 'chat.example'), 101);
    for (const [origin, host] of [['http://chat.example', 'chat.example'], ['https://Chat.Example', 'chat.example:443'],
      ['http://chat.example:8080', 'chat.example:8080'], ['http://[::1]:80', '[::1]']]) {
      assert.equal(await from(origin, host), 101, origin);
    }
    for (const [origin, host] of [['http://chat.example:8080', 'chat.example'], ['http://chat.example.evil', 'chat.example'],
      ['http://evil', 'chat.example'], ['null', 'chat.example'], ['chat.example', 'chat.example'], ['http://', '']]) {
      assert.equal(await from(origin, host), 400, origin);
    }
  });
});

describe('packets', () => {
  test('namespaces, acks, bytes and errors, in the order they were sent', async () => {
    const wire = await webSocket(gateway, { join: false });
    wire.send(text('40{"token":"x"}'));
    assert.match(await wire.text(), /^40\{"sid":"[\w.-]{20}"\}$/);
    wire.send(text('40/adm,{"a":1}'), text(echo(0, ['é', { a: null }])));
    assert.deepEqual(await wire.texts(2), ['44/adm,{"message":"Invalid namespace"}', echoed(0, ['é', { a: null }])]);
    wire.send(text('451-12["echo",{"_placeholder":true,"num":0}]'), binary(Buffer.from([0, 255, 3])), text(echo(13, 1)));
    assert.equal(await wire.text(), '461-12[{"_placeholder":true,"num":0}]');
    const { opcode, payload } = await wire.frame();
    assert.deepEqual([opcode, payload], [opcodes.binary, Buffer.from([0, 255, 3])]);
    assert.equal(await wire.text(), echoed(13, 1));
    wire.send(text('41'), text('40'));
    assert.match(await wire.text(), /^40\{"sid"/);
    await alive(wire);
  });

  test('a client without binary frames gets and sends base64', async () => {
    const wire = await webSocket(gateway, { more: '&b64=1' });
    wire.send(text('451-1["echo",{"_placeholder":true,"num":0}]'), text('bAQID'));
    assert.deepEqual(await wire.texts(2), ['461-1[{"_placeholder":true,"num":0}]', 'bAQID']);
  });

  test('frames split at every byte, and many in one segment', async () => {
    const wire = await webSocket(gateway);
    const bytes = Buffer.concat([
      text(echo(1, 'hé€😀')), text('451-2["echo",{"_placeholder":true,"num":0}]'), binary('xyz'), text(echo(3, 'x'.repeat(130)))]);
    const check = async () => {
      assert.deepEqual(await wire.texts(2), [echoed(1, 'hé€😀'), '461-2[{"_placeholder":true,"num":0}]']);
      assert.equal((await wire.frame()).payload.toString(), 'xyz');
      assert.equal(await wire.text(), echoed(3, 'x'.repeat(130)));
    };
    for (let at = 0; at <= bytes.length; at += 1) {
      await new Promise((done) => wire.socket.write(bytes.subarray(0, at), done));
      wire.send(bytes.subarray(at));
      await check();
    }
    await wire.trickle(bytes);
    await check();
    const many = Array.from({ length: 500 }, (_, i) => i);
    wire.send(Buffer.concat(many.map((i) => text(echo(i, i)))));
    assert.deepEqual(await wire.texts(500), many.map((i) => echoed(i, i)));
  });

  test('messages in fragments, cut inside a character, with pings between; empty and long ones', async () => {
    const wire = await webSocket(gateway);
    const whole = Buffer.from(echo(1, '€€€'));
    const pieces = [...whole].map((byte, i) =>
      frame(i === 0 ? opcodes.text : opcodes.continuation, Buffer.from([byte]), { fin: i === whole.length - 1 }));
    pieces.splice(3, 0, frame(opcodes.continuation, '', { fin: false }), frame(opcodes.ping, 'now'), frame(opcodes.pong, '?'));
    wire.send(Buffer.concat(pieces));
    assert.deepEqual(await wire.frame().then(({ opcode, payload }) => [opcode, String(payload)]), [opcodes.pong, 'now']);
    assert.equal(await wire.text(), echoed(1, '€€€'));
    for (const length of [125 - 13, 126 - 13, 65535 - 13, 65536 - 13, 300000]) {
      const value = 'y'.repeat(length);
      wire.send(text(echo(1, value)));
      assert.equal(await wire.text(), echoed(1, value));
    }
    wire.send(text(echo(2, 'wide'), { wide: 8 }));
    assert.equal(await wire.text(), echoed(2, 'wide'));
  });

  test('each ping has its pong with the same bytes', async () => {
    const wire = await webSocket(gateway);
    for (const payload of [Buffer.alloc(0), randomBytes(1), randomBytes(125)]) {
      wire.send(frame(opcodes.ping, payload));
      const { opcode, payload: back } = await wire.frame();
      assert.deepEqual([opcode, back], [opcodes.pong, payload]);
    }
    wire.send(Buffer.concat(Array.from({ length: 50 }, (_, i) => frame(opcodes.ping, String(i)))));
    for (let i = 0; i < 50; i++) assert.equal((await wire.frame()).payload.toString(), String(i));
  });
});

describe('closing', () => {
  test('the client\'s close frame comes back with its code; `1` closes, too', async () => {
    for (const [payload, code] of [['', 0], [Buffer.from([3, 232]), 1000], [Buffer.from([15, 160, 104, 105]), 4000]]) {
      await closes(gateway, { transport_close: 1 }, async () => {
        const wire = await webSocket(gateway);
        wire.send(frame(opcodes.close, payload));
        assert.equal(await wire.closeCode(), code);
        assert.equal((await wire.ended()).how, 'end');
      });
    }
    await closes(gateway, { transport_close: 1 }, async () => {
      const wire = await webSocket(gateway);
      wire.send(text('1'));
      assert.equal(await wire.closeCode(), 0);
    });
    await closes(gateway, { transport_close: 1 }, async () => (await webSocket(gateway)).end());
    await closes(gateway, { transport_error: 1 }, async () => (await webSocket(gateway)).socket.resetAndDestroy());
  });

  test('no namespace in time: closed without a code', async () => {
    await closes(brisk, { connect_timeout: 1 }, async () => {
      const wire = await webSocket(brisk, { join: false });
      assert.equal(await wire.text(), '2');
      wire.send(text('3'));
      assert.equal(await wire.closeCode(), 0);
    });
  });

  test('pings an interval after each pong; an unasked pong starts it anew; silence ends it', async () => {
    await closes(brisk, { ping_timeout: 1 }, async () => {
      const wire = await webSocket(brisk);
      let at = Date.now();
      for (let round = 0; round < 2; round++) {
        assert.equal(await wire.text(), '2');
        assert.ok(Date.now() - at >= INTERVAL - 60, `${Date.now() - at} ms`);
        at = Date.now();
        wire.send(text('3'));
      }
      await wire.text();
      const chatter = setInterval(() => wire.send(text(echo(9, 'words are no pong')), frame(opcodes.ping)), 20);
      const pinged = Date.now();
      assert.equal(await wire.closeCode({ skip: true }), 0);
      clearInterval(chatter);
      assert.ok(Date.now() - pinged < TIMEOUT + 1000);
    });
  });
});

describe('the upgrade', () => {
  const open = (polling) => upgrade(polling.gateway, engine('websocket', `&sid=${polling.sid}`));

  async function assertSecondIsClosed(polling) {
    const wire = await open(polling);
    assert.equal(wire.answer.status, 101);
    assert.equal(await wire.closeCode(), 0);
  }

  test('step by step: until the `5` polling is the transport, then nothing but the WebSocket', async () => {
    const polling = await Polling.joined(gateway);
    const wire = await open(polling);
    await polling.post(echo(1, 'polled'));
    assert.equal((await polling.get()).body, echoed(1, 'polled'));
    const get = await polling.openGet();
    wire.send(text('2probe'));
    assert.equal(await wire.text(), '3probe');
    assert.equal((await get.response()).body, '6');
    await polling.post(['3', echo(2, 'queued'), echo(3, 'too')].join(RS));
    await assertSecondIsClosed(polling);
    assert.equal(await growth(gateway, 'confab_upgrades_total', async () => {
      wire.send(text('5'));
      assert.deepEqual(await wire.texts(2), [echoed(2, 'queued'), echoed(3, 'too')]);
    }), 1);
    for (const answer of [await polling.get(), await polling.post('2')]) {
      assert.deepEqual([answer.status, answer.body], [400, '{"code":3,"message":"Bad request"}']);
    }
    await assertSecondIsClosed(polling);
    await alive(wire);
  });

  test('probe, `5` and packets in one segment, with a GET open', async () => {
    const polling = await Polling.joined(gateway);
    const get = await polling.openGet();
    const wire = await upgrade(gateway, engine('websocket', `&sid=${polling.sid}`), {
      behind: texts('2probe', '5', echo(1, 'a'), echo(2, 'b')) });
    assert.deepEqual(await wire.texts(3), ['3probe', echoed(1, 'a'), echoed(2, 'b')]);
    assert.match((await get.response()).body, /^[16]$/);
    await alive(wire);
  });

  test('what goes wrong before the `5` costs that WebSocket alone', async () => {
    const polling = await Polling.joined(gateway);
    const wrongs = [texts('5'), texts('2'), texts('40'), texts('2probe', '40'), texts('2probe', '1'), texts('7'), texts(''),
      binary('\x01'), Buffer.concat([texts('2probe'), frame(opcodes.close)]), frame(3, 'x'), text('2probe', { masked: false })];
    for (const wrong of wrongs) {
      const wire = await open(polling);
      wire.send(wrong);
      await wire.closeCode({ skip: true });
      await polling.post(echo(1, 'still here'));
      assert.equal((await polling.get()).body, echoed(1, 'still here'));
    }
    const dropped = await open(polling);
    dropped.send(text('2probe'));
    await dropped.text();
    dropped.socket.resetAndDestroy();
    const get = await polling.openGet();
    await polling.post(echo(2, 'and here'));
    let { body } = await get.response(); // a GET that met the probe was answered with a noop
    if (body === '6') ({ body } = await polling.get());
    assert.equal(body, echoed(2, 'and here'));
    const last = await open(polling);
    last.send(texts('2probe', '5', echo(3, 'at last')));
    assert.deepEqual(await last.texts(2), ['3probe', echoed(3, 'at last')]);
  });

  test('one that takes too long', async () => {
    const polling = await Polling.joined(brisk);
    const wire = await open(polling);
    wire.send(text('2probe'));
    const pump = (async () => {
      for (let ended = false; !ended; ended = wire.over) await polling.post('3');
    })();
    assert.equal(await wire.closeCode({ skip: true }), 0);
    wire.send(frame(opcodes.close));
    await wire.ended();
    await pump;
    await polling.post(echo(1, 'x'));
    assert.match((await polling.get()).body, /431\["x"\]/);
    await polling.post('1');
  });

  test('a session on WebSocket has no other transport', async () => {
    const wire = await webSocket(gateway);
    const answer = await once(gateway, 'GET', engine('polling', `&sid=${wire.open.sid}`));
    assert.equal(answer.body, '{"code":3,"message":"Bad request"}');
    const second = await upgrade(gateway, engine('websocket', `&sid=${wire.open.sid}`));
    assert.equal(await second.closeCode(), 0);
    await alive(wire);
  });
});
