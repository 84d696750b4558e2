// What surrounds the sessions: files, and proxies in front.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';

import { Gateway } from './lib/processes.js';
import { Polling, Wire, cutAll, engine, once, request, upgrade } from './lib/raw.js';
import { withGateway } from './lib/serve.js';

const client = new URL('../../web/client/', import.meta.url);

let gateway;
before(async () => {
  gateway = await Gateway.start();
});
afterEach(cutAll);
after(() => gateway?.stop());

describe('files', () => {
  const bundles = ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js'];

  test('the client bundles and their maps, as npm has them', async () => {
    const version = (await readFile(new URL('VERSION', client), 'utf8')).trim();
    for (const name of [...bundles, ...bundles.map((bundle) => `${bundle}.map`)]) {
      const answer = await once(gateway, 'GET', `/socket.io/${name}?v=2`, { ms: 5000 });
      assert.equal(answer.status, 200, name);
      assert.equal(answer.headers['content-type'], name.endsWith('.map') ? 'application/json' : 'application/javascript; charset=utf-8');
      assert.deepEqual([answer.headers.etag, answer.headers['cache-control']], [`"${version}"`, 'public, max-age=0']);
      assert.equal(answer.body, await readFile(new URL(name, client), 'utf8'), name);
    }
  });

  test('who has it already gets 304 and no body; a HEAD no body either', async () => {
    const wire = await Wire.open(gateway);
    for (const path of ['/socket.io/socket.io.js', '/', '/main.js']) {
      const { headers } = await wire.ask('GET', path);
      for (const have of [headers.etag, `W/${headers.etag}`, `"other", ${headers.etag}`, '*']) {
        const answer = await wire.ask('GET', path, { headers: { 'If-None-Match': have } });
        assert.deepEqual([answer.status, answer.headers.etag], [304, headers.etag], `${path} ${have}`);
      }
      assert.equal((await wire.ask('GET', path, { headers: { 'If-None-Match': '"other"' } })).status, 200);
      const head = await wire.ask('HEAD', path);
      assert.deepEqual([head.status, head.headers['content-length']], [200, headers['content-length']]);
    }
  });

  test('the page, its parts, and nothing else', async () => {
    const wire = await Wire.open(gateway);
    for (const [path, type] of [['/', 'text/html; charset=utf-8'], ['/index.html', 'text/html; charset=utf-8'],
      ['/main.js', 'application/javascript; charset=utf-8'], ['/chat.css', 'text/css; charset=utf-8']]) {
      const answer = await wire.ask('GET', path);
      assert.deepEqual([answer.status, answer.headers['content-type']], [200, type], path);
    }
    for (const path of ['/main.js/', '//main.js', '/MAIN.JS', '/%6dain.js', '/main.js%00', '/../page/main.js', '/..', '/.',
      '/%2e%2e/client/VERSION', '/..%2f..%2fetc/passwd', '/etc/passwd', '/.git/config', '/client/VERSION', '/favicon.ico']) {
      const answer = await wire.ask('GET', path);
      assert.deepEqual([answer.status, answer.body], [404, 'Not found\n'], path);
    }
    assert.equal((await once(gateway, 'POST', '/', { body: 'x=1' })).status, 404);
    for (const name of ['VERSION', 'LICENSE', 'socket.io.js.gz', '../socket.io/socket.io.js', 'SOCKET.IO.JS']) {
      assert.equal((await wire.ask('GET', `/socket.io/${name}`)).body, '{"code":0,"message":"Transport unknown"}', name);
    }
    assert.equal((await wire.ask('POST', '/socket.io/socket.io.js')).status, 400);
  });
});

describe('proxies', () => {
  const ROUTES = ['/', '/socket.io/socket.io.js', '/healthz', '/nothing', '/socket.io/', engine('polling'), engine('polling', '&sid=x')];

  test('a trusted one learns the node from every answer, and does not get at /metrics', async () => {
    await withGateway(['--trusted-proxies', '127.0.0.0/8,fd00::/8', '--node-tag', 'n0de1', '--listen', '[::1]:0'], async (own) => {
      for (const route of ROUTES) assert.equal((await once(own, 'GET', route)).headers['x-node'], 'n0de1', route);
      const polling = await Polling.open(own);
      assert.match(polling.sid, /^n0de1\./);
      for (const answer of [await polling.post('40'), await polling.get(), await polling.post('2'), await polling.get(),
        (await upgrade(own, engine('websocket'))).answer, (await upgrade(own, engine('websocket', '&sid=x'))).answer]) {
        assert.equal(answer.headers['x-node'], 'n0de1', `${answer.status}`);
      }
      assert.equal((await once(own, 'GET', '/metrics')).status, 404);
      const [, port] = /\[::1\]:(\d+)/.exec(own.output);
      const direct = await once({ host: '::1', port }, 'GET', engine('polling'));
      assert.deepEqual([direct.status, direct.headers['x-node']], [200, undefined], 'to others the node says nothing');
    });
  });

  test('others are not told the node, and what they say of themselves is not believed', async () => {
    for (const route of ROUTES) assert.equal((await once(gateway, 'GET', route)).headers['x-node'], undefined, route);
    assert.equal((await once(gateway, 'GET', '/metrics')).status, 200);
    // A proxy on this machine that nobody declared: its clients are not from here.
    for (const name of ['X-Forwarded-For', 'Forwarded']) {
      assert.equal((await once(gateway, 'GET', '/metrics', { headers: { [name]: '127.0.0.1' } })).status, 404, name);
    }
  });

  test('one connection of a proxy carries the requests of many sessions', async () => {
    const wire = await Wire.open(gateway);
    const sids = [];
    for (let i = 0; i < 5; i++) sids.push(JSON.parse((await wire.ask('GET', engine('polling'))).body.slice(1)).sid);
    wire.send(Buffer.concat(sids.flatMap((sid) => [
      request('POST', engine('polling', `&sid=${sid}`), { body: '40' }), request('GET', engine('polling', `&sid=${sid}`))])));
    const names = new Set();
    for (let i = 0; i < 5; i++) {
      assert.equal((await wire.response()).body, 'ok');
      names.add(JSON.parse((await wire.response()).body.slice(2)).sid);
    }
    assert.equal(names.size, 5);
  });
});
