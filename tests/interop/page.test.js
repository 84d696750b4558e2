// The chat page in a real browser: two windows, and everything a person meets.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './lib/browser.js';
import { connect, logIn } from './lib/clients.js';
import { Gateway, eventually, freePort } from './lib/processes.js';

const WAIT = { timeout: 8000 };
const NARROW = { width: 390, height: 780 };
const shots = process.env.CONFAB_SHOTS; // a directory for screenshots, if they are to be looked at

let gateway;
let browser;
let port;
before(async () => {
  port = await freePort();
  gateway = await Gateway.start([], { port });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await gateway?.stop();
});

async function shoot(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
}

async function enter(page, name) {
  await page.fill('#name', name);
  await page.press('#name', 'Enter');
}

async function entered(url, name, viewport) {
  const page = await browser.open(url, viewport);
  await page.waitForSelector('#login-button:enabled', WAIT);
  await enter(page, name);
  await page.waitForSelector('#chat:not([hidden])', WAIT);
  return page;
}

const texts = (page, selector) => page.$$eval(selector, (found) => found.map((e) => e.textContent));
const says = (page, text) => page.waitForSelector(`.message .body:text-is(${JSON.stringify(text)})`, WAIT);

async function say(page, text) {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

test('log-in with its two refusals', async () => {
  const taken = await logIn(gateway.url, 'Berta');
  const page = await browser.open(gateway.url);
  await page.waitForSelector('#login-button:enabled', WAIT);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'name');
  await shoot(page, 'login');
  await enter(page, 'berta');
  await page.waitForSelector('#login-error:text("Somebody else is called berta")', WAIT);
  await enter(page, 'ab');
  await page.waitForFunction(() => /^(?!Somebody).+/.test(document.querySelector('#login-error').textContent), null, WAIT);
  await shoot(page, 'login-refused');
  await enter(page, 'Anton');
  await page.waitForSelector('#chat:not([hidden])', WAIT);
  taken.disconnect();
  await page.close();
});

test('two windows talk; who is online, joined and left', async () => {
  const one = await entered(gateway.url, 'Carla');
  const two = await entered(gateway.url, 'Dieter');
  await one.waitForSelector('.event:text("Dieter joined")', WAIT);
  await eventually(async () => (await texts(one, '#people li')).join() === 'Carla,Dieter', 5000, 'people');
  await say(one, 'Hello Dieter');
  await say(two, 'Hello Carla');
  for (const page of [one, two]) {
    await says(page, 'Hello Dieter');
    await says(page, 'Hello Carla');
  }
  assert.equal((await one.$$('.message.mine')).length, 1);
  assert.equal(await one.textContent('#state'), 'connected');
  await one.waitForSelector('#transport:text("websocket")', WAIT);
  assert.match(await one.textContent('#node'), /^[0-9a-z]{3,8}$/);
  await shoot(one, 'wide');
  await two.close();
  await one.waitForSelector('.event:text("Dieter left")', { timeout: 10000 });
  assert.deepEqual(one.errors, []);
  await one.close();
});

test('markup in names and messages shows as text', async () => {
  const page = await entered(gateway.url, '<b>Emil</b>');
  await say(page, '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>');
  await page.waitForSelector('.message .body', WAIT);
  assert.deepEqual(await texts(page, '.message .sender'), ['<b>Emil</b>']);
  assert.match((await texts(page, '.message .body'))[0], /^<img src=x onerror=/);
  assert.equal(await page.title(), 'Confab');
  assert.equal((await page.$$('#messages img, #messages b, #messages script, #people b')).length, 0);
  await page.close();
});

test('a room is its members\' alone', async () => {
  const one = await entered(gateway.url, 'Frida');
  const two = await entered(gateway.url, 'Gustav');
  for (const page of [one, two]) {
    await page.fill('#room', 'kitchen');
    await page.press('#room', 'Enter');
    await page.waitForSelector('#talk-title:text-is("kitchen")', WAIT);
  }
  const guest = await logIn(gateway.url, 'Guest');
  await say(one, 'only for the kitchen');
  await says(two, 'only for the kitchen');
  await two.click('#rooms button:has-text("Everyone")');
  await say(one, 'another one');
  await two.waitForSelector('#rooms button:has-text("kitchen") .badge:text-is("1")', WAIT);
  await shoot(two, 'room-unread');
  assert.ok(!guest.log.some(([event, message]) => event === 'chat' && message.room));
  await two.click('#rooms button:has-text("kitchen")');
  await two.click('#leave');
  await two.waitForSelector('#talk-title:text-is("Everyone")', WAIT);
  assert.equal((await two.$$('#rooms button')).length, 1);
  guest.disconnect();
  await one.close();
  await two.close();
});

test('a reload keeps the name; nobody saw it leave', async () => {
  const watcher = await connect(gateway.url);
  const page = await entered(gateway.url, 'Hedwig');
  await page.reload();
  await page.waitForSelector('#chat:not([hidden]) #people .me:text("Hedwig")', WAIT);
  await say(page, 'still me');
  await says(page, 'still me');
  const seen = watcher.log.filter(([, name]) => name === 'Hedwig').map(([event]) => event);
  assert.deepEqual(seen, ['userJoined']);
  watcher.disconnect();
  await page.close();
});

test('a restarted gateway: the page comes back under its name and into its room', async () => {
  const page = await entered(gateway.url, 'Ingrid');
  await page.fill('#room', 'attic');
  await page.press('#room', 'Enter');
  await page.waitForSelector('#talk-title:text-is("attic")', WAIT);
  await gateway.kill();
  await page.waitForSelector('#dot[data-state="disconnected"]', WAIT);
  await shoot(page, 'reconnecting');
  gateway = await Gateway.start([], { port });
  await page.waitForSelector('#dot[data-state="connected"]', { timeout: 15000 });
  await page.waitForSelector('#people .me:text("Ingrid")', { timeout: 15000 });
  await say(page, 'back again');
  await says(page, 'back again');
  await page.close();
});

test('the same name in a second window: the first one says so and can take it back', async () => {
  const first = await entered(gateway.url, 'Judith');
  const second = await browser.open(gateway.url);
  const kept = await first.evaluate(() => sessionStorage.getItem('confab'));
  await second.evaluate((value) => sessionStorage.setItem('confab', value), kept);
  await second.reload();
  await first.waitForSelector('#elsewhere:not([hidden])', WAIT);
  await shoot(first, 'elsewhere');
  for (const [back, gone] of [[first, second], [second, first]]) {
    await back.click('#use-here');
    await back.waitForSelector('#people .me:text("Judith")', WAIT);
    await gone.waitForSelector('#elsewhere:not([hidden])', WAIT);
  }
  await first.close();
  await second.close();
});

test('on a phone: people behind a button, everything within the width', async () => {
  const page = await entered(gateway.url, 'Konrad', NARROW);
  await say(page, 'a rather long message, as people write them on the way, with averyveryverylongwordthatmustnotpushthepagetoitsside');
  await page.waitForSelector('.message .body', WAIT);
  await shoot(page, 'narrow');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
  assert.equal(await page.isVisible('#people'), false);
  await page.click('#people-toggle');
  await page.waitForSelector('#people .me:text("Konrad")', WAIT);
  await shoot(page, 'narrow-people');
  await page.click('#people-toggle');
  assert.equal(await page.isVisible('#text'), true);
  await page.close();
});

test('the keyboard alone suffices', async () => {
  const page = await browser.open(gateway.url);
  await page.waitForSelector('#login-button:enabled', WAIT);
  await page.keyboard.type('Lotte');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#chat:not([hidden])', WAIT);
  await page.keyboard.type('typed');
  await page.keyboard.press('Enter');
  await says(page, 'typed');
  await page.close();
});
