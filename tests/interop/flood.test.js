// Too much of something: requests, connections, messages nobody reads, random bytes. Limits hold, memory comes back, others are served.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { Bystander } from './lib/bystander.js';
import { ask, closeAll, connect, heard, logIn } from './lib/clients.js';
import { closedSessions, closes, growth } from './lib/counts.js';
import { Random, fuzzers } from './lib/fuzz.js';
import { Gateway, eventually } from './lib/processes.js';
import { Polling, Wire, cutAll, engine, frame, opcodes, request, text, texts, upgrade, upgradeHeaders, webSocket } from './lib/raw.js';

const MiB = 1 << 20;
const QUEUE = 256 * 1024;
const FUZZ_MS = Number(process.env.CONFAB_FUZZ_MS ?? 3000);

let gateway;
let bystander;
before(async () => {
  // The sanitizer keeps freed memory for a while: little of it, so that what comes back can be seen.
  const options = [process.env.ASAN_OPTIONS, 'quarantine_size_mb=1', 'allocator_release_to_os_interval_ms=50'];
  gateway = await Gateway.start(['--max-queued-bytes', String(QUEUE), '--max-packets-per-second', '0', '--chat-messages-per-second', '0',
    '--connect-timeout-ms', '1s', '--name-grace-ms', '0'], {
    env: { ASAN_OPTIONS: options.filter(Boolean).join(':') } });
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

const gauge = async (name) => (await gateway.metrics()).get(name);
const resident = () => gauge('confab_process_resident_memory_bytes');

// Nothing of what `act` did is left: connections, sessions, queued bytes, and (within `allowed` bytes) memory.
async function returns(act, allowed = 24 * MiB) {
  const names = ['confab_tcp_connections', 'confab_connections{transport="polling"}', 'confab_connections{transport="websocket"}',
    'confab_sockets', 'confab_queued_bytes'];
  const before = await gateway.metrics();
  await act();
  cutAll();
  await eventually(async () => {
    const now = await gateway.metrics();
    const more = names.filter((name) => now.get(name) > before.get(name) + (name === 'confab_tcp_connections' ? 2 : 0));
    if (more.length > 0) throw new Error(`left: ${more.map((name) => `${name} ${now.get(name)}`)}`);
    const grown = now.get('confab_process_resident_memory_bytes') - before.get('confab_process_resident_memory_bytes');
    if (grown > allowed) throw new Error(`resident memory grew by ${grown} bytes`);
    return true;
  }, 6000, 'all as before');
}

describe('requests of one client', () => {
  test('log-ins: five are judged, the others told when to come back', async () => {
    const socket = await connect(gateway.url);
    const limited = await growth(gateway, 'confab_logins_total{result="rate_limited"}', async () => {
      const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => ask(socket, 'login', `x${i % 2}`)));
      for (const [i, answer] of answers.entries()) {
        assert.equal(answer.error, i < 5 ? 'name_bad' : 'rate_limited', `answer ${i}`);
        if (i >= 5) assert.ok(answer.retry_ms > 0 && answer.retry_ms <= 2000);
      }
    });
    assert.equal(limited, 495);
    assert.equal(socket.log.length, 5);
    closeAll(socket);
  });

  test('send_msg: twenty at once, then five a second; nobody hears the others', async () => {
    const socket = await connect(gateway.url);
    bystander.socket.log.length = 0;
    const started = Date.now();
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => ask(socket, 'send_msg', i)));
    const passed = answers.filter(({ ok }) => ok).length;
    assert.ok(passed >= 20 && passed <= 20 + (Date.now() - started) / 200 + 1, `${passed} passed`);
    assert.ok(answers.filter(({ ok }) => !ok).every(({ error, retry_ms: retry }) => error === 'rate_limited' && retry > 0));
    await ask(bystander.socket, 'settled?');
    assert.equal(bystander.socket.log.filter(([event]) => event === 'send_msg').length, passed);
    closeAll(socket);
  });

  test('twenty thousand events, answered in their order, while others get a word in', async () => {
    const wire = await webSocket(gateway);
    for (let i = 0; i < 20000;) {
      if (i % 5000 === 0) assert.equal((await ask(bystander.socket, 'chat', `between ${i}`)).ok, true);
      wire.send(Buffer.concat(Array.from({ length: 1000 }, (_, n) => text(`42${i + n}["x"]`))));
      for (const end = i + 1000; i < end;) {
        const got = await wire.text();
        if (got.startsWith('42["chat"')) continue;
        assert.ok(got.startsWith(`43${i}[`), `${got} for ${i}`);
        i++;
      }
    }
  });
});

describe('connections', () => {
  test('dropped in every phase of a handshake', async () => {
    const request101 = request('GET', engine('websocket'), { headers: upgradeHeaders });
    const beginnings = [
      '', 'G', 'GET /socket.io/?EIO=4', request('GET', engine('polling')).subarray(0, -1), request('GET', engine('polling')),
      request('GET', '/socket.io/socket.io.js'), request101.subarray(0, -2), request101,
      Buffer.concat([request101, text('40')]), Buffer.concat([request101, texts('40', '420["login","Dropped"]')]),
      Buffer.concat([request101, text('40').subarray(0, 5)]),
    ];
    await returns(async () => {
      for (let round = 0; round < 40; round++) {
        await Promise.all(beginnings.map(async (bytes) => {
          const wire = await Wire.open(gateway);
          await new Promise((done) => wire.socket.write(bytes, done));
          if (round % 2) wire.socket.resetAndDestroy();
          else wire.destroy();
        }));
      }
    });
    await eventually(async () => (await gauge('confab_names_online')) === 1, 3000, 'no name left behind');
  });

  test('a thousand sessions that were opened by polling and never seen again', async () => {
    await closes(gateway, { connect_timeout: 1000 }, () => returns(async () => {
      const wire = await Wire.open(gateway);
      const handshake = request('GET', engine('polling'), { headers: { Cookie: 'c'.repeat(2000) } });
      for (let i = 0; i < 10; i++) {
        wire.send(Buffer.concat(Array.from({ length: 100 }, () => handshake)));
        for (let n = 0; n < 100; n++) assert.equal((await wire.response()).status, 200);
      }
    }));
  });

  test('a name claimed by one who is gone at once is free again', async () => {
    for (let i = 0; i < 20; i++) {
      const wire = await upgrade(gateway, engine('websocket'), { behind: texts('40', '420["login","Blink"]') });
      wire.socket.resetAndDestroy();
    }
    const socket = await eventually(() => logIn(gateway.url, 'Blink'));
    closeAll(socket);
  });
});

describe('clients that do not read', () => {
  // Talks until `over()`; each part is waited for, so that those who read can follow.
  async function talk(over) {
    const talker = await logIn(gateway.url, 'Talker', { transports: ['websocket'] });
    const words = 'blah'.repeat(1000);
    for (let part = 0; part < 200 && !(await over()); part++) {
      for (let i = 0; i < 49; i++) talker.emit('chat', words);
      assert.equal((await ask(talker, 'chat', words)).ok, true);
      talker.log.length = 0;
      bystander.socket.log.length = 0;
    }
    closeAll(talker);
    await heard(bystander.socket, 'userLeft');
  }

  test('of a crowd on both transports just those are closed, for overflow, and memory returns', async () => {
    await returns(async () => {
      const readers = await Promise.all([1, 2, 3].map(() => connect(gateway.url, { transports: ['websocket'] })));
      const deaf = await Promise.all([1, 2, 3].map(() => webSocket(gateway)));
      for (const wire of deaf) wire.socket.pause();
      await Polling.joined(gateway); // it never asks again
      const before = await closedSessions(gateway);
      const most = await resident();
      await talk(async () => (await closedSessions(gateway)).overflow - before.overflow >= 4);
      assert.ok((await gauge('confab_queued_bytes')) < 5 * QUEUE);
      assert.ok((await resident()) - most < 64 * MiB);
      const now = await closedSessions(gateway);
      assert.equal(now.overflow - before.overflow, 4);
      assert.equal(now.transport_error - before.transport_error, 0);
      assert.ok((await gauge('confab_drops_total{limit="queued_bytes"}')) >= 4);
      for (const socket of readers) {
        assert.ok(socket.connected);
        assert.ok(socket.log.length > 500);
      }
      closeAll(...readers);
    });
  });

  test('of their own answers', async () => {
    await closes(gateway, { overflow: 1 }, () => returns(async () => {
      const wire = await webSocket(gateway);
      wire.socket.pause();
      const asked = Buffer.concat(Array.from({ length: 1000 }, (_, i) => text(`42${i}["x"]`)));
      const { overflow } = await closedSessions(gateway);
      for (let i = 0; i < 300 && (await closedSessions(gateway)).overflow === overflow; i++) {
        await Promise.race([new Promise((done) => wire.socket.write(asked, done)), gateway.metrics()]);
      }
    }));
  });

  test('of pongs, which are not kept for them', async () => {
    await returns(async () => {
      const wire = await webSocket(gateway);
      wire.socket.pause();
      const before = await resident();
      const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(opcodes.ping, 'x'.repeat(125))));
      for (let i = 0; i < 100; i++) await Promise.race([new Promise((done) => wire.socket.write(pings, done)), gateway.metrics()]);
      assert.ok((await resident()) - before < 8 * MiB, `${(await resident()) - before}`);
    });
  });

  test('of files asked for again and again', async () => {
    await returns(async () => {
      const before = await resident();
      for (let client = 0; client < 5; client++) {
        const wire = await Wire.open(gateway);
        wire.socket.pause();
        const asked = Buffer.concat(Array.from({ length: 5000 }, () => request('GET', '/socket.io/socket.io.js')));
        wire.send(asked);
      }
      await bystander.unharmed();
      assert.ok((await resident()) - before < 24 * MiB);
    });
  });
});

describe('random bytes', () => {
  const seed = Number(process.env.CONFAB_SEED ?? Math.floor(Math.random() * 2 ** 32));

  for (const [what, fuzz] of Object.entries(fuzzers)) {
    test(`${what} (CONFAB_SEED=${seed})`, async (t) => {
      t.diagnostic(`CONFAB_SEED=${seed}`);
      const random = new Random(seed);
      await returns(async () => {
        const end = Date.now() + FUZZ_MS / Object.keys(fuzzers).length;
        let rounds = 0;
        do {
          await Promise.all(Array.from({ length: 8 }, () => fuzz(gateway, random)));
          assert.equal(bystander.lost, undefined, `after round ${rounds}`);
          rounds++;
        } while (Date.now() < end);
        t.diagnostic(`${rounds * 8} clients`);
      });
    });
  }
});
