// Clients that break the rules of each layer: it costs them their connection at most, for a counted reason, and nobody else anything.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { Bystander } from './lib/bystander.js';
import { closes, growth } from './lib/counts.js';
import { Gateway } from './lib/processes.js';
import {
  Polling, RS, Wire, binary, chunked, cutAll, engine, frame, once, opcodes, request, text, texts, upgrade, webSocket,
} from './lib/raw.js';

const LIMIT = 100000;

let gateway;
let bystander;
let loris; // heads that never end, opened first and looked at last
before(async () => {
  gateway = await Gateway.start(['--max-payload-bytes', String(LIMIT), '--connect-timeout-ms', '700',
    '--max-control-frames-per-second', '0']);
  bystander = await Bystander.join(gateway, 'Bystander');
  loris = await Promise.all(Array.from({ length: 100 }, () => Wire.open(gateway)));
  for (const wire of loris) wire.send('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nX: ');
});
afterEach(() => bystander.unharmed());
after(async () => {
  bystander?.leave();
  cutAll();
  await gateway?.stop();
});

describe('frames', () => {
  const { continuation, close, ping } = opcodes;
  const open = { fin: false };
  const bad = [
    ['a reserved bit', text('40', { rsv: 4 }), 1002],
    ['another reserved bit', frame(ping, '', { rsv: 1 }), 1002],
    ['no mask', text('3', { masked: false }), 1002],
    ['an unknown opcode', frame(3, 'x'), 1002],
    ['an unknown control opcode', frame(11, ''), 1002],
    ['a continuation of nothing', frame(continuation, 'x'), 1002],
    ['a message inside a message', Buffer.concat([text('4', open), text('2')]), 1002],
    ['a control frame in pieces', frame(ping, 'x', open), 1002],
    ['a long control frame', frame(ping, 'x'.repeat(126)), 1002],
    ['half a close code', frame(close, 'x'), 1002],
    ['a close reason that is no UTF-8', frame(close, Buffer.from([3, 232, 0xff])), 1007],
    ['text that is no UTF-8', text(Buffer.from([0x34, 0x32, 0xc3, 0x28])), 1007],
    ['text that ends inside a character', text(Buffer.from([0x34, 0xe2, 0x82])), 1007],
    ['a surrogate', text(Buffer.from([0x34, 0xed, 0xa0, 0x80])), 1007],
    ['no UTF-8 across fragments', Buffer.concat([text(Buffer.from([0x34, 0xe2]), open), frame(continuation, Buffer.from([0x28]))]), 1007],
    ['a length with its highest bit', Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4]), 1002],
  ];
  const tooBig = [
    ['one byte above the limit', text('', { declared: LIMIT + 1 })],
    ['a length of 2^62', text('', { declared: 2 ** 62 })],
    ['fragments that add up', Buffer.concat([text('x'.repeat(LIMIT), open), frame(continuation, 'y')])],
    ['fragments without end', Buffer.concat([text('4', open), ...Array.from({ length: 5000 }, () => frame(continuation, '', open))])],
  ];

  async function refused(bytes, code, reason) {
    await closes(gateway, { [reason]: 1 }, async () => {
      const wire = await webSocket(gateway);
      wire.send(bytes, texts('40', '42["after the end"]'));
      assert.equal(await wire.closeCode(), code);
      assert.deepEqual(await wire.ended(), { how: 'end', rest: Buffer.alloc(0) });
    });
  }

  for (const [what, bytes, code] of bad) test(`${what}: ${code}`, () => refused(bytes, code, 'transport_error'));
  for (const [what, bytes] of tooBig) test(`${what}: 1009`, () => refused(bytes, 1009, 'payload_too_big'));

  test('codes that no close frame may carry are not repeated', async () => {
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535]) {
      const wire = await webSocket(gateway);
      wire.send(frame(close, Buffer.from([code >> 8, code & 255])), texts('42["after the end"]'));
      assert.equal(await wire.closeCode(), 1002, String(code));
      await wire.ended();
    }
  });

  test('of exactly the limit is no offence', async () => {
    const wire = await webSocket(gateway);
    const event = `420["x","${'y'.repeat(LIMIT - 11)}"]`;
    wire.send(text(event.slice(0, -1), open), frame(continuation, event.slice(-1)));
    assert.match(await wire.text(), /unknown_event/);
    wire.destroy();
  });

  test('a frame that was announced and never comes holds nothing but its connection', async () => {
    const wires = await Promise.all(Array.from({ length: 50 }, () => webSocket(gateway)));
    for (const wire of wires) wire.send(text('42["x', { declared: LIMIT }));
    await bystander.unharmed();
    await closes(gateway, { transport_close: 50 }, async () => wires.forEach((wire) => wire.end()));
  });
});

describe('packets', () => {
  const NAMES = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'];
  const holder = (num) => JSON.stringify({ _placeholder: true, num });
  const bad = [
    '4', '47', '4x', '42{}', '42"x"', '42null', '42[', '42[1', '42[]', '42[null]', '42[{}]', '42[["x"]]', '42[true]', '42["x"]]',
    "42['x']", '42["x",]', '42["x",01]', '42["\\x"]', '42["x",NaN]', '42["a\tb"]', '43{}', '40', '44{"message":"x"}', '41{}',
    '42/other,["x"]', '41/other,', '43/other,0[]', `42/${'n'.repeat(600)},["x"]`, `42${'9'.repeat(400)}["x"]`,
    '45-["x"]', '450-["x"]', '45x-["x"]', '45-1-["x"]', '4511-["x"]', '45999999999999999999-["x"]', '451["x"]', '46-[]',
    `42["x",${'['.repeat(5000)}${']'.repeat(5000)}]`, `42["x",${'{"a":'.repeat(300)}1${'}'.repeat(300)}]`,
    ...NAMES.map((name) => `42["${name}"]`), '42["\\u0063onnect"]',
  ].map((packet) => [packet.slice(0, 60), texts(packet)]).concat([
    ['bytes that nobody waits for', binary('x')],
    ['text while bytes are missing', texts(`451-["x",${holder(0)}]`, '42["y"]')],
    ...[1, -1, '0', 1e9, null].map((num) =>
      [`a placeholder ${num}`, Buffer.concat([text(`451-["x",${holder(num)}]`), binary('a')])]),
  ]);

  test('each that cannot be read, or is out of place, closes that session', async () => {
    for (const [what, bytes] of bad) {
      await closes(gateway, { forced_close: 1 }, async () => {
        const wire = await webSocket(gateway);
        wire.send(bytes);
        const code = await wire.closeCode().catch((error) => assert.fail(`${what}: ${error.message}`));
        assert.equal(code, 0, what);
        wire.send(frame(opcodes.close));
      }).catch((error) => assert.fail(`${what}: ${error.message}`));
    }
  });

  test('the same by polling', async () => {
    for (const packet of ['42{}', '42["connect"]', '42/other,["x"]', 'bAQID']) {
      await closes(gateway, { forced_close: 1 }, async () => {
        const polling = await Polling.joined(gateway);
        const get = await polling.openGet();
        assert.equal((await polling.post([packet, '42["x"]'].join(RS))).body, 'ok');
        assert.equal((await get.response()).body, '1');
        assert.equal((await polling.get()).body, '{"code":1,"message":"Session ID unknown"}');
      });
    }
  });

  test('what is only odd does no harm', async () => {
    const odd = [
      '43[]', '4399[]', '43[1]', '42[5]', '42[1e400]', '42[""]', '42["x",1e999,-0,1e-9999]', '42["\\ud800"]', '42["a\\u0000b"]', '42 ["x"]',
      '42["__proto__",{"__proto__":{"x":1},"constructor":null}]', '42["constructor"]', '42["toString",[]]', '42["x",{"a":1,"a":2}]',
      '42["login",{"__proto__":{"name":"Mallory"}}]', `42["${'n'.repeat(50000)}"]`, `42["x",${'['.repeat(200)}${']'.repeat(200)}]`,
      `42["x",${holder(0)}]`, '42["x",{"_placeholder":false,"num":7}]', '40/no,', '40/\u{1f600},', '6', '0', '5',
    ];
    const wire = await webSocket(gateway);
    wire.send(texts(...odd, '4277["end"]'));
    let last = '';
    while (!last.startsWith('4377')) last = await wire.text();
    wire.destroy();
  });

  test('ninety thousand keys take no longer than they should', async () => {
    const keys = (name) => Array.from({ length: 9000 }, (_, i) => `"${name(i)}":1`).join();
    const wire = await webSocket(gateway);
    const started = Date.now();
    for (let round = 0; round < 5; round++) {
      wire.send(texts(`420["x",{${keys((i) => i.toString(36))}}]`, `421["x",{${keys(() => 'same')}}]`));
      await wire.texts(2);
    }
    assert.ok(Date.now() - started < 3000, `${Date.now() - started} ms`);
    wire.destroy();
  });

  test('attachments that never come: the session ends when its time is over', async () => {
    assert.equal(await growth(gateway, 'confab_drops_total{limit="sio_incomplete_packet"}', () =>
      closes(gateway, { forced_close: 2 }, async () => {
        for (const first of [[], [binary('a')]]) {
          const wire = await webSocket(gateway);
          wire.send(text(`452-["x",${holder(0)},${holder(1)}]`), ...first);
          assert.equal(await wire.closeCode(), 0);
        }
      })), 2);
  });

  test('namespaces and auth without measure are refused, and the session goes on', async () => {
    const wire = await webSocket(gateway);
    wire.send(texts(...Array.from({ length: 500 }, (_, i) => `40/none${i},`)));
    for (const answer of await wire.texts(500)) assert.match(answer, /"Invalid namespace"/);
    wire.send(texts('41', `40{"auth":"${'x'.repeat(70000)}"}`));
    assert.equal(await wire.text(), '44{"message":"Too much auth data"}');
    wire.send(texts(...Array.from({ length: 200 }, () => ['40', '41']).flat(), '40', '421["x"]'));
    assert.equal((await wire.texts(202)).at(-1).slice(0, 3), '431');
    wire.destroy();
  });
});

describe('HTTP', () => {
  const SMUGGLED = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
  const post = (...lines) => ['POST /socket.io/?EIO=4&transport=polling HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n');
  const rows = [
    [400, post('Content-Length: 5', 'Transfer-Encoding: chunked')],
    [400, post('Content-Length: 5', 'Content-Length: 6')],
    [400, post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ...['chunked, chunked', 'identity', 'xchunked', 'chunked;q=1', 'gzip, chunked', ''].map((coding) => [501, post(`Transfer-Encoding: ${coding}`)]),
    ...['+5', '-1', '0x5', '5 5', '5,5', '5;', '', '99999999999999999999', '\u00b5'].map((length) => [400, post(`Content-Length: ${length}`)]),
    [400, post('Content-Length : 5')],
    [400, post('Content-Length: 5', ' folded')],
    [400, post(' Content-Length: 5')],
    [400, post('no colon')],
    [400, post(': no name')],
    [400, post('X: a\x00b')],
    [400, post('X: a\rb')],
    [400, post('X\xe9: a')],
    [400, 'GET /healthz HTTP/1.1\nHost: a\n\n'],
    [400, 'GET /healthz HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
    [400, 'GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
    [400, 'GET /healthz\r\nHost: a\r\n\r\n'],
    [400, 'GET healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
    [400, 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n'],
    [400, 'GET /a\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n'],
    [400, 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n'],
    [400, 'G\u00cbT /healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
    [400, '\r\n\r\n\r\n\r\n'],
    [505, 'GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n'],
    [400, 'GET /healthz HTTP/1.10\r\nHost: a\r\n\r\n'],
    [417, post('Content-Length: 5', 'Expect: a miracle')],
    [431, `GET /?${'q'.repeat(17000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    [431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17000)}`],
    [431, post(...Array.from({ length: 10000 }, (_, i) => `X-${i}: y`))],
    [431, post(...Array.from({ length: 101 }, () => 'A: b'))],
    [400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    [400, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.replace('2.0', '1.1')],
  ];

  test('a head that could be read in two ways, or is too much: one answer, and nothing behind it is a request', async () => {
    for (const [status, head] of rows) {
      const wire = await Wire.open(gateway);
      wire.send(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(SMUGGLED)]));
      const answer = await wire.response().catch((error) => assert.fail(`${head.slice(0, 200)}: ${error.message}`));
      assert.deepEqual([answer.status, answer.headers.connection], [status, 'close'], head.slice(0, 200));
      assert.equal((await wire.ended()).rest.length, 0, head.slice(0, 200));
    }
  });

  test('chunks that are none end the session', async () => {
    for (const coded of ['x\r\n', '-1\r\n', ' 1\r\n', '0x1\r\n', '1\n2\n', '1\r\nab\r\n', '1 \r\na\r\n', 'ffffffffffffffff\r\n', '\r\n',
      `1;${'x'.repeat(20000)}`, `0\r\n${'a: b\r\n'.repeat(5000)}`, '1\r\na\r\n0\r\nx\ry\r\n\r\n']) {
      await closes(gateway, { transport_error: 1 }, async () => {
        const polling = await Polling.joined(gateway);
        const wire = await Wire.open(gateway);
        wire.send(request('POST', polling.target, { headers: { 'Transfer-Encoding': 'chunked' } }), coded, SMUGGLED);
        assert.equal((await wire.response()).status, 400, coded.slice(0, 40));
        assert.equal((await wire.ended()).rest.length, 0);
      });
    }
  });

  test('bodies above the limit, declared or not, cost their connection; the session goes on', async () => {
    const polling = await Polling.joined(gateway);
    for (const [headers, body] of [[{ 'Content-Length': 2 ** 50 }, 'x'.repeat(1000)], [{ 'Content-Length': LIMIT + 1 }, 'x'.repeat(LIMIT + 1)],
      [{ 'Transfer-Encoding': 'chunked' }, chunked('x'.repeat(LIMIT), 'x')], [{ 'Transfer-Encoding': 'chunked' }, 'fffffffff\r\n' + 'x'.repeat(3 * LIMIT)]]) {
      const wire = await Wire.open(gateway);
      wire.send(request('POST', polling.target, { headers }), body, SMUGGLED);
      assert.equal((await wire.response()).status, 413);
      wire.end();
      assert.equal((await wire.ended()).rest.length, 0);
    }
    await polling.post('420["x"]');
    assert.match((await polling.get()).body, /^430/);
    await polling.post('1');
  });

  test('garbage for a sid', async () => {
    for (const sid of ['__proto__', 'constructor', '..', '%00', '%ff%fe', '*', 'x'.repeat(8000), '%F0%9F%92%A9', "'--", '{}', '[object Object]'.replaceAll(' ', '+')]) {
      assert.equal((await once(gateway, 'GET', engine('polling', `&sid=${sid}`))).body, '{"code":1,"message":"Session ID unknown"}', sid);
      const { answer } = await upgrade(gateway, engine('websocket', `&sid=${sid}`));
      assert.deepEqual([answer.status, answer.body], [400, 'Session ID unknown'], sid);
    }
  });

  test('heads that never end are given ten seconds', async () => {
    for (const wire of loris) {
      assert.equal((await wire.response({ ms: 12000 })).status, 408);
      assert.equal((await wire.ended()).rest.length, 0);
    }
  });
});
