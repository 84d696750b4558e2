// Compressed WebSocket messages (permessage-deflate): stock clients with every setting, each byte that is refused, bombs, and broadcasts
// to those who agreed on it and those who did not.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

import { Emitter } from '@socket.io/redis-emitter';
import { createClient } from 'redis';
import WebSocket, { WebSocketServer } from 'ws';

import { closeAll, closeLeftovers, connect, heard } from './lib/clients.js';
import { closesOne, growth } from './lib/counts.js';
import { askOld, closeOldLeftovers, connectOld, generations } from './lib/elders.js';
import { Gateway, Redis } from './lib/processes.js';
import { Polling, binary, cutAll, engine, frame, once, opcodes, text, upgrade } from './lib/raw.js';

const MiB = 1 << 20;
const LIMIT = 1000000;
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };
const COMPRESSED = { rsv: 4 };
const counted = (what) => `confab_websocket_compression_total{what="${what}"}`;

function deflate(payload, options = {}) {
  const bytes = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH, ...options });
  assert.deepEqual(bytes.subarray(-4), TAIL);
  return bytes.subarray(0, -4);
}

const inflate = (payload) => inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH });
const deflated = (payload, options) => text(deflate(payload), { ...COMPRESSED, ...options });

// What a data frame says, and whether it came compressed.
async function take(wire) {
  const got = await wire.frame();
  const isPacked = got.rsv === 4;
  assert.ok(got.rsv === 0 || isPacked);
  return { opcode: got.opcode, isPacked, length: got.payload.length, said: isPacked ? inflate(got.payload) : got.payload };
}

// A session that agreed on compression, joined.
async function packed(to, headers = OFFER) {
  const wire = await upgrade(to, engine('websocket'), { headers });
  assert.equal(wire.answer.status, 101);
  await take(wire);
  wire.send(deflated('40'));
  assert.match(String((await take(wire)).said), /^40\{/);
  return wire;
}

const echo = (id, value) => `42${id}["echo",${JSON.stringify(value)}]`;
const echoed = (id, value) => `43${id}[${JSON.stringify(value)}]`;

let gateway;
before(async () => {
  const options = [process.env.ASAN_OPTIONS, 'quarantine_size_mb=1', 'allocator_release_to_os_interval_ms=50'];
  gateway = await Gateway.start(['--ws-compression', 'on'], {
    binary: 'confab-benchapp', env: { ASAN_OPTIONS: options.filter(Boolean).join(':') } });
});
afterEach(cutAll);
after(async () => {
  closeLeftovers();
  await gateway?.stop();
});

describe('what is agreed on', () => {
  const plain = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
  const handshakes = [
    [undefined, 101, undefined],
    ['permessage-deflate', 101, plain],
    ['permessage-deflate; client_max_window_bits', 101, plain],
    ['permessage-deflate; server_max_window_bits=10', 101, `${plain}; server_max_window_bits=10`],
    ['permessage-deflate; server_max_window_bits="10"', 101, `${plain}; server_max_window_bits=10`],
    ['permessage-deflate; server_max_window_bits=3, permessage-deflate', 101, plain],
    [['x-webkit-deflate-frame', 'permessage-deflate'], 101, plain],
    ['permessage-deflate; no_such_thing', 101, undefined],
    ['x-webkit-deflate-frame', 101, undefined],
    ['permessage-deflate,', 400, undefined],
    ['permessage-deflate; server_max_window_bits="10', 400, undefined],
    ['', 400, undefined],
  ];

  for (const [offer, status, agreed] of handshakes) {
    test(`${JSON.stringify(offer)}: ${status}, ${agreed}`, async () => {
      const { answer } = await upgrade(gateway, engine('websocket'), { headers: { 'Sec-WebSocket-Extensions': offer } });
      assert.deepEqual([answer.status, answer.headers['sec-websocket-extensions']], [status, agreed]);
    });
  }

  // What each side's own limits or leniency decide is above.
  test('as by ws of npm, which is told to forget, too', async () => {
    const perMessageDeflate = { serverNoContextTakeover: true, clientNoContextTakeover: true };
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate });
    await new Promise((done) => server.on('listening', done));
    const name = 'permessage-deflate';
    const ask = async (to, target, offer) => {
      const { answer } = await upgrade(to, target, { headers: { 'Sec-WebSocket-Extensions': offer } });
      const agreed = answer.headers['sec-websocket-extensions']?.split('; ').sort();
      return { offer, status: answer.status, agreed, said: answer.status === 400 ? answer.body : '' };
    };
    try {
      for (const offer of [undefined, '', name, `${name};`, `${name},`, `,${name}`, `${name},,x`, `${name} ; server_no_context_takeover , y ; z`, 'x', 'x, y;z', 'x;y=z;a="b"',
        'x;y="z', 'x;y=', 'x;y=""', 'x;y="a b"', 'x;y="a\\b"', 'x;y="a\\"', 'x;y==z', 'x;y z', 'x y', 'x;;y', '=', '"x"', ';x', 'x;"y"', 'é', 'x;y=(z)', `x, ${name}`,
        `${name}; server_max_window_bits=8`, `${name}; server_max_window_bits="9"`, `${name}; server_max_window_bits=15`, `${name}; client_max_window_bits`,
        `${name}; server_no_context_takeover; client_no_context_takeover`, `${name}, ${name}; server_max_window_bits=9`, [name, 'x'], ['x', name]]) {
        assert.deepEqual(await ask(gateway, engine('websocket'), offer), await ask(server.address(), '/', offer), String(offer));
      }
    } finally {
      cutAll();
      server.close();
    }
  });

  test('off, as it is by default, nothing is, and RSV1 breaks the protocol', async () => {
    const own = await Gateway.start();
    try {
      for (const [offer] of handshakes) {
        const wire = await upgrade(own, engine('websocket'), { headers: { 'Sec-WebSocket-Extensions': offer } });
        assert.deepEqual([wire.answer.status, wire.answer.headers['sec-websocket-extensions']], [101, undefined]);
        wire.send(deflated('40'));
        assert.equal(await wire.closeCode({ skip: true }), 1002);
      }
    } finally {
      cutAll();
      await own.stop();
    }
  });
});

describe('ws of npm', () => {
  const settings = [
    true,
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
    { clientMaxWindowBits: 9 },
    { serverMaxWindowBits: 9, threshold: 0 },
    { serverMaxWindowBits: 12, clientMaxWindowBits: 10, threshold: 0 },
    { serverMaxWindowBits: 15, zlibDeflateOptions: { level: 9, memLevel: 9 } },
    { zlibDeflateOptions: { level: 0 }, threshold: 0 },
    { zlibDeflateOptions: { strategy: constants.Z_FIXED }, threshold: 0 },
  ];
  const values = ['x', 'x'.repeat(1023), 'hé€😀'.repeat(300), 'y'.repeat(65536), randomBytes(3000).toString('base64'),
    Array.from({ length: 20000 }, (_, i) => i).join(' '), 'z'.repeat(900000)];

  for (const perMessageDeflate of settings) {
    test(`with ${JSON.stringify(perMessageDeflate)}`, async () => {
      const client = new WebSocket(`ws://127.0.0.1:${gateway.port}${engine('websocket')}`, { perMessageDeflate });
      const waiting = [];
      const came = [];
      client.on('message', (data) => (waiting.length > 0 ? waiting.shift()(String(data)) : came.push(String(data))));
      const next = () => (came.length > 0 ? came.shift() : new Promise((done) => waiting.push(done)));
      await new Promise((done, fail) => client.on('open', done).on('error', fail));
      assert.match(client.extensions, /^permessage-deflate/);
      await next();
      client.send('40');
      await next();
      for (const value of values) client.send(echo(1, value));
      for (const value of values) assert.equal(await next(), echoed(1, value));
      const closed = new Promise((done) => client.on('close', done));
      client.close(1000);
      assert.equal(await closed, 1000);
    });
  }
});

describe('socket.io-client', () => {
  const values = ['short', 'x'.repeat(5000), { list: Array.from({ length: 2000 }, (_, i) => ({ i, name: 'é€😀' })) },
    Buffer.alloc(20000, 7), randomBytes(5000)];

  for (const transports of [['websocket'], ['polling', 'websocket']]) {
    for (const threshold of [0, 1024]) {
      test(`${transports.join(', then ')}, compressing from ${threshold} bytes on`, async () => {
        const grown = {};
        for (const what of ['inflated', 'sent']) grown[what] = (await gateway.metrics()).get(counted(what));
        const socket = await connect(gateway.url, { transports, perMessageDeflate: { threshold } });
        if (socket.io.engine.transport.name !== 'websocket') await new Promise((done) => socket.io.engine.once('upgrade', done));
        for (const value of values) assert.deepEqual(await socket.timeout(5000).emitWithAck('echo', value), value);
        const now = await gateway.metrics();
        for (const what of ['inflated', 'sent']) assert.ok(now.get(counted(what)) - grown[what] >= 3, what);
        closeAll(socket);
      });
    }
  }

  test('a broadcast reaches whoever agreed on it, compressed once, and whoever did not', async () => {
    const agreed = await Promise.all(Array.from({ length: 5 }, () => connect(gateway.url, { transports: ['websocket'] })));
    const others = await Promise.all([{ transports: ['websocket'], perMessageDeflate: false }, { transports: ['polling'] }]
      .flatMap((options) => [connect(gateway.url, options), connect(gateway.url, options)]));
    const value = 'to all '.repeat(1000);
    const all = Promise.all([...agreed, ...others].map((socket) => heard(socket, 'chat')));
    const sent = await growth(gateway, counted('sent'), async () => {
      const made = await growth(gateway, counted('deflated'), async () => {
        others[0].emit('chat', value);
        for (const args of await all) assert.deepEqual(args, [value]);
      });
      assert.equal(made, 1);
    });
    assert.equal(sent, agreed.length);
    closeAll(...agreed, ...others);
  });
});

describe('clients of socket.io 1 and 2', () => {
  test('agree on it, too', async () => {
    const own = await Gateway.start(['--ws-compression', 'on', '--allow-eio3', 'on'], { binary: 'confab-elders' });
    try {
      for (const io of Object.values(generations)) {
        const sent = await growth(own, counted('sent'), async () => {
          const received = await growth(own, counted('inflated'), async () => {
            const socket = await connectOld(io, own.url, { transports: ['websocket'] });
            const value = 'of old '.repeat(1000);
            assert.deepEqual(await askOld(socket, 'echo', value), [value]);
          });
          assert.equal(received, 1);
        });
        assert.equal(sent, 1);
      }
    } finally {
      closeOldLeftovers();
      await own.stop();
    }
  });
});

describe('out', () => {
  test('from the threshold on, when it gets smaller', async () => {
    const own = await Gateway.start(['--ws-compression', 'on', '--ws-compression-threshold-bytes', '500'], { binary: 'confab-benchapp' });
    try {
      const wire = await packed(own);
      const around = echoed(1, '').length;
      for (const [length, isPacked] of [[499, false], [500, true], [70000, true], [300000, true]]) {
        const value = 'v'.repeat(length - around);
        wire.send(text(echo(1, value)));
        const got = await take(wire);
        assert.deepEqual([got.isPacked, String(got.said)], [isPacked, echoed(1, value)]);
        assert.equal(got.length < length, isPacked);
      }
      wire.send(text('451-1["echo",{"_placeholder":true,"num":0}]'), binary(randomBytes(2000)));
      await take(wire);
      const noise = await take(wire);
      assert.deepEqual([noise.opcode, noise.isPacked, noise.length], [opcodes.binary, false, 2000]);
    } finally {
      cutAll();
      await own.stop();
    }
  });

  test('a window that the client asked for is enough for what it gets', async () => {
    const wire = await packed(gateway, { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=11' });
    const around = echoed(1, '').length;
    for (const [length, isPacked] of [[2048, true], [2049, false]]) {
      wire.send(text(echo(1, 'w'.repeat(length - around))));
      assert.equal((await take(wire)).isPacked, isPacked);
    }
  });

  test('what the application, or another node, sends uncompressed stays so, on both transports', async () => {
    const redis = await Redis.start();
    const client = createClient({ url: redis.url });
    await client.connect();
    const own = await (await Gateway.start(['--redis', redis.url, '--ws-compression', 'on'], { binary: 'confab-cast' })).ready();
    try {
      const value = 'again and '.repeat(500);
      const wire = await packed(own);
      const polling = await Polling.joined(own);
      const caster = await connect(own.url, { transports: ['websocket'] });
      const emitter = new Emitter(client);
      const ways = [
        [true, () => caster.timeout(5000).emitWithAck('cast', {}, 'news', value)],
        [false, () => caster.timeout(5000).emitWithAck('cast', { plain: true }, 'news', value)],
        [true, () => emitter.emit('news', value)],
        [false, () => emitter.compress(false).emit('news', value)],
      ];
      for (const [isPacked, act] of ways) {
        const answer = once(own, 'GET', polling.target, { headers: { 'Accept-Encoding': 'gzip' } });
        await act();
        const got = await take(wire);
        assert.deepEqual([got.isPacked, String(got.said)], [isPacked, `42["news","${value}"]`]);
        assert.equal((await answer).headers['content-encoding'], isPacked ? 'gzip' : undefined);
      }
      closeAll(caster);
    } finally {
      cutAll();
      client.destroy();
      await own.stop();
      await redis.stop();
    }
  });
});

describe('in', () => {
  const open = { fin: false };

  test('fragments of every size, with control frames between, byte by byte', async () => {
    const value = Array.from({ length: 3000 }, (_, i) => i * i).join('-');
    const bytes = deflate(echo(5, value));
    const own = await Gateway.start(['--ws-compression', 'on', '--max-control-frames-per-second', '0'], { binary: 'confab-benchapp' });
    try {
      for (const size of [5, 64, 1000, bytes.length - 1, bytes.length]) {
        const wire = await packed(own);
        const pieces = [];
        for (let at = 0; at < bytes.length; at += size) {
          const options = { fin: at + size >= bytes.length, rsv: at === 0 ? 4 : 0 };
          pieces.push(frame(at === 0 ? opcodes.text : opcodes.continuation, bytes.subarray(at, at + size), options));
          if (!options.fin) pieces.push(frame(opcodes.ping, String(at)));
        }
        const all = Buffer.concat(pieces);
        if (size === 1000) await wire.trickle(all);
        else wire.send(all);
        for (let at = 0; at + size < bytes.length; at += size) {
          const pong = await wire.frame();
          assert.deepEqual([pong.opcode, String(pong.payload)], [opcodes.pong, String(at)]);
        }
        assert.equal(String((await take(wire)).said), echoed(5, value));
      }
    } finally {
      cutAll();
      await own.stop();
    }
  });

  test('compressed and not in turns, however they were compressed', async () => {
    const wire = await packed(gateway);
    const value = 'turn and '.repeat(100);
    const ways = [deflate(echo(1, value)), deflate(echo(1, value), { level: 0 }), deflate(echo(1, value), { windowBits: 9 }),
      deflate(echo(1, value), { strategy: constants.Z_HUFFMAN_ONLY }), deflate(echo(1, value), { finishFlush: constants.Z_FULL_FLUSH }),
      Buffer.concat([deflateRawSync(echo(1, value)), Buffer.from([0])]), deflateRawSync(echo(1, value))];
    for (const bytes of ways) {
      wire.send(text(bytes, COMPRESSED), text(echo(2, 'plain')));
      assert.equal(String((await take(wire)).said), echoed(1, value));
      assert.equal(String((await take(wire)).said), echoed(2, 'plain'));
    }
  });

  const hello = deflate('42["x"]');
  const refused = [
    ['RSV1 on a continuation', Buffer.concat([text(hello.subarray(0, 2), { ...open, ...COMPRESSED }), frame(opcodes.continuation, hello.subarray(2), COMPRESSED)]), 1002],
    ['RSV1 on the second fragment alone', Buffer.concat([text('4', open), frame(opcodes.continuation, hello, COMPRESSED)]), 1002],
    ['RSV1 on a ping', frame(opcodes.ping, '', COMPRESSED), 1002],
    ['RSV1 on a pong', frame(opcodes.pong, '', COMPRESSED), 1002],
    ['RSV1 on a close frame', frame(opcodes.close, '', COMPRESSED), 1002],
    ['RSV2', text(hello, { rsv: 2 }), 1002],
    ['RSV1 and RSV3', text(hello, { rsv: 5 }), 1002],
    ['RSV1 without a mask', text(hello, { ...COMPRESSED, masked: false }), 1002],
    ['what is not compressed', text('42["x"]', COMPRESSED), 1007],
    ['nothing at all', text('', COMPRESSED), 1007],
    ['a message cut off', text(hello.subarray(0, -2), COMPRESSED), 1007],
    ['a reference to the message before', Buffer.concat([text(hello, COMPRESSED), text(Buffer.from([0xf2, 0x00, 0x11, 0x00, 0x00]), COMPRESSED)]), 1007],
    ['bytes behind the last block', text(Buffer.concat([deflateRawSync('42["x"]'), Buffer.from('junk')]), COMPRESSED), 1007],
    ['compressed text that is no UTF-8', deflated(Buffer.from([0x34, 0x32, 0xc3, 0x28])), 1007],
    ['one byte above the limit, inflated', deflated('4'.repeat(LIMIT + 1)), 1009],
    ['fragments above the limit, inflated', Buffer.concat([text(deflate('4'.repeat(LIMIT + 1)).subarray(0, 10), { ...open, ...COMPRESSED }),
      frame(opcodes.continuation, deflate('4'.repeat(LIMIT + 1)).subarray(10))]), 1009],
    ['a length above the limit, compressed', text('', { ...COMPRESSED, declared: LIMIT + 1 }), 1009],
  ];

  for (const [what, bytes, code] of refused) {
    test(`${what}: ${code}`, async () => {
      await closesOne(gateway, code === 1009 ? 'payload_too_big' : 'transport_error', async () => {
        const wire = await packed(gateway);
        wire.send(text(echo(1, 'before')), bytes, text(echo(2, 'behind')));
        assert.equal(String((await take(wire)).said), echoed(1, 'before'));
        assert.equal(await wire.closeCode(), code);
        await wire.ended();
      });
    });
  }

  test('bombs of 10 MB in 10 KB: 1009, and memory stays as it was', async () => {
    const bomb = deflate(Buffer.alloc(10 * MiB), { level: 9, memLevel: 9 });
    assert.ok(bomb.length < 11000);
    const resident = async () => (await gateway.metrics()).get('confab_process_resident_memory_bytes');
    const throwOne = async () => {
      const wire = await packed(gateway);
      wire.send(binary(bomb, COMPRESSED));
      assert.equal(await wire.closeCode(), 1009);
      await wire.ended();
    };
    await throwOne();
    const before = await resident();
    await closesOne(gateway, 'payload_too_big', () => Promise.all(Array.from({ length: 40 }, throwOne)), 40);
    const grown = (await resident()) - before;
    assert.ok(grown < 24 * MiB, `resident memory grew by ${grown} bytes`);
  });

  test('a message counts for the rates with its inflated bytes', async () => {
    const own = await Gateway.start(['--ws-compression', 'on', '--max-per-second-bytes', '100KB'], { binary: 'confab-conformance' });
    try {
      const wire = await packed(own);
      const held = 'confab_drops_total{limit="per_second_bytes"}';
      const received = await growth(own, 'confab_received_bytes_total', async () => {
        assert.ok(await growth(own, held, async () => {
          for (let i = 0; i < 4; i++) wire.send(deflated(`42["message","${'m'.repeat(90000)}"]`));
          for (let back = 0; back < 4;) back += /message-back/.test(String((await take(wire)).said)) ? 1 : 0;
        }) > 0);
      });
      assert.ok(received >= 360000);
    } finally {
      cutAll();
      await own.stop();
    }
  });

  test('a compressed message, too, has to end in time', async () => {
    const own = await Gateway.start(['--ws-compression', 'on', '--message-timeout-ms', '200'], { binary: 'confab-benchapp' });
    try {
      const wire = await packed(own);
      wire.send(text(hello.subarray(0, 3), { ...open, ...COMPRESSED }));
      assert.equal(await wire.closeCode(), 1008);
    } finally {
      cutAll();
      await own.stop();
    }
  });
});
