// The parser socket.io-msgpack-parser: its stock clients on every transport, alone and in a cluster whose other nodes speak JSON.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import * as parser from 'socket.io-msgpack-parser';

import { ask, closeAll, closeLeftovers, connect, heard, transports } from './lib/clients.js';
import { closesOne } from './lib/counts.js';
import { Gateway, Redis, eventually } from './lib/processes.js';
import { binary, cutAll, engine, text, upgrade } from './lib/raw.js';

const args = ['--parser', 'msgpack', '--recovery-ms', '60000'];

let gateway;
before(async () => {
  gateway = await Gateway.start(args, { binary: 'confab-benchapp' });
});
afterEach(() => {
  closeLeftovers();
  cutAll();
});
after(() => gateway?.stop());

const values = [
  1, -1, 1.5, 'text', '漢字 🚀', null, true, [[]], {}, { a: { b: [1, 2, { c: 'd' }] } }, Buffer.from([0, 1, 255]),
  { deep: [Buffer.from('x'), { er: Buffer.alloc(70000, 7) }] }, new Date(1700000000123), Array.from({ length: 300 }, (_, i) => i),
];

for (const [name, transport] of Object.entries(transports)) {
  const options = { ...transport, parser };
  describe(`a client with the parser, ${name}`, () => {
    test('gets back every kind of value', async () => {
      const socket = await connect(gateway.url, options);
      for (const value of values) assert.deepEqual(await ask(socket, 'echo', value), value);
      closeAll(socket);
    });

    test('hears broadcasts with bytes, in rooms and without, in order', async () => {
      const [ann, bob] = await Promise.all([connect(gateway.url, options), connect(gateway.url, options)]);
      assert.equal(await ask(ann, 'join', 'blue'), 'ok');
      for (let i = 0; i < 20; i++) bob.emit('chat', [i, Buffer.from([i])], ...(i % 2 ? ['blue'] : []));
      await eventually(() => ann.log.length === 20 && bob.log.length === 10);
      assert.deepEqual(ann.log.map(([, [i, bytes]]) => [i, bytes[0]]), Array.from({ length: 20 }, (_, i) => [i, i]));
      closeAll(ann, bob);
    });

    test('is recovered', async () => {
      const [ann, bob] = await Promise.all([connect(gateway.url, options), connect(gateway.url, options)]);
      bob.emit('chat', 'before');
      await heard(ann, 'chat');
      const { id } = ann;
      const gone = heard(ann, 'disconnect');
      ann.io.engine.close();
      await gone;
      bob.emit('chat', Buffer.from('missed'));
      await ask(bob, 'echo', 'handled');
      const back = heard(ann, 'connect');
      ann.connect();
      await back;
      assert.deepEqual([ann.recovered, ann.id], [true, id]);
      assert.deepEqual(ann.log.map(([, value]) => String(value)), ['before', 'missed']);
      closeAll(ann, bob);
    });

    test('is told that there is no such namespace', async () => {
      await assert.rejects(connect(`${gateway.url}/nowhere`, options), /Invalid namespace/);
    });
  });
}

describe('what is no packet ends its session', () => {
  const bad = [
    ['Socket.IO text', text('40')],
    ['no map', binary(Buffer.from('c0', 'hex'))],
    ['an unknown type', binary(Buffer.from('82a47479706507a36e7370a12f', 'hex'))],
    ['bytes behind the map', binary(Buffer.from('82a47479706500a36e7370a12f00', 'hex'))],
    ['a length that is not there', binary(Buffer.from('dfffffffff', 'hex'))],
  ];
  for (const [what, bytes] of bad) {
    test(what, () => closesOne(gateway, 'forced_close', async () => {
      const wire = await upgrade(gateway, engine('websocket'));
      await wire.text();
      wire.send(bytes);
    }));
  }

  test('an event without a name, or with a reserved one, is ignored', async () => {
    const wire = await upgrade(gateway, engine('websocket'));
    await wire.text();
    const send = (packet) => wire.send(binary(new parser.Encoder().encode(packet)[0]));
    send({ type: 0, nsp: '/' });
    await wire.frame();
    for (const data of [[], [{}], [null], ['connect'], ['disconnect'], [Buffer.alloc(3)]]) send({ type: 2, nsp: '/', data });
    send({ type: 2, nsp: '/', data: ['echo', 'alive'], id: 5 });
    const { opcode, payload } = await wire.frame();
    assert.equal(opcode, 2);
    const decoder = new parser.Decoder();
    const packet = await new Promise((done) => {
      decoder.on('decoded', done);
      decoder.add(payload);
    });
    assert.deepEqual([packet.type, packet.id, packet.data], [3, 5, ['alive']]);
  });
});

test('nodes with different parsers are one cluster', async () => {
  const redis = await Redis.start();
  const nodes = [];
  try {
    for (const kind of ['msgpack', 'json'])
      nodes.push(await (await Gateway.start(['--redis', redis.url, '--parser', kind], { binary: 'confab-benchapp' })).ready());
    const [packed, plain] = await Promise.all([connect(nodes[0].url, { parser }), connect(nodes[1].url)]);
    await Promise.all([packed, plain].map((socket) => ask(socket, 'join', 'blue')));
    const both = (value) => eventually(() => [packed, plain].every(
      (socket) => socket.log.some(([, got]) => JSON.stringify(got) === JSON.stringify(value))));
    for (const [from, value] of [[packed, { bytes: Buffer.from('p') }], [plain, { bytes: Buffer.from('j') }]]) {
      from.emit('chat', value);
      await both(value);
      from.emit('chat', [value], 'blue');
      await both([value]);
    }
    assert.deepEqual(packed.log.map(([, value]) => value), plain.log.map(([, value]) => value));
  } finally {
    closeLeftovers();
    for (const node of nodes) await node.stop();
    await redis.stop();
  }
});
