// Letters beyond ASCII, from and to clients of socket.io 1 (whose parser encodes them twice in text payloads) and 2
// (whose parser does not), beside one of today.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, afterEach, before, describe, test } from 'node:test';

import { ask, closeLeftovers, connect, heard } from './lib/clients.js';
import { Page } from './lib/document.js';
import { askOld, closeOldLeftovers, connectOld, generations, heardOld } from './lib/elders.js';
import { Gateway, eventually } from './lib/processes.js';

const LETTERS = 'hé€😀 ÿĀ \u2028 日本 \u{10ffff} "\\ \\u00e9 Ã©';
const FIRSTS = ['é', 'naïve café', 'Ωμέγα', '日本語', '😀', '\u0080', LETTERS];

let gateway;
before(async () => {
  gateway = await Gateway.start(['--allow-eio3', 'on'], { binary: 'confab-elders' });
});
afterEach(async () => {
  closeOldLeftovers();
  closeLeftovers();
  await eventually(async () => {
    const now = await gateway.metrics();
    return ['polling', 'websocket'].every((transport) => now.get(`confab_connections{transport="${transport}"}`) === 0);
  }, 5000, 'all gone');
});
after(() => gateway?.stop());

const polling = { transports: ['polling'] };
const ways = {
  polling,
  'polling in base64': { ...polling, forceBase64: true },
  scripts: { ...polling, forceJSONP: true },
  websocket: { transports: ['websocket'] },
};

for (const [version, io] of Object.entries(generations)) {
  for (const [way, options] of Object.entries(ways)) {
    describe(`socket.io-client ${version}, ${way}`, () => {
      let page;
      before(() => {
        if (way === 'scripts') page = new Page();
      });
      after(() => page?.close());

      test('told to one that never wrote any', async () => {
        const today = await connect(gateway.url);
        const old = await connectOld(io, gateway.url, options);
        await askOld(old, 'join', 'r');
        for (const letters of FIRSTS) {
          const said = heardOld(old, 'said');
          today.emit('to', 'r', 'said', letters, { [letters]: [letters] });
          assert.deepEqual(await said, [letters, { [letters]: [letters] }]);
        }
      });

      test('told with bytes in the same payload', async () => {
        const today = await connect(gateway.url);
        const old = await connectOld(io, gateway.url, options);
        await askOld(old, 'join', 'r');
        const said = heardOld(old, 'said');
        today.emit('to', 'r', 'said', LETTERS, Buffer.from([0xc3, 0xa9, 0xff]));
        const [letters, bytes] = await said;
        assert.equal(letters, LETTERS);
        assert.deepEqual([...new Uint8Array(bytes)], [0xc3, 0xa9, 0xff]);
      });

      for (const first of FIRSTS) {
        test(`written, the first being ${JSON.stringify(first)}`, async () => {
          const today = await connect(gateway.url);
          const old = await connectOld(io, gateway.url, options);
          await Promise.all([ask(today, 'join', 'r'), askOld(old, 'join', 'r')]);
          for (const letters of ['plain', first, ...FIRSTS]) {
            const both = Promise.all([heard(today, 'said'), heardOld(old, 'said')]);
            old.emit('to', 'r', 'said', letters);
            assert.deepEqual(await both, [[letters], [letters]]);
          }
        });
      }
    });
  }
}

// What a page does with engine.io-parser 1: letters leave as a text payload, and an answer is read byte by byte.
describe('engine.io-parser 1 in a page', () => {
  const from1 = createRequire(createRequire(import.meta.url).resolve('socket.io-client-1'));
  const parser = from1('engine.io-parser/lib/browser.js');

  const written = (...texts) => new Promise((done) => {
    parser.encodePayload(texts.map((data) => ({ type: 'message', data })), true, done);
  });

  async function messages(answer) {
    const packets = [];
    parser.decodePayload(Buffer.from(await answer.arrayBuffer()).toString('latin1'), 'arraybuffer', (packet) => packets.push(packet));
    assert.deepEqual(packets.filter(({ type }) => type === 'error'), []);
    return packets.map(({ data }) => data);
  }

  test('writes and is told letters', async () => {
    const opening = await messages(await fetch(`${gateway.url}/socket.io/?EIO=3&transport=polling`));
    const url = `${gateway.url}/socket.io/?EIO=3&transport=polling&sid=${JSON.parse(opening[0]).sid}`;
    const told = opening.slice(1);
    const until = async (end) => {
      while (!told.some((text) => text.startsWith(end))) told.push(...await messages(await fetch(url)));
    };
    await until('0');
    for (const [i, letters] of FIRSTS.entries()) {
      const echo = `2${i}${JSON.stringify(['echo', letters])}`;
      const body = await written(echo);
      assert.match(body, /[\u0080-\u00ff]/);
      assert.equal(await (await fetch(url, { method: 'POST', body })).text(), 'ok');
      await until(`3${i}`);
      assert.deepEqual(JSON.parse(told.find((text) => text.startsWith(`3${i}`)).slice(2)), [letters]);
    }
    assert.equal(await (await fetch(url, { method: 'POST', body: '1:1' })).text(), 'ok');
  });
});
