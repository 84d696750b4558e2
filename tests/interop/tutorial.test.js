// Pages of the kind that tutorials have shown for years, in a real browser: the plain events, no acknowledgements, the
// client from the gateway itself. They know nothing of Confab and have to keep working.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';

import { Browser } from './lib/browser.js';
import { Gateway } from './lib/processes.js';

const WAIT = { timeout: 8000 };

// `%` stands for what the page connects with.
const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>chat</title>
<script src="/socket.io/socket.io.js"></script>
<script>
var heard = [];
var socket = io.connect(%);
['loginNameBad', 'loginNameExists', 'userJoined', 'userLeft', 'onlineUsers', 'chat', 'send_msg'].forEach(function (name) {
  socket.on(name, function (what) { heard.push([name, what]); });
});
socket.on('welcome', function () {
  heard.push(['welcome']);
  socket.emit('onlineUsers');
});
</script>`;

const ways = {
  default: ["'http://' + location.host", 'websocket'],
  nothing: ['', 'websocket'],
  polling: ["'http://' + location.host, { transports: ['polling'] }", 'polling'],
  websocket: ["'http://' + location.host, { transports: ['websocket'] }", 'websocket'],
};

let gateway;
let browser;
let directory;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'confab-tutorial-'));
  await mkdir(join(directory, 'page'));
  await symlink(fileURLToPath(new URL('../../web/client', import.meta.url)), join(directory, 'client'));
  for (const [way, [target]] of Object.entries(ways)) {
    await writeFile(join(directory, 'page', `${way}.html`), page.replace('%', target));
  }
  gateway = await Gateway.start(['--web-dir', directory, '--name-grace-ms', '300']);
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await gateway?.stop();
  await rm(directory, { recursive: true, force: true });
});

const open = (way) => browser.open(`${gateway.url}/${way}.html`);
const emit = (tab, ...event) => tab.evaluate((args) => socket.emit(...args), event);
const heard = (tab) => tab.evaluate(() => heard);

// Waits until the page has heard this event, and gives all that it heard up to then.
async function until(tab, name, what) {
  await tab.waitForFunction(
    ([event, wanted]) => heard.some(([one, arg]) => one === event && (wanted === null || JSON.stringify(arg) === wanted)),
    [name, what === undefined ? null : JSON.stringify(what)], WAIT);
  return heard(tab);
}

const several = (tab, name, count) =>
  tab.waitForFunction(([event, n]) => heard.filter(([one]) => one === event).length >= n, [name, count], WAIT);
const all = async (tab, name) => (await heard(tab)).filter(([one]) => one === name).map(([, what]) => what);

for (const [way, [, transport]] of Object.entries(ways)) {
  describe(`a page that connects by ${way}`, () => {
    test('log-in and its refusals, who is there, talk, and farewell', async () => {
      const anna = await open(way);
      const guest = await open(way);
      await emit(anna, 'chat', 'before I am anybody');
      await emit(anna, 'onlineUsers');
      await emit(anna, 'login', 'ab');
      assert.deepEqual(await until(anna, 'loginNameBad'), [['loginNameBad', 'ab']]);
      await emit(anna, 'login', 'Anna');
      assert.deepEqual((await until(anna, 'onlineUsers')).slice(1), [['welcome'], ['userJoined', 'Anna'], ['onlineUsers', ['Anna']]]);
      assert.deepEqual(await until(guest, 'userJoined'), [['userJoined', 'Anna']], 'also those who have no name yet');

      await emit(guest, 'login', 'Anna');
      await until(guest, 'loginNameExists', 'Anna');
      await emit(guest, 'login', 'Бob');
      assert.deepEqual((await until(guest, 'onlineUsers')).slice(-1), [['onlineUsers', ['Anna', 'Бob']]]);
      await until(anna, 'userJoined', 'Бob');

      const text = 'hallo <b>你好</b> 😀';
      await emit(guest, 'chat', text);
      await emit(anna, 'chat', 'ciao');
      for (const tab of [anna, guest]) {
        await several(tab, 'chat', 2);
        const said = (await all(tab, 'chat')).map(({ sender, message }) => `${sender}: ${message}`);
        assert.deepEqual(said.sort(), ['Anna: ciao', `Бob: ${text}`]);
      }

      assert.equal(await anna.evaluate(() => socket.io.engine.transport.name), transport);
      await guest.close();
      await until(anna, 'userLeft', 'Бob');
      assert.deepEqual(await all(anna, 'userLeft'), ['Бob']);
      assert.deepEqual([...anna.errors, ...guest.errors], []);
      await anna.close();
    });

    test('send_msg without a log-in: once for the others, twice for the sender', async () => {
      const sender = await open(way);
      const other = await open(way);
      await other.waitForFunction(() => socket.connected, undefined, WAIT);
      for (const what of ['你好', { deep: [1, null, 'x'] }]) await emit(sender, 'send_msg', what);
      const deep = { deep: [1, null, 'x'] };
      await several(sender, 'send_msg', 4);
      assert.deepEqual(await all(sender, 'send_msg'), ['你好', '你好', deep, deep]);
      await several(other, 'send_msg', 2);
      assert.deepEqual(await all(other, 'send_msg'), ['你好', deep]);
      assert.deepEqual([...sender.errors, ...other.errors], []);
      await sender.close();
      await other.close();
    });
  });
}
