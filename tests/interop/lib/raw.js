// HTTP and WebSocket over a bare TCP connection: the test decides every byte, and every wait has a deadline.

import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const WAIT_MS = 8000;

export const RS = '\x1e'; // between the packets of a payload
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

// ---- bytes ----

// A request as bytes. `headers` may hold lists of values; Host and a body's length are added unless told otherwise.
export function request(method, target, { headers = {}, body, length = true } = {}) {
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
  const all = { Host: 'localhost', ...headers };
  if (body !== undefined && length) all['Content-Length'] = bytes.length;
  const lines = Object.entries(all).flatMap(([name, value]) =>
    [value].flat().filter((one) => one !== undefined).map((one) => `${name}: ${one}\r\n`));
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), bytes]);
}

export function chunked(...pieces) {
  const parts = pieces.map((piece) => {
    const bytes = Buffer.from(piece);
    return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
  });
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const upgradeHeaders = {
  Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': KEY, 'Sec-WebSocket-Version': 13,
};
export const acceptKey = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

// A client's frame. `declared` tells another length than the payload's; `wide` writes it in so many bytes.
export function frame(opcode, payload = '', { fin = true, rsv = 0, masked = true, declared, wide } = {}) {
  const bytes = Buffer.from(payload);
  const length = declared ?? bytes.length;
  const size = wide ?? (length < 126 ? 0 : length < 65536 ? 2 : 8);
  const head = Buffer.alloc(2 + size);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) head.writeUInt16BE(length, 2);
  if (size === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (!masked) return Buffer.concat([head, bytes]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, bytes.map((byte, i) => byte ^ mask[i % 4])]);
}

export const text = (payload, options) => frame(opcodes.text, payload, options);
export const binary = (payload, options) => frame(opcodes.binary, payload, options);
export const texts = (...payloads) => Buffer.concat(payloads.map((payload) => text(payload)));

// ---- parsers: undefined while bytes are missing, else [value, bytes used] ----

function parseResponse(bytes, bodyless) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first, ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const [, version, status, reason] = /^HTTP\/(\S+) (\d{3}) (.*)$/.exec(first) ?? [];
  if (!version) throw new Error(`no status line: ${JSON.stringify(first)}`);
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(': ');
    const name = line.slice(0, colon).toLowerCase();
    headers[name] = name in headers ? `${headers[name]}, ${line.slice(colon + 2)}` : line.slice(colon + 2);
  }
  const empty = bodyless || status[0] === '1' || status === '304';
  const length = empty ? 0 : Number(headers['content-length']);
  if (bytes.length < end + 4 + length) return undefined;
  const body = bytes.toString('utf8', end + 4, end + 4 + length);
  return [{ status: Number(status), reason, headers, body }, end + 4 + length];
}

function parseFrame(bytes) {
  if (bytes.length < 2) return undefined;
  if (bytes[1] & 0x80) throw new Error('the server masked a frame');
  const size = { 126: 2, 127: 8 }[bytes[1]] ?? 0;
  if (bytes.length < 2 + size) return undefined;
  const length = size === 0 ? bytes[1] : size === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const end = 2 + size + length;
  if (bytes.length < end) return undefined;
  const payload = Buffer.from(bytes.subarray(2 + size, end));
  return [{ fin: bytes[0] >> 7 === 1, rsv: (bytes[0] >> 4) & 7, opcode: bytes[0] & 15, payload }, end];
}

// ---- a connection ----

const wires = new Set();

// Ends what a test left open; for afterEach.
export function cutAll() {
  for (const wire of wires) wire.destroy();
}

export class Wire {
  static async open({ port, host = '127.0.0.1' }) {
    const wire = new Wire();
    wire.bytes = Buffer.alloc(0);
    wire.over = null; // 'end' or the error's code
    wire.look = () => {};
    wire.socket = connect({ port, host, noDelay: true });
    wires.add(wire);
    wire.socket.on('data', (chunk) => {
      wire.bytes = wire.bytes.length > 0 ? Buffer.concat([wire.bytes, chunk]) : chunk;
      wire.look();
    });
    wire.socket.on('end', () => wire.#finish('end'));
    await new Promise((done, fail) => {
      wire.socket.once('connect', done);
      wire.socket.on('error', (error) => {
        wire.#finish(error.code);
        fail(error);
      });
    });
    return wire;
  }

  #finish(how) {
    this.over ??= how;
    wires.delete(this);
    this.look();
  }

  send(...pieces) {
    for (const piece of pieces) this.socket.write(piece);
    return this;
  }

  // Every byte in a write of its own; resolves when the system has taken the last.
  async trickle(bytes) {
    for (const byte of bytes) {
      if (this.over) return;
      await new Promise((done) => this.socket.write(Buffer.from([byte]), () => done()));
    }
  }

  end() {
    this.socket.end();
  }

  destroy() {
    wires.delete(this);
    this.socket.destroy();
  }

  // What `parse` makes of the bytes received, as soon as it makes something.
  async take(parse, what, ms = WAIT_MS) {
    const told = () => `${what}: ${JSON.stringify(this.bytes.toString('latin1', 0, 300))}`;
    return this.#wait(ms, () => {
      const got = parse(this.bytes);
      if (got === undefined) {
        if (this.over) throw new Error(`connection over (${this.over}) before ${told()}`);
        return undefined;
      }
      this.bytes = this.bytes.subarray(got[1]);
      return { value: got[0] };
    }, () => `not within ${ms} ms: ${told()}`);
  }

  async #wait(ms, look, late) {
    let timer;
    try {
      return await new Promise((done, fail) => {
        this.look = () => {
          try {
            const got = look();
            if (got !== undefined) done(got.value);
          } catch (error) {
            fail(error);
          }
        };
        timer = setTimeout(() => fail(new Error(late())), ms);
        this.look();
      });
    } finally {
      clearTimeout(timer);
      this.look = () => {};
    }
  }

  response({ bodyless = false, ms } = {}) {
    return this.take((bytes) => parseResponse(bytes, bodyless), 'a response', ms);
  }

  ask(method, target, options = {}) {
    this.send(request(method, target, options));
    return this.response({ bodyless: method === 'HEAD', ms: options.ms });
  }

  frame(ms) {
    return this.take(parseFrame, 'a frame', ms);
  }

  // The next frame, which has to be a whole text.
  async text(ms) {
    const got = await this.frame(ms);
    if (got.opcode !== opcodes.text || !got.fin || got.rsv) throw new Error(`no text: ${JSON.stringify(got)}`);
    return got.payload.toString();
  }

  async texts(count) {
    const all = [];
    while (all.length < count) all.push(await this.text());
    return all;
  }

  // The server's close frame: its code, 0 without one. Frames before it are passed over if `skip`.
  async closeCode({ skip = false } = {}) {
    for (;;) {
      const got = await this.frame();
      if (got.opcode === opcodes.close) return got.payload.length >= 2 ? got.payload.readUInt16BE(0) : 0;
      if (!skip) throw new Error(`no close frame but ${JSON.stringify(got)} ${got.payload}`);
    }
  }

  // The other side ended the connection. Gives how, and what came unread before.
  ended(ms = WAIT_MS) {
    return this.#wait(ms, () => (this.over ? { value: { how: this.over, rest: this.bytes } } : undefined),
      () => `still open after ${ms} ms; ${this.bytes.length} bytes unread`);
  }
}

// One request on a connection of its own, as Node's client makes them.
export async function once(gateway, method, target, { headers, ...options } = {}) {
  const wire = await Wire.open(gateway);
  try {
    return await wire.ask(method, target, { headers: { ...headers, Connection: 'close' }, ...options });
  } finally {
    wire.destroy();
  }
}

// ---- Engine.IO sessions ----

export const engine = (transport, more = '') => `/socket.io/?EIO=4&transport=${transport}${more}`;

// A polling session whose requests go where the test wants them.
export class Polling {
  static async open(gateway, more = '') {
    const answer = await once(gateway, 'GET', engine('polling', more));
    if (answer.status !== 200) throw new Error(`handshake: ${JSON.stringify(answer)}`);
    const polling = new Polling();
    polling.gateway = gateway;
    polling.open = JSON.parse(answer.body.slice(1));
    polling.sid = polling.open.sid;
    polling.target = engine('polling', `&sid=${polling.sid}`);
    return polling;
  }

  // Joined to the main namespace.
  static async joined(gateway, more) {
    const polling = await Polling.open(gateway, more);
    await polling.post('40');
    await polling.get();
    return polling;
  }

  get(options) {
    return once(this.gateway, 'GET', this.target, options);
  }

  post(body, options) {
    return once(this.gateway, 'POST', this.target, { body, ...options });
  }

  // A GET that is under way: the answer is had from the wire.
  async openGet() {
    const wire = await Wire.open(this.gateway);
    return wire.send(request('GET', this.target));
  }
}

// A WebSocket. `behind`: bytes in the same segment as the request.
export async function upgrade(gateway, target, { headers = {}, behind = '' } = {}) {
  const wire = await Wire.open(gateway);
  const bytes = request('GET', target, { headers: { ...upgradeHeaders, ...headers } });
  wire.send(Buffer.concat([bytes, Buffer.from(behind)]));
  wire.answer = await wire.response();
  return wire;
}

// A WebSocket session: `wire.open` is the open packet; joined to the main namespace unless told otherwise.
export async function webSocket(gateway, { join = true, more = '' } = {}) {
  const wire = await upgrade(gateway, engine('websocket', more));
  wire.open = JSON.parse((await wire.text()).slice(1));
  if (join) {
    wire.send(text('40'));
    wire.connected = await wire.text();
  }
  return wire;
}
