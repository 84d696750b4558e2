// Bytes that no sane sender would send, and real messages broken in every way. The same ones in every run.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const notepack = createRequire(createRequire(import.meta.url).resolve('@socket.io/redis-adapter'))('notepack.io');

// mulberry32
export class Chance {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  below(limit) {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  of(list) {
    return list[this.below(list.length)];
  }

  bytes(length) {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

// Recorded payloads of the classic adapter, by what their channel carries.
export function recorded() {
  const path = fileURLToPath(new URL('../../vectors/redis-vectors.jsonl', import.meta.url));
  const found = { broadcast: [], request: [], response: [] };
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (!line) continue;
    const { set, channel, payload } = JSON.parse(line);
    if (!payload || !channel?.startsWith('socket.io') || !/^(classic|emitter|legacy)/.test(set)) continue;
    const kind = /^socket\.io-(request|response)#/.exec(channel)?.[1] ?? 'broadcast';
    found[kind].push(Buffer.from(payload, 'hex'));
  }
  return found;
}

export function noise(chance) {
  const heads = [[], [0x7b], [0x7b, 0x22], [0x93], [0x93, 0xa6], [0x83], [0xc1], [0xdc], [0xdd, 0xff], [0xdf], [0x5b]];
  return Buffer.concat([Buffer.from(chance.of(heads)), chance.bytes(chance.below(200))]);
}

const changes = [
  (bytes, chance) => bytes.subarray(0, chance.below(bytes.length)),
  (bytes, chance) => Buffer.concat([bytes, chance.bytes(1 + chance.below(4))]),
  (bytes, chance) => Buffer.concat([bytes, bytes]),
  (bytes, chance) => {
    const at = chance.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), chance.bytes(1 + chance.below(3)), bytes.subarray(at)]);
  },
  (bytes, chance) => {
    const at = chance.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + chance.below(4))]);
  },
  ...Array.from({ length: 4 }, () => (bytes, chance) => {
    const changed = Buffer.from(bytes);
    for (let i = chance.below(3); i >= 0; i -= 1) changed[chance.below(changed.length)] = chance.below(256);
    return changed;
  }),
];

export function broken(chance, originals) {
  const original = chance.of(originals);
  return original.length > 0 ? chance.of(changes)(original, chance) : noise(chance);
}

// What decodes well and means nothing, or far too much.
export function absurd(nsp) {
  const rooms = { rooms: [], except: [], flags: {} };
  const event = { type: 2, data: ['x'], nsp };
  const nested = (depth) => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.from([0xc0])]);
  const values = [
    null, 0, -1, true, 'text', '', [], {}, [null], [null, null, null], ['uid', event], ['uid', event, null], ['uid', null, rooms],
    ['uid', event, { rooms: 5 }], ['uid', event, { rooms: 'red' }], ['uid', event, { rooms: [null, {}, [[]], 7, true] }],
    ['uid', { type: 2, nsp }, rooms], ['uid', { type: 2, data: 'x', nsp }, rooms], ['uid', { type: 2, data: [], nsp }, rooms],
    ['uid', { type: 2, data: [{}], nsp }, rooms], ['uid', { type: 2, data: [null, 1], nsp }, rooms],
    ['uid', { type: 2, data: ['connect'], nsp }, rooms], ['uid', { type: 99, data: ['x'], nsp }, rooms],
    ['uid', { type: '2', data: ['x'], nsp }, rooms], ['uid', { type: 1, nsp }, rooms], ['uid', { type: 4, data: {}, nsp }, rooms],
    ['uid', { type: 2, data: ['x'], nsp, id: -1 }, rooms], ['uid', { type: 5, data: ['x', Buffer.from('y')], nsp }, rooms],
    [{}, event, rooms], [['confab'], event, rooms], ['uid', event, { ...rooms, flags: 'volatile' }],
    ...[0, 1, 2, 3, 5, 6, 7, 8, 9, 99, -1, '1', 1.5, null, {}].flatMap((type) => [
      { type }, { type, requestId: null }, { type, requestId: {}, uid: [] }, { type, requestId: 'r', uid: 5, opts: 5, rooms: 5 },
      { type, requestId: 'x'.repeat(5000), uid: 'u'.repeat(5000) }, { type, requestId: 'r', opts: { rooms: {}, except: 3 }, rooms: [null] },
      { type, requestId: 'r', sid: 7, room: {} }, { type, requestId: 'r', data: 'text' }, { type, requestId: 'r', data: [] },
      { type, requestId: 'r', data: [{}] }, { type, requestId: 'r', packet: null, opts: {} }, { type, requestId: 'r', packet: {}, opts: {} },
      { type, requestId: 'r', packet: { ...event, data: 5 }, opts: rooms }, { type, requestId: 'r', clientCount: -5, sockets: 'x' },
    ]),
  ];
  return [
    Buffer.alloc(0), Buffer.from([0xc1]), Buffer.from('{'), Buffer.from('{}'), Buffer.from(' {}'), Buffer.from('null'),
    Buffer.from('{"type":5,"requestId":"\ud800"}'), Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
    Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), Buffer.from([0xdf, 0x7f, 0xff, 0xff, 0xff]), Buffer.from([0xc6, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x93, 0xdb, 0x80, 0, 0, 0]), nested(10), nested(300), nested(100000), Buffer.from('['.repeat(100000)),
    Buffer.from(`{"type":5,"opts":${'['.repeat(50000)}`), Buffer.from(`{"a":`.repeat(20000)),
    ...values.flatMap((value) => [notepack.encode(value), Buffer.from(JSON.stringify(value))]),
  ];
}

// Far beyond what anybody sends.
export function oversize(nsp, bytes) {
  return [
    Buffer.alloc(bytes, 0x7b),
    Buffer.alloc(bytes, 0x91),
    notepack.encode(['uid', { type: 99, data: ['x'.repeat(bytes)], nsp }, { rooms: [], except: [], flags: {} }]),
    notepack.encode(['uid', { type: 99, data: ['x', Array.from({ length: bytes / 20 }, () => 'many')], nsp }, { rooms: [] }]),
    Buffer.from(JSON.stringify({ type: 99, requestId: 'x'.repeat(bytes) })),
  ];
}

// An ArrayBuffer as old encoders wrote it, said to be huge: Node makes it without looking whether it is there.
export function drowns(bytes) {
  for (let at = bytes.indexOf(0xc9); at >= 0 && at + 5 < bytes.length; at = bytes.indexOf(0xc9, at + 1)) {
    if (bytes.readUInt32BE(at + 1) > 2 ** 20 && bytes[at + 5] === 0) return true;
  }
  return false;
}

export function decode(bytes) {
  try {
    return bytes[0] === 0x7b ? JSON.parse(bytes.toString()) : notepack.decode(bytes);
  } catch {
    return undefined;
  }
}
