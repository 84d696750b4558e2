// What once brought servers of this protocol, or the libraries below them, down: one test for each advisory in docs/security.md, done
// to a gateway beside which somebody chats on unharmed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';

import { createClient } from 'redis';

import { Bystander } from './lib/bystander.js';
import { closesOne } from './lib/counts.js';
import { Gateway, Redis, eventually } from './lib/processes.js';
import {
  Polling, RS, Wire, binary, chunked, cutAll, engine, frame, once, opcodes, request, text, texts, upgrade, upgradeHeaders, webSocket,
} from './lib/raw.js';

const MiB = 1 << 20;
const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
const listed = new Set([...page.matchAll(/^\| ((?:CVE|GHSA|Gentoo)[-\w ]+?) \|/gm)].map(([, id]) => id));
const tested = new Set();

let gateway;
let bystander;
before(async () => {
  const options = [process.env.ASAN_OPTIONS, 'quarantine_size_mb=1', 'allocator_release_to_os_interval_ms=50'];
  gateway = await Gateway.start(['--connect-timeout-ms', '1s', '--ws-compression', 'on'], { env: { ASAN_OPTIONS: options.filter(Boolean).join(':') } });
  bystander = await Bystander.join(gateway, 'Bystander');
});
afterEach(async () => {
  cutAll();
  await bystander.unharmed();
});
after(async () => {
  bystander?.leave();
  await gateway?.stop();
});

function advisory(id, what, run) {
  tested.add(id);
  test(`${id}: ${what}`, run);
}

const resident = async () => (await gateway.metrics()).get('confab_process_resident_memory_bytes');
const errorOf = (answer) => JSON.parse(answer.body);

async function grewLess(bytes, act) {
  const before = await resident();
  await act();
  const grown = (await resident()) - before;
  assert.ok(grown < bytes, `resident memory grew by ${grown} bytes`);
}

describe('requests', () => {
  advisory('CVE-2017-16031', 'session ids cannot be guessed from others', async () => {
    const ids = await Promise.all(Array.from({ length: 300 }, async () => (await Polling.open(gateway)).sid));
    assert.equal(new Set(ids).size, ids.length);
    const secrets = ids.map((id) => id.slice(id.indexOf('.') + 1));
    for (let place = 0; place < 21; place++) {
      const seen = new Set(secrets.map((secret) => secret[place]));
      assert.ok(seen.size > 40, `place ${place} of the id has ${seen.size} of 64 characters in 300 ids`);
    }
  });

  advisory('CVE-2020-28481', 'pages of other origins get nothing unless they are allowed', async () => {
    const headers = { Origin: 'https://evil.example' };
    for (const method of ['GET', 'OPTIONS']) {
      const answer = await once(gateway, method, engine('polling'), { headers });
      assert.deepEqual(Object.keys(answer.headers).filter((name) => name.startsWith('access-control')), []);
    }
    assert.equal((await upgrade(gateway, engine('websocket'), { headers })).answer.status, 400);
  });

  advisory('CVE-2023-31125', 'every odd query is answered', async () => {
    for (const query of ['', 'EIO=4', 'EIO=4&transport', 'EIO=4&transport=', 'EIO=4&transport=foo', 'EIO=4&transport=__proto__',
      'EIO=4&transport=constructor', 'transport[]=polling&EIO=4', 'EIO=4&transport=polling&transport=foo', '%', '&&=&', 'EIO=4&transport=%ff']) {
      assert.equal((await once(gateway, 'GET', `/socket.io/?${query}`)).status, 400, query);
      assert.equal((await upgrade(gateway, `/socket.io/?${query}`)).answer.status, 400, query);
    }
  });

  for (const id of ['CVE-2026-59724', 'CVE-2026-102600']) {
    advisory(id, 'a session id that is the name of something else', async () => {
      for (const sid of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '%00', 'a'.repeat(4000), '../..', '.']) {
        const target = engine('polling', `&sid=${sid}`);
        assert.deepEqual(errorOf(await once(gateway, 'GET', target)), { code: 1, message: 'Session ID unknown' }, sid);
        assert.equal((await once(gateway, 'POST', target, { body: '40' })).status, 400, sid);
        assert.equal((await upgrade(gateway, engine('websocket', `&sid=${sid}`))).answer.status, 400, sid);
      }
    });
  }

  advisory('CVE-2026-59725', 'bytes posted as bytes are answered, and their connection is not kept waiting', async () => {
    for (let i = 0; i < 20; i++) {
      const polling = await Polling.joined(gateway);
      const answer = await polling.post(Buffer.from([4, 1, 2]), { headers: { 'Content-Type': 'application/octet-stream' } });
      assert.equal(answer.status, 400);
    }
    await eventually(async () => (await gateway.metrics()).get('confab_connections{transport="polling"}') === 0);
  });

  advisory('CVE-2026-102599', 'a session of one revision is not served in another', async () => {
    for (const EIO of ['EIO=3&', 'EIO=2&', 'EIO=&', '']) {
      const polling = await Polling.joined(gateway);
      const target = `/socket.io/?${EIO}transport=websocket&sid=${polling.sid}`;
      assert.equal((await upgrade(gateway, target, { behind: texts('2probe', '5') })).answer.status, 400);
      assert.equal((await once(gateway, 'GET', target.replace('websocket', 'polling'))).status, 400);
      await polling.post('42["x"]');
      const wire = await upgrade(gateway, engine('websocket', `&sid=${polling.sid}`), { behind: text('2probe') });
      assert.equal(await wire.text(), '3probe');
    }
  });

  advisory('CVE-2020-36048', 'a payload of very many packets costs no more than its bytes', async () => {
    const polling = await Polling.joined(gateway);
    await grewLess(48 * MiB, async () => {
      const body = (count) => Array.from({ length: count }, () => '6').join(RS);
      assert.equal((await polling.post(body(1000))).body, 'ok');
      const held = async () => (await gateway.metrics()).get('confab_drops_total{limit="packets_per_second"}');
      const before = await held();
      const wire = await Wire.open(gateway);
      wire.send(request('POST', polling.target, { body: body(300000) })); // is read no faster than the rate allows
      await eventually(async () => (await held()) > before);
      for (const lengths of ['9'.repeat(100000), `${'9'.repeat(300)}:4x`, '1000000000:4x', ':'.repeat(1000)]) {
        await (await Polling.joined(gateway)).post(lengths);
      }
    });
  });

  advisory('CVE-2024-37890', 'headers at the limit, and one more', async () => {
    const many = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-${i}`, '1']));
    const statuses = new Set();
    for (const count of [20, 61, 62, 63, 64, 65, 99, 100, 101, 127, 128, 129, 500, 1999, 2000, 2001]) {
      const answers = [await once(gateway, 'GET', engine('polling'), { headers: many(count) }),
        (await upgrade(gateway, engine('websocket'), { headers: many(count) })).answer];
      for (const { status } of answers) {
        assert.ok([200, 101, 431].includes(status), `${status} for ${count} headers`);
        statuses.add(status);
      }
    }
    assert.deepEqual([...statuses].sort(), [101, 200, 431]);
  });

  advisory('CVE-2021-32640', 'a long subprotocol header is read in linear time', async () => {
    for (const value of [`a${' '.repeat(7000)}b`, ','.repeat(7000), `${'a,'.repeat(3000)}`, `a${'\t'.repeat(7000)},`]) {
      const started = process.hrtime.bigint();
      const { answer } = await upgrade(gateway, engine('websocket'), { headers: { 'Sec-WebSocket-Protocol': value } });
      assert.ok([101, 400, 431].includes(answer.status));
      assert.ok(process.hrtime.bigint() - started < 2_000_000_000n);
    }
  });

  advisory('CVE-2022-41940', 'a refused upgrade whose connection breaks at once', async () => {
    for (const target of [engine('websocket', '&sid=nobody'), engine('nothing'), '/elsewhere', engine('polling')]) {
      for (let i = 0; i < 30; i++) {
        const wire = await Wire.open(gateway);
        await new Promise((done) => wire.socket.write(request('GET', target, { headers: upgradeHeaders }), done));
        wire.socket.resetAndDestroy();
      }
    }
  });

  advisory('CVE-2025-11677', 'a connection that breaks inside the WebSocket handshake', async () => {
    const bytes = request('GET', engine('websocket'), { headers: upgradeHeaders });
    for (let cut = 1; cut <= bytes.length; cut += 7) {
      const wire = await Wire.open(gateway);
      await new Promise((done) => wire.socket.write(bytes.subarray(0, cut), done));
      wire.socket.resetAndDestroy();
    }
    const polling = await Polling.joined(gateway);
    for (let i = 0; i < 20; i++) {
      const wire = await Wire.open(gateway);
      wire.send(request('GET', engine('websocket', `&sid=${polling.sid}`), { headers: upgradeHeaders }), text('2probe'));
      wire.socket.resetAndDestroy();
    }
  });

  for (const id of ['CVE-2025-1866', 'CVE-2026-10650']) {
    advisory(id, 'what is not built in cannot be reached: no other protocol is spoken', async () => {
      const { answer } = await upgrade(gateway, engine('websocket'), { headers: { 'Sec-WebSocket-Protocol': 'lws-ssh-base, lws-mirror-protocol' } });
      assert.ok([101, 400].includes(answer.status));
      const wire = await Wire.open(gateway);
      wire.send('SSH-2.0-OpenSSH_9.6\r\n\r\n');
      assert.equal((await wire.response()).status, 400);
    });
  }

  advisory('Gentoo 981373', 'HTTP/2 is not spoken', async () => {
    const wire = await Wire.open(gateway);
    wire.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    assert.ok([400, 505].includes((await wire.response()).status));
    const answer = await once(gateway, 'GET', engine('polling'), { headers: { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' } });
    assert.notEqual(answer.status, 101);
  });
});

describe('frames', () => {
  advisory('CVE-2022-21676', 'an invalid frame in the same segment as the handshake', async () => {
    for (const bytes of [text('40', { rsv: 4 }), text('40', { rsv: 7 }), frame(15, 'x'), text('4', { masked: false })]) {
      const wire = await upgrade(gateway, engine('websocket'), { behind: bytes });
      assert.equal(wire.answer.status, 101);
      assert.equal(await wire.closeCode({ skip: true }), 1002);
      await wire.ended();
    }
  });

  advisory('CVE-2026-45736', 'what comes back is what was sent, never what lay in memory', async () => {
    const wire = await webSocket(gateway);
    for (let length = 0; length <= 125; length++) {
      const payload = Buffer.alloc(length, length);
      wire.send(frame(opcodes.ping, payload));
      const pong = await wire.frame();
      assert.equal(pong.opcode, opcodes.pong);
      assert.deepEqual(pong.payload, payload);
    }
    for (const code of [[], [3], [3, 232], [3, 232, 120]]) {
      const closing = await webSocket(gateway);
      closing.send(frame(opcodes.close, Buffer.from(code)));
      const { payload } = await closing.frame();
      assert.deepEqual([...payload], code.length === 1 ? [3, 234] : code);
    }
  });

  advisory('GHSA-hf5h-hh56-3vrg', 'what comes out of a compressed message is held against the limit while it comes', async () => {
    const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
    const bombs = [10, 100].map((size) =>
      deflateRawSync(Buffer.alloc(size * MiB), { level: 9, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4));
    assert.ok(bombs[0].length < 11000);
    await grewLess(32 * MiB, async () => {
      for (const bomb of bombs) {
        for (let i = 0; i < 10; i++) {
          const wire = await upgrade(gateway, engine('websocket'), { headers });
          assert.match(wire.answer.headers['sec-websocket-extensions'], /^permessage-deflate/);
          wire.send(binary(bomb, { rsv: 4 }));
          assert.equal(await wire.closeCode({ skip: true }), 1009);
          await wire.ended();
        }
      }
    });
  });
});

describe('packets', () => {
  const forcedClose = async (...bytes) => closesOne(gateway, 'forced_close', async () => {
    const wire = await webSocket(gateway);
    wire.send(...bytes);
    assert.equal(await wire.closeCode({ skip: true }), 0);
    wire.send(frame(opcodes.close));
    await wire.ended();
  });
  const placeholder = (num) => `451-["x",{"_placeholder":true,"num":${num}}]`;

  advisory('CVE-2022-2421', 'the index of an attachment is checked', async () => {
    for (const num of ['1', '-1', '"0"', '"__proto__"', '{}', '[]', 'null', '1e308', '4294967296', '18446744073709551616']) {
      await forcedClose(Buffer.concat([text(placeholder(num)), binary('a')]));
    }
  });

  advisory('CVE-2023-32695', 'the name of an event is a name', async () => {
    for (const packet of ['42[{}]', '42[{"toString":"x"}]', '42[[]]', '42[null]', '42[true]', '42[]']) await forcedClose(text(packet));
  });

  advisory('CVE-2024-38355', 'an event called error is an event that nobody handles', async () => {
    const wire = await webSocket(gateway);
    for (const name of ['error', 'message', 'data', 'close', 'ping', 'upgrade', '__proto__', 'hasOwnProperty']) wire.send(text(`42["${name}",{}]`));
    wire.send(text('427["chat","not logged in"]'));
    assert.match(await wire.text(), /^437\[/);
  });

  advisory('CVE-2020-36049', 'a packet of the largest size is read in linear time and memory', async () => {
    await grewLess(64 * MiB, async () => {
      for (const filler of ['"'.padEnd(900000, 'x').concat('"'), `[${'1,'.repeat(99000)}1]`, `"${'\\u0041'.repeat(150000)}"`]) {
        const wire = await webSocket(gateway);
        const started = process.hrtime.bigint();
        wire.send(text(`421["x",${filler}]`));
        assert.match(await wire.text(), /^431\[/);
        assert.ok(process.hrtime.bigint() - started < 3_000_000_000n);
        wire.destroy();
      }
    });
  });

  advisory('CVE-2026-33151', 'attachments are few, small, and in time', async () => {
    await forcedClose(text('4511-["x"]'));
    await forcedClose(text('45100000-["x"]'));
    await forcedClose(text('4599999999999999999999-["x"]'));
    await grewLess(64 * MiB, async () => {
      await forcedClose(text('4510-["x",{"_placeholder":true,"num":0}]'), ...Array.from({ length: 9 }, () => binary(Buffer.alloc(999999))));
    });
    const wire = await webSocket(gateway);
    wire.send(text('451-["x",{"_placeholder":true,"num":0}]'));
    assert.equal(await wire.closeCode({ skip: true }), 0); // after --connect-timeout-ms
  });
});

// Not before those that count sessions: connections that rest are seen to be gone when they are read again.
describe('fragments', () => {
  advisory('CVE-2026-48779', 'very many tiny fragments and chunks', async () => {
    await grewLess(32 * MiB, async () => {
      const open = { fin: false };
      const wires = await Promise.all(Array.from({ length: 20 }, () => webSocket(gateway)));
      const fragments = Buffer.concat(Array.from({ length: 20000 }, (_, i) => frame(opcodes.continuation, i % 2 ? 'x' : '', open)));
      for (const wire of wires) wire.send(text('4', open), fragments);
      await bystander.unharmed();
      for (const wire of wires) wire.destroy();
      const polling = await Polling.joined(gateway);
      const wire = await Wire.open(gateway);
      wire.send(request('POST', polling.target, { headers: { 'Transfer-Encoding': 'chunked' } }),
        chunked('4', ...Array.from({ length: 50000 }, () => 'x')));
      assert.ok([200, 400, 413].includes((await wire.response()).status));
    });
  });
});

describe('Redis', () => {
  advisory('CVE-2021-32765', 'a reply that declares more elements than there can be', async () => {
    for (const reply of ['*4294967295\r\n', '*1073741824\r\n', '*9223372036854775807\r\n', '*-2\r\n', '$2147483647\r\nx', '%2147483648\r\n']) {
      const sockets = new Set();
      let asked = 0;
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('data', () => {
          asked += 1;
          socket.write(reply);
        });
      });
      await new Promise((done) => server.listen(0, '127.0.0.1', done));
      const node = await Gateway.start(['--redis', `redis://127.0.0.1:${server.address().port}`]);
      await eventually(() => asked >= 2, 10000, 'a second try');
      assert.equal((await fetch(`${node.url}/healthz`)).status, 200);
      await node.stop();
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    }
  });

  for (const id of ['CVE-2026-21452', 'CVE-2026-32284']) {
    advisory(id, 'msgpack that declares gigabytes, or ends inside what it declares', async () => {
      const redis = await Redis.start();
      const node = await (await Gateway.start(['--redis', redis.url])).ready();
      const publisher = createClient({ url: redis.url });
      await publisher.connect();
      const bad = ['c67fffffff00', 'c9ffffffff01', 'dbffffffff', 'dfffffffff', 'ddffffffff', 'd4', 'd501', 'd80100', 'd6ff0000', 'c7ff01',
        '93a178ddffffffff', `93a178${'91'.repeat(5000)}`].map((hex) => Buffer.from(hex, 'hex'));
      const before = (await node.metrics()).get('confab_process_resident_memory_bytes');
      const malformed = () => node.metrics().then((values) => values.get('confab_redis_malformed_total'));
      const counted = await malformed();
      for (const bytes of bad) await publisher.publish('socket.io#/#', bytes);
      await eventually(async () => (await malformed()) === counted + bad.length, 5000, 'each one counted as malformed');
      const after = await node.metrics();
      assert.ok(after.get('confab_process_resident_memory_bytes') - before < 32 * MiB);
      assert.equal(after.get('confab_redis_link_up{link="subscribe"}'), 1);
      publisher.destroy();
      await node.stop();
      await redis.stop();
    });
  }
});

test('docs/security.md lists what is tested here, and nothing else', () => {
  assert.deepEqual([...tested].sort(), [...listed].sort());
});
