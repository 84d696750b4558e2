// Clients made of chance: what they send is random, or right but for a few bytes. A seed replays them.

import { Polling, RS, Wire, binary, engine, request, text, upgradeHeaders, upgrade } from './raw.js';

export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  // Mulberry32.
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  below(limit) {
    return this.next() % limit;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  bytes(count) {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }

  // The same bytes with some changed, left out, doubled or put in.
  spoil(given) {
    let bytes = Buffer.from(given);
    for (let i = this.below(4); i >= 0; i--) {
      const at = this.below(bytes.length + 1);
      const length = this.below(Math.min(16, bytes.length - at) + 1);
      const [head, middle, tail] = [bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at + length)];
      const put = [this.bytes(length), Buffer.alloc(0), Buffer.concat([middle, middle]), this.bytes(4),
        Buffer.from(this.pick(['"', '[', '{', '\r\n', '\0', RS, ',', '-', ':', '99999999999', '\\u', '\xff']))];
      bytes = Buffer.concat([head, this.pick(put), tail]);
    }
    return bytes;
  }
}

const PACKETS = [
  '40', '40/chat,{"a":1}', '41', '420["login","Fuzzy"]', '421["login",{"name":"Fuzzy Two","resume":"00112233445566778899aabbccddeeff"}]',
  '42["chat",{"room":"r","message":"m","cid":"c"}]', '422["join",{"room":"r"}]', '42["leave",{"room":"r"}]', '42["send_msg",[1,{"a":null}]]',
  '423["onlineUsers"]', '451-4["login",{"_placeholder":true,"num":0}]', '452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
  '430[{"ok":true}]', '461-0[{"_placeholder":true,"num":0}]', '3', '2', '5', '6', '1', 'bAQID', '42["x",1e5,-0.25,true,"\\u20ac\\ud83d\\ude00"]',
];
const REQUESTS = [
  request('GET', engine('polling')), request('GET', engine('websocket'), { headers: upgradeHeaders }), request('OPTIONS', engine('polling')),
  request('POST', engine('polling', '&sid=abc.def'), { body: '40' }),
  Buffer.concat([request('POST', engine('polling', '&sid=x'), { headers: { 'Transfer-Encoding': 'chunked' } }), Buffer.from('2\r\n40\r\n0\r\n\r\n')]),
  request('GET', '/socket.io/socket.io.js', { headers: { 'If-None-Match': '"4.8.4"' } }), request('GET', '/', { headers: { Range: 'bytes=0-1' } }),
];

// Until what was sent is taken, and a little came back or the connection is over.
async function say(wire, bytes) {
  await new Promise((done) => wire.socket.write(bytes, done));
  await wire.ended(10).catch(() => {});
  wire.destroy();
}

export const fuzzers = {
  async 'a connection that says anything'(gateway, random) {
    await say(await Wire.open(gateway), random.bytes(1 + random.below(2000)));
  },

  async 'requests that are almost right'(gateway, random) {
    const bytes = Array.from({ length: 1 + random.below(4) }, () => random.spoil(random.pick(REQUESTS)));
    await say(await Wire.open(gateway), Buffer.concat(bytes));
  },

  async 'frames that are almost right'(gateway, random) {
    const wire = await upgrade(gateway, engine('websocket'));
    const frames = Array.from({ length: 1 + random.below(8) }, () => random.pick([text, binary])(random.pick(PACKETS)));
    await say(wire, random.spoil(Buffer.concat([text('40'), ...frames])));
  },

  async 'packets that are almost right, by WebSocket'(gateway, random) {
    const wire = await upgrade(gateway, engine('websocket', random.pick(['', '&b64=1'])));
    const frames = Array.from({ length: 1 + random.below(8) }, () =>
      random.pick([text, text, text, binary])(random.spoil(random.pick(PACKETS)).toString()));
    await say(wire, Buffer.concat([text('40'), ...frames]));
  },

  async 'packets that are almost right, by polling'(gateway, random) {
    const polling = await Polling.open(gateway);
    const packets = Array.from({ length: 1 + random.below(8) }, () => random.pick(PACKETS));
    const wire = await Wire.open(gateway);
    const get = request('GET', polling.target);
    const posts = [['40', ...packets].join(RS), random.spoil(packets.join(RS)), random.spoil(random.pick(PACKETS))].map((body) =>
      request('POST', polling.target, { body }));
    await say(wire, Buffer.concat([...posts, get, random.spoil(posts[0])]));
    await polling.post('1');
  },
};
