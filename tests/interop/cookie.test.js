// The cookie of a polling handshake: the same text as a Node server's, but for the value.

import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';

import { runToEnd } from './lib/processes.js';
import { Polling, cutAll, engine, once, upgrade } from './lib/raw.js';
import { withGateway, withNode } from './lib/serve.js';

afterEach(cutAll);

// What a session sets, request by request; its id is replaced.
async function asked(to) {
  const handshake = await once(to, 'GET', engine('polling'));
  const { sid } = JSON.parse(handshake.body.slice(1));
  const target = engine('polling', `&sid=${sid}`);
  const answers = {
    handshake,
    post: await once(to, 'POST', target, { body: '40' }),
    get: await once(to, 'GET', target),
    'unknown session': await once(to, 'GET', engine('polling', '&sid=no')),
    upgrade: (await upgrade(to, engine('websocket', `&sid=${sid}`))).answer,
    websocket: (await upgrade(to, engine('websocket'))).answer,
  };
  return Object.fromEntries(Object.entries(answers).map(([name, { headers }]) => [name, headers['set-cookie']?.replace(sid, '<sid>')]));
}

describe('the cookie', () => {
  const configurations = [
    [[], {}],
    [['--cookie', 'io'], { cookie: true }],
    [['--cookie', 'test', '--cookie-path', '/custom', '--cookie-http-only', 'off', '--cookie-same-site', 'strict', '--cookie-max-age', '86400'],
      { cookie: { name: 'test', path: '/custom', httpOnly: false, sameSite: 'strict', maxAge: 86400 } }],
    [['--cookie', 'io', '--cookie-secure', '--cookie-same-site', 'none', '--cookie-domain', 'example.org', '--cookie-path', ''],
      { cookie: { secure: true, sameSite: 'none', domain: 'example.org', path: '' } }],
  ];

  for (const [args, options] of configurations) {
    test(args.join(' ') || 'off by default', async () => {
      let expected;
      await withNode(options, async (node) => {
        expected = await asked(node);
      });
      await withGateway(args, async (own) => assert.deepEqual(await asked(own), expected));
    });
  }

  test('beside the headers of CORS; its value is the session\'s id', async () => {
    await withGateway(['--cookie', 'io', '--cors-origins', 'https://a.example', '--cors-credentials'], async (own) => {
      const { headers, body } = await once(own, 'GET', engine('polling'), { headers: { Origin: 'https://a.example' } });
      assert.ok(headers['set-cookie'].startsWith(`io=${JSON.parse(body.slice(1)).sid}; `));
      assert.equal(headers['access-control-allow-credentials'], 'true');
      await Polling.joined(own, '&x=1');
    });
  });

  test('what would break the header, or be dropped by browsers, is told at the start', async () => {
    const wrong = [
      [['--cookie', 'a;b'], "--cookie: 'a;b' is not a name"],
      [['--cookie', 'a=b'], "--cookie: 'a=b' is not a name"],
      [['--cookie-path', 'x'], "--cookie-path: 'x' is not a path"],
      [['--cookie-path', '/; Domain=evil'], "--cookie-path: '/; Domain=evil' is not a path"],
      [['--cookie-domain', 'a b'], "--cookie-domain: 'a b' is not a domain"],
      [['--cookie-same-site', 'never'], "--cookie-same-site: 'never' is none of lax|strict|none"],
      [['--cookie', 'io', '--cookie-same-site', 'none'], '--cookie-same-site none without --cookie-secure'],
    ];
    for (const [args, line] of wrong) {
      const end = await runToEnd('confab-gateway', ['--listen', '127.0.0.1:0', ...args]);
      assert.deepEqual([end.code, end.stdout], [64, '']);
      assert.ok(end.stderr.includes(line), `${line}\nis not in\n${end.stderr}`);
    }
  });
});
