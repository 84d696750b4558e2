// The chat's events through stock clients, on each way to connect.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ask, closeAll, connect, heard, logIn, open, settled, transports } from './lib/clients.js';
import { Gateway, eventually } from './lib/processes.js';

let gateway;
before(async () => {
  gateway = await Gateway.start(['--name-grace-ms', '400', '--ping-interval-ms', '1000']);
});
after(() => gateway.stop());

const events = (socket, name) => socket.log.filter(([event]) => event === name).map(([, ...args]) => args);

for (const [way, options] of Object.entries(transports)) {
  describe(`chat over ${way}`, () => {
    const name = (stem) => `${stem} ${way}`.slice(0, 20);

    test('log-in: welcome first, then joined to all', async () => {
      const watcher = await connect(gateway.url, options);
      const alice = await connect(gateway.url, options);
      const answer = await ask(alice, 'login', `  ${name('Alice')}  `);
      assert.equal(answer.ok, true);
      assert.equal(answer.name, name('Alice'));
      assert.match(answer.resume, /^[0-9a-f]{32}$/);
      await settled(watcher, alice);
      assert.deepEqual(alice.log.map(([event]) => event), ['welcome', 'userJoined']);
      assert.deepEqual(alice.log[0][1], { name: name('Alice'), resume: answer.resume });
      assert.deepEqual(events(watcher, 'userJoined'), [[name('Alice')]]);
      closeAll(watcher, alice);
    });

    test('the two refusals', async () => {
      const first = await logIn(gateway.url, name('Bob'), options);
      const second = await connect(gateway.url, options);
      const taken = await ask(second, 'login', name('Bob').toUpperCase());
      assert.equal(taken.error, 'name_taken');
      assert.deepEqual(events(second, 'loginNameExists'), [[name('Bob').toUpperCase()]]);
      const short = await ask(second, 'login', 'ab');
      assert.equal(short.error, 'name_bad');
      const odd = await ask(second, 'login', { name: 17 });
      assert.equal(odd.error, 'name_bad');
      assert.deepEqual(events(second, 'loginNameBad'), [['ab'], [17]]);
      closeAll(first, second);
    });

    test('the same name again is welcome, another one is not', async () => {
      const carol = await logIn(gateway.url, name('Carol'), options);
      const again = await ask(carol, 'login', name('Carol'));
      assert.equal(again.ok, true);
      const other = await ask(carol, 'login', name('Caroline'));
      assert.equal(other.error, 'name_bad');
      assert.equal(events(carol, 'userJoined').length, 1);
      closeAll(carol);
    });

    test('only who is logged in may ask who is online, and speak', async () => {
      const guest = await connect(gateway.url, options);
      assert.equal((await ask(guest, 'onlineUsers')).error, 'not_logged_in');
      assert.equal((await ask(guest, 'chat', 'hello')).error, 'not_logged_in');
      await ask(guest, 'login', name('Dora'));
      const list = await ask(guest, 'onlineUsers');
      assert.equal(list.ok, true);
      assert.ok(events(guest, 'onlineUsers')[0][0].includes(name('Dora')));
      assert.equal(list.total, events(guest, 'onlineUsers')[0][0].length);
      closeAll(guest);
    });

    test('a message to all, the sender included', async () => {
      const eve = await logIn(gateway.url, name('Eve'), options);
      const guest = await connect(gateway.url, options);
      const text = 'hé€😀 <b>"quoted"</b>\n\u2028';
      const answer = await ask(eve, 'chat', text);
      await settled(eve, guest);
      for (const socket of [eve, guest]) {
        const [[message]] = events(socket, 'chat');
        assert.deepEqual(message, { sender: name('Eve'), message: text, id: answer.id, ts: answer.ts });
      }
      assert.ok(Math.abs(answer.ts - Date.now()) < 60000);
      closeAll(eve, guest);
    });

    test('limits of a message', async () => {
      const finn = await logIn(gateway.url, name('Finn'), options);
      assert.equal((await ask(finn, 'chat', 'x'.repeat(4096))).ok, true);
      assert.equal((await ask(finn, 'chat', 'x'.repeat(4097))).error, 'too_long');
      assert.equal((await ask(finn, 'chat', '€'.repeat(1366))).error, 'too_long');
      for (const bad of ['', 7, null, [], { message: 5 }, Buffer.from('x')]) {
        assert.equal((await ask(finn, 'chat', bad)).error, 'bad_request', JSON.stringify(bad));
      }
      closeAll(finn);
    });

    test('rooms: members only', async () => {
      const gina = await logIn(gateway.url, name('Gina'), options);
      const hugo = await logIn(gateway.url, name('Hugo'), options);
      const room = `tea ${way}`;
      assert.equal((await ask(gina, 'chat', { room, message: 'early' })).error, 'not_member');
      assert.deepEqual(await ask(gina, 'join', { room }), { ok: true });
      const answer = await ask(gina, 'chat', { room, message: 'first', cid: 'c1' });
      assert.equal(answer.cid, 'c1');
      await ask(hugo, 'join', { room });
      await ask(hugo, 'chat', { room, message: 'second' });
      assert.deepEqual(await ask(gina, 'leave', { room }), { ok: true });
      assert.equal((await ask(gina, 'leave', { room })).error, 'not_member');
      await ask(hugo, 'chat', { room, message: 'third' });
      await settled(gina, hugo);
      const said = (socket) => events(socket, 'chat').map(([message]) => [message.room, message.message]);
      assert.deepEqual(said(gina), [[room, 'first'], [room, 'second']]);
      assert.deepEqual(said(hugo), [[room, 'second'], [room, 'third']]);
      for (const bad of [undefined, 'tea', { room: '' }, { room: 'x'.repeat(65) }, { room: 5 }]) {
        assert.equal((await ask(hugo, 'join', bad)).error, 'bad_request');
      }
      closeAll(gina, hugo);
    });

    test('nobody gets at a socket by naming a room like its id', async () => {
      const ida = await logIn(gateway.url, name('Ida'), options);
      const jack = await logIn(gateway.url, name('Jack'), options);
      await ask(jack, 'join', { room: ida.id });
      await ask(jack, 'chat', { room: ida.id, message: 'psst' });
      await settled(ida, jack);
      assert.deepEqual(events(ida, 'chat'), []);
      closeAll(ida, jack);
    });

    test('send_msg as the 2014 tutorial has it: twice to the sender', async () => {
      const one = await connect(gateway.url, options);
      const two = await connect(gateway.url, options);
      one.emit('send_msg', '你好');
      await heard(one, 'send_msg');
      await settled(one, two);
      assert.deepEqual(events(one, 'send_msg'), [['你好'], ['你好']]);
      assert.deepEqual(events(two, 'send_msg'), [['你好']]);
      assert.equal((await ask(one, 'send_msg', Buffer.from('x'))).error, 'bad_request');
      assert.equal((await ask(one, 'send_msg', 'x'.repeat(5000))).error, 'too_long');
      closeAll(one, two);
    });

    test('floods are refused, not obeyed', async () => {
      const one = await connect(gateway.url, options);
      const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(one, 'send_msg', i)));
      const refused = answers.filter((answer) => answer.error === 'rate_limited');
      assert.ok(refused.length >= 15 && refused.length <= 20, `${refused.length} refused`);
      assert.ok(refused.every((answer) => answer.retry_ms > 0));
      const tries = await Promise.all(Array.from({ length: 8 }, () => ask(one, 'login', 'x')));
      assert.deepEqual(tries.map((answer) => answer.error),
        [...Array(5).fill('name_bad'), ...Array(3).fill('rate_limited')]);
      closeAll(one);
    });

    test('unknown and reserved events say so', async () => {
      const one = await connect(gateway.url, options);
      for (const event of ['private', 'history', 'typing', 'whatever', '7']) {
        assert.equal((await ask(one, event, {})).error, 'unknown_event');
      }
      closeAll(one);
    });

    test('goodbye frees the name at once; a lost connection keeps it for its grace', async () => {
      const watcher = await connect(gateway.url, options);
      const kim = await logIn(gateway.url, name('Kim'), options);
      const { resume } = kim;
      const left = heard(watcher, 'userLeft');
      kim.disconnect();
      assert.deepEqual(await left, [name('Kim')]);

      const lost = await logIn(gateway.url, name('Kim'), options);
      lost.io.engine.close();
      const thief = await connect(gateway.url, options);
      assert.equal((await ask(thief, 'login', name('Kim'))).error, 'name_taken');
      assert.equal((await ask(thief, 'login', { name: name('Kim'), resume })).error, 'name_taken');
      const back = await ask(thief, 'login', { name: name('Kim'), resume: lost.resume });
      assert.equal(back.ok, true);
      assert.notEqual(back.resume, lost.resume);
      await settled(watcher);
      const kims = watcher.log.filter(([, who]) => who === name('Kim')).map(([event]) => event);
      assert.deepEqual(kims, ['userJoined', 'userLeft', 'userJoined']);
      thief.io.engine.close();
      await heard(watcher, 'userLeft');
      closeAll(watcher);
    });

    test('resume takes a name over from a connection that is still there', async () => {
      const watcher = await connect(gateway.url, options);
      const old = await logIn(gateway.url, name('Lea'), options);
      const gone = heard(old, 'disconnect');
      const fresh = await connect(gateway.url, options);
      assert.equal((await ask(fresh, 'login', { name: name('Lea'), resume: old.resume })).ok, true);
      assert.deepEqual((await gone)[0], 'io server disconnect');
      await settled(watcher, fresh);
      assert.deepEqual(events(watcher, 'userLeft'), []);
      assert.equal(events(watcher, 'userJoined').length, 1);
      closeAll(fresh, watcher);
    });
  });
}

describe('order and pages', () => {
  test('login, chat and onlineUsers in one segment are answered in order', async () => {
    const socket = await connect(gateway.url, transports.websocket);
    // One write for all three: the engine flushes what was emitted in one turn together.
    socket.emit('login', 'Mona');
    socket.emit('chat', 'at once');
    socket.emit('onlineUsers');
    await heard(socket, 'onlineUsers');
    assert.deepEqual(socket.log.map(([event]) => event), ['welcome', 'userJoined', 'chat', 'onlineUsers']);
    assert.ok(socket.log[3][1].includes('Mona'));
    closeAll(socket);
  });

  test('a disconnect during a claim leaves no name behind', async () => {
    for (let i = 0; i < 10; i += 1) {
      const socket = await connect(gateway.url, transports.websocket);
      socket.emit('login', 'Nils');
      socket.disconnect();
    }
    await eventually(async () => {
      const next = await connect(gateway.url, transports.websocket);
      const answer = await ask(next, 'login', 'Nils');
      closeAll(next);
      return answer.ok;
    }, 5000, 'the name is free');
  });

  test('a page without acks: the plain events alone', async () => {
    const page = open(gateway.url);
    page.on('connect', () => page.emit('login', 'Olga'));
    page.on('welcome', () => page.emit('onlineUsers'));
    const [names] = await heard(page, 'onlineUsers');
    assert.ok(names.includes('Olga'));
    page.emit('chat', 'hello');
    const [{ sender, message }] = await heard(page, 'chat');
    assert.deepEqual([sender, message], ['Olga', 'hello']);
    closeAll(page);
  });
});
