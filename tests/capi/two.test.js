// Gateways on a loop that is not theirs, as nodes of a cluster: what Redis brings is handled at once, not when something else happens.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { ask, closeAll, closeLeftovers, connect, heard } from '../interop/lib/clients.js';
import { Redis, binaries, eventually, killLeftovers } from '../interop/lib/processes.js';
import { compile, environment, root } from './lib/installed.js';

after(() => {
  closeLeftovers();
  killLeftovers();
});

test('two nodes in one process', async () => {
  const redis = await Redis.start();
  const name = compile(join(root, 'tests/capi/two.c'), 'two', ['libevent_core']);
  const child = spawn(join(binaries, name), ['listen=127.0.0.1:0', `redis=${redis.url}`, 'name-grace-ms=1s'], { env: environment });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output += text; });
  const ended = new Promise((done) => child.on('exit', done));
  try {
    const urls = await eventually(() => {
      const found = [...output.matchAll(/listening on (\S+)/g)].map(([, url]) => url);
      return found.length === 2 && found;
    }, 5000, 'listening');
    for (const url of urls) await eventually(async () => (await fetch(`${url}/readyz`)).status === 200, 5000, 'ready');
    const [ann, bob] = await Promise.all(urls.map((url) => connect(url)));
    assert.equal((await ask(ann, 'login', 'Ann')).ok, true);
    const joined = heard(ann, 'userJoined');
    assert.equal((await ask(bob, 'login', 'Bob')).ok, true);
    assert.deepEqual(await joined, ['Bob']);
    assert.equal((await ask(bob, 'login', 'Ann')).ok, false);
    const times = [];
    for (let i = 0; i < 20; i++) {
      const began = performance.now();
      const said = heard(ann, 'chat');
      await ask(bob, 'chat', `message ${i}`);
      const [chat] = await said;
      times.push(performance.now() - began);
      assert.deepEqual([chat.sender, chat.message], ['Bob', `message ${i}`]);
    }
    times.sort((a, b) => a - b);
    assert.ok(times[10] < 100, `half of them took ${times[10]} ms and more`);
    const left = heard(ann, 'userLeft');
    bob.disconnect();
    assert.deepEqual(await left, ['Bob']);
    closeAll(ann, bob);
    child.kill('SIGTERM');
    assert.equal(await ended, 0, output);
  } finally {
    child.kill('SIGKILL');
    await redis.stop();
  }
});
