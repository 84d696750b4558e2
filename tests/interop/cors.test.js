// Pages of other origins: the headers of CORS, compared with what a Node server of the same configuration says, and the rule for WebSockets.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { Gateway, runToEnd } from './lib/processes.js';
import { Polling, cutAll, engine, once, upgrade } from './lib/raw.js';
import { withGateway, withNode } from './lib/serve.js';

let gateway;
before(async () => {
  gateway = await Gateway.start();
});
afterEach(cutAll);
after(() => gateway?.stop());

// Of an answer, the headers that matter to CORS.
function cors({ headers }) {
  const names = Object.keys(headers).filter((name) => name.startsWith('access-control-') || name === 'vary');
  const own = { ...headers, vary: headers.vary?.replace(/^Accept-Encoding(, )?/, '') }; // of files, which Node does not say
  return Object.fromEntries(names.filter((name) => own[name]).map((name) => [name.replace('access-control-', ''), own[name]]));
}

describe('pages of other origins', () => {
  const METHODS = 'GET,HEAD,PUT,PATCH,POST,DELETE';
  const ask = (to, method, origin, more = {}) => once(to, method, engine('polling'), { headers: { Origin: origin, ...more } });
  const preflight = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type,x-foo' };
  const socket = async (to, origin) =>
    (await upgrade(to, engine('websocket'), { headers: { Origin: origin } })).answer.status;

  test('by default: no header of CORS at all, a preflight is refused, and so is a WebSocket', async () => {
    assert.deepEqual(cors(await ask(gateway, 'GET', 'http://x.y')), {});
    const answer = await ask(gateway, 'OPTIONS', 'http://x.y', preflight);
    assert.deepEqual([answer.status, answer.body, cors(answer)], [400, '{"code":2,"message":"Bad handshake method"}', {}]);
    assert.equal(await socket(gateway, 'http://x.y'), 400);
  });

  test('*: everybody, on errors too', async () => {
    await withGateway(['--cors-origins', '*'], async (own) => {
      const answer = await ask(own, 'OPTIONS', 'http://x.y', preflight);
      assert.deepEqual([answer.status, answer.headers['content-length']], [204, '0']);
      assert.deepEqual(cors(answer), {
        'allow-origin': '*', 'allow-methods': METHODS, vary: 'Access-Control-Request-Headers', 'allow-headers': 'content-type,x-foo' });
      assert.deepEqual(cors(await ask(own, 'OPTIONS', undefined)),
        { 'allow-origin': '*', 'allow-methods': METHODS, vary: 'Access-Control-Request-Headers' });
      assert.deepEqual(cors(await ask(own, 'GET', 'http://x.y')), { 'allow-origin': '*' });
      const polling = await Polling.joined(own);
      const all = [await polling.post('3'), await polling.post('2'), await polling.post('3'), await ask(own, 'POST', 'http://x.y'),
        await once(own, 'GET', '/socket.io/')];
      assert.deepEqual(all.map(({ status }) => status), [200, 200, 400, 400, 400]);
      for (const one of all) assert.deepEqual(cors(one), { 'allow-origin': '*' });
      assert.equal(await socket(own, 'http://x.y'), 101);
    });
  });

  test('one origin: told to all, browsers do the rest; WebSockets are held to it by the gateway', async () => {
    await withGateway(['--cors-origins', 'https://app.example'], async (own) => {
      for (const origin of ['https://app.example', 'http://foreign.example', undefined]) {
        assert.deepEqual(cors(await ask(own, 'GET', origin)), { 'allow-origin': 'https://app.example', vary: 'Origin' });
      }
      const answer = await ask(own, 'OPTIONS', 'https://app.example', preflight);
      assert.deepEqual([answer.status, cors(answer)['allow-origin']], [204, 'https://app.example']);
      assert.match(cors(answer).vary, /^Origin, Access-Control-Request-Headers$|^Access-Control-Request-Headers, Origin$/);
      assert.equal(await socket(own, 'https://app.example'), 101);
      assert.equal(await socket(own, 'https://app.example.evil'), 400);
      assert.equal(await socket(own, 'http://localhost'), 101, 'the own host still may');
    });
  });

  test('several: the matching one is told, for others nothing but Vary; nobody is refused by HTTP', async () => {
    await withGateway(['--cors-origins', 'https://a.example,http://b.example:8080'], async (own) => {
      for (const origin of ['https://a.example', 'http://b.example:8080']) {
        assert.deepEqual(cors(await ask(own, 'GET', origin)), { 'allow-origin': origin, vary: 'Origin' });
        assert.equal(await socket(own, origin), 101);
      }
      for (const origin of ['http://b.example', 'https://a.example:8443', 'null', undefined]) {
        const answer = await ask(own, 'GET', origin);
        assert.deepEqual([answer.status, cors(answer)], [200, { vary: 'Origin' }], origin);
      }
      assert.equal(await socket(own, 'http://b.example'), 400);
      assert.equal(await socket(own, undefined), 101, 'no browser, no page');
    });
  });
});

describe('the same as a Node server says', () => {
  const origins = [undefined, 'https://app.example', 'https://two.example', 'https://a.sub.example', 'https://a.b.sub.example',
    'https://sub.example', 'https://a.sub.example.evil', 'http://app.example', 'null'];
  const wanted = [undefined, 'content-type', 'content-type,x-foo', 'X-A, X-B'];
  const configurations = [
    [['--cors-origins', '*'], { origin: '*' }],
    [['--cors-origins', '*', '--cors-exposed-headers', 'e1,e2', '--cors-max-age', '600'],
      { origin: '*', exposedHeaders: ['e1', 'e2'], maxAge: 600 }],
    [['--cors-origins', 'https://app.example', '--cors-credentials'], { origin: 'https://app.example', credentials: true }],
    [['--cors-origins', 'https://app.example', '--cors-credentials', '--cors-methods', 'GET,POST', '--cors-allowed-headers', 'my-header',
      '--cors-exposed-headers', 'e1,e2', '--cors-max-age', '5'],
    { origin: 'https://app.example', credentials: true, methods: ['GET', 'POST'], allowedHeaders: ['my-header'],
      exposedHeaders: ['e1', 'e2'], maxAge: 5 }],
    [['--cors-origins', 'https://app.example,https://two.example', '--cors-credentials', '--cors-exposed-headers', 'e1'],
      { origin: ['https://app.example', 'https://two.example'], credentials: true, exposedHeaders: 'e1' }],
    [['--cors-origins', 'https://*.sub.example'], { origin: [/^https:\/\/([^.]+\.)+sub\.example$/] }],
  ];

  // Each request, and what of its answer is compared.
  async function asked(to) {
    const seen = [];
    const note = (name, { status, headers }) => seen.push([name, status, cors({ headers })]);
    for (const origin of origins) {
      const headers = { Origin: origin };
      note(`handshake ${origin}`, await once(to, 'GET', engine('polling'), { headers }));
      note(`wrong method ${origin}`, await once(to, 'POST', engine('polling'), { headers, body: 'x' }));
      note(`unknown session ${origin}`, await once(to, 'GET', engine('polling', '&sid=no'), { headers }));
      note(`no transport ${origin}`, await once(to, 'GET', '/socket.io/', { headers }));
      note(`bundle ${origin}`, await once(to, 'GET', '/socket.io/socket.io.min.js', { headers }));
      for (const names of wanted) {
        const preflight = { ...headers, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': names };
        note(`preflight ${origin} ${names}`, await once(to, 'OPTIONS', engine('polling'), { headers: preflight }));
      }
    }
    note('preflight for a file', await once(to, 'OPTIONS', '/socket.io/socket.io.js', { headers: { Origin: origins[1] } }));
    const session = await Polling.open(to);
    note('body', await session.post('40', { headers: { Origin: origins[1] } }));
    note('too big', await session.post('4'.repeat(2000), { headers: { Origin: origins[1] } }));
    note('other method', await once(to, 'PUT', session.target, { headers: { Origin: origins[1] } }));
    const { answer } = await upgrade(to, engine('websocket'), { headers: { Origin: origins[1] } });
    note('websocket', answer);
    return seen;
  }

  for (const [args, options] of configurations) {
    test(args.join(' '), async () => {
      let expected;
      await withNode({ cors: options, maxHttpBufferSize: 1024 }, async (node) => {
        expected = await asked(node);
      });
      await withGateway([...args, '--max-payload-bytes', '1024'], async (own) => {
        const seen = await asked(own);
        for (const [i, row] of seen.entries()) {
          // A websocket of a page that isn't listed is refused here; which origins are is another test's matter.
          if (row[0] !== 'websocket' || row[1] === 101) assert.deepEqual(row, expected[i]);
        }
      });
    });
  }
});

describe('patterns and lists', () => {
  test('hosts below, and any port; WebSockets are held to the same', async () => {
    await withGateway(['--cors-origins', 'https://*.example.org,http://localhost:*', '--cors-credentials'], async (own) => {
      const rows = [['https://a.example.org', true], ['https://a.b.example.org', true], ['http://localhost:5173', true],
        ['https://A.Example.Org', true], ['https://example.org', false], ['https://example.org.evil', false],
        ['https://aexample.org', false], ['http://a.example.org', false], ['https://a.example.org@evil', false],
        ['https://evil/.example.org', false], ['https://evil?.example.org', false]];
      for (const [origin, listed] of rows) {
        const answer = await once(own, 'GET', engine('polling'), { headers: { Origin: origin } });
        assert.equal(answer.headers['access-control-allow-origin'], listed ? origin : undefined, origin);
        assert.equal(answer.headers.vary, 'Origin');
        const socket = await upgrade(own, engine('websocket'), { headers: { Origin: origin } });
        assert.equal(socket.answer.status, listed ? 101 : 400, origin);
      }
    });
  });

  test('names that a preflight asks for come back only as names', async () => {
    await withGateway(['--cors-origins', '*'], async (own) => {
      for (const names of ['a: b', 'a;b', 'a,,b', '"x"', 'x'.repeat(2000)]) {
        const { status, headers } = await once(own, 'OPTIONS', engine('polling'), { headers: { 'Access-Control-Request-Headers': names } });
        assert.deepEqual([status, headers['access-control-allow-headers']], [204, undefined], names);
      }
    });
  });

  test('what makes no sense is told at the start', async () => {
    const wrong = [
      [['--cors-origins', '*', '--cors-credentials'], '--cors-credentials together with --cors-origins *'],
      [['--cors-credentials'], '--cors-credentials is of no use without --cors-origins'],
      [['--cors-exposed-headers', Array(30).fill('x'.repeat(50)).join()], '--cors-exposed-headers are more than 1500 bytes together'],
      [['--cors-origins', 'https://*'], "--cors-origins: 'https://*' is not an origin"],
      [['--cors-origins', 'https://a*.example'], "--cors-origins: 'https://a*.example' is not an origin"],
      [['--cors-origins', '*', '--cors-methods', 'GET, PO ST'], "--cors-methods: 'PO ST' is not a name"],
      [['--cors-origins', '*', '--cors-exposed-headers', 'a:b'], "--cors-exposed-headers: 'a:b' is not a name"],
    ];
    for (const [args, line] of wrong) {
      const end = await runToEnd('confab-gateway', ['--listen', '127.0.0.1:0', ...args]);
      assert.deepEqual([end.code, end.stdout], [64, '']);
      assert.ok(end.stderr.includes(line), `${line}\nis not in\n${end.stderr}`);
    }
  });
});
