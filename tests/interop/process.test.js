// The program as a person meets it: wrong options, configuration, addresses, pages for machines, logs.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { ask, closeAll, connect, heard, open } from './lib/clients.js';
import { freePort, runToEnd } from './lib/processes.js';
import { Wire, cutAll, engine, once, upgrade } from './lib/raw.js';
import { withGateway } from './lib/serve.js';

const run = (args, env) => runToEnd('confab-gateway', args, { env });

let directory;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'confab-process-'));
});
afterEach(cutAll);
after(() => rm(directory, { recursive: true, force: true }));

async function file(name, text) {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

// Status 64, and one line that tells what is wrong.
function assertUsage(end, line) {
  assert.equal(end.stderr, `confab-gateway: ${line}\n`);
  assert.deepEqual([end.code, end.stdout], [64, '']);
}

describe('wrong options', () => {
  const wrong = [
    [['--lisen', '127.0.0.1:0'], 'unknown option --lisen (is --listen meant?)'],
    [['--frobnicate'], 'unknown option --frobnicate'],
    [['-h'], "unexpected argument '-h' (--help lists the options)"],
    [['two\nlines'], "unexpected argument 'two?lines' (--help lists the options)"],
    [['--listen'], '--listen needs a value'],
    [['--listen', '3000'], "--listen: '3000' is not ADDR:PORT"],
    [['--listen', '127.0.0.1:65536'], "--listen: '127.0.0.1:65536' is not ADDR:PORT"],
    [['--listen', 'no-such-host.invalid:4000'], 'cannot listen on no-such-host.invalid:4000: no such address'],
    [['--ping-timeout-ms', '5 parsecs'], "--ping-timeout-ms: '5 parsecs' is not a duration like 25s, 100ms or 25000"],
    [['--max-payload-bytes', '12'], '--max-payload-bytes: 12 is not between 1024 and 1073741824 bytes'],
    [['--app', 'chess'], "--app: 'chess' is none of chat|none"],
    [['--trusted-proxies', '10.0.0.1/8'], "--trusted-proxies: '10.0.0.1/8' is a host with a network's prefix"],
    [['--cors-origins', '*,example.org'], "--cors-origins: 'example.org' is not an origin like https://example.org, https://*.example.org or http://localhost:*"],
    [['--drain-delay-ms', '12s'], '--drain-delay-ms is not below --drain-timeout-ms'],
    [['--redis', 'redis://u:geheim@h:x'], '--redis: the value is not redis://[user:password@]host[:port][/db]'],
    [['--web-dir', '/no/such/place'], '--web-dir /no/such/place is not a directory'],
    [['--config', '/no/such/file'], '--config: cannot read /no/such/file: No such file or directory'],
  ];

  test('each ends the program with 64 and one line that names it', async () => {
    for (const [args, line] of wrong) assertUsage(await run(args), line);
  });

  test('from the environment: the line names the variable', async () => {
    assertUsage(await run([], { CONFAB_NODE_TAG: 'X' }), "CONFAB_NODE_TAG: 'X' is not 3 to 8 of a-z and 0-9");
    assertUsage(await run([], { CONFAB_CONFIG: '/no/such/file' }),
      'CONFAB_CONFIG: cannot read /no/such/file: No such file or directory');
  });

  test('in a file: the line names the file\'s line', async () => {
    const lines = [
      ['# good\nlisten = 127.0.0.1:0\nping-intervall-ms = 5s\n', "3: unknown key 'ping-intervall-ms' (is ping-interval-ms meant?)"],
      ['\n\nno equals sign', '3: not a line of the form key = value'],
      ['app = none\napp = chat\n', '2: app was set in line 1 already'],
      ['app = "chat"\nhealth = on\n', "2: unknown key 'health'"],
      ['log-level = loud\n', "1: log-level: 'loud' is none of error|warn|info|debug"],
    ];
    for (const [text, line] of lines) {
      const path = await file('wrong.conf', text);
      assertUsage(await run(['--config', path]), `${path}:${line}`);
    }
  });

  test('an address in use: 69 and one line', async () => {
    await withGateway([], async (gateway) => {
      const end = await run(['--listen', `127.0.0.1:${gateway.port}`]);
      assert.deepEqual([end.code, end.stdout], [69, '']);
      assert.match(end.stderr, new RegExp(
        `^\\S+ error listen_failed address=127.0.0.1:${gateway.port} error="Address already in use"\n$`));
      const json = await run(['--listen', `127.0.0.1:${gateway.port}`, '--log-format', 'json']);
      assert.equal(JSON.parse(json.stderr).event, 'listen_failed');
    });
  });
});

describe('configuration', () => {
  test('flag over environment over file over default; the sources are told', async () => {
    const path = await file('some.conf',
      'ping-interval-ms = 5s\nping-timeout-ms = 4s # slow\nnode-tag = filed\napp = "none"\ncors-origins = http://a, http://b\ncors-origins = http://c');
    const args = ['--print-config', '--config', path, '--ping-interval-ms', '3s', '--listen', '[::1]:0', '--listen=h:1,i:2'];
    const env = { CONFAB_PING_TIMEOUT_MS: '2s', CONFAB_PING_INTERVAL_MS: '9s', CONFAB_LOG_LEVEL: '', CONFAB_UNKNOWN: '1' };
    const { code, stdout, stderr } = await run(args, env);
    assert.deepEqual([code, stderr], [0, '']);
    for (const line of [
      'ping-interval-ms = 3000  # --ping-interval-ms', 'ping-timeout-ms = 2000  # CONFAB_PING_TIMEOUT_MS',
      `node-tag = filed  # ${path}:3: node-tag`, `app = none  # ${path}:4: app`, 'log-level = info  # default',
      `cors-origins = http://a, http://b, http://c  # ${path}:6: cors-origins`, 'listen = [::1]:0, h:1, i:2  # --listen',
    ]) assert.ok(stdout.split('\n').includes(line), `${line}\nis not in\n${stdout}`);
    const copy = await file('copy.conf', stdout);
    const again = await run(['--config', copy, '--print-config']);
    const values = (text) => text.replace(/ {2}# .*$/gm, '');
    assert.equal(values(again.stdout), values(stdout), 'what is printed can be read again');
  });

  test('secrets come from files, and are shown nowhere', async () => {
    const secret = 'geheim-7a3f';
    const path = await file('password', `${secret}\nsecond line\n`);
    for (const [args, env] of [
      [['--redis', 'redis://h', '--redis-password', secret]],
      [['--redis', 'redis://h', '--redis-password-file', path]],
      [['--redis', `redis://u:${secret}@h:6379/1`]],
      [['--redis-file', await file('url', `redis://:${secret}@h\n`)]],
      [['--redis', 'redis://h'], { CONFAB_REDIS_PASSWORD_FILE: path }],
    ]) {
      const { code, output } = await run([...args, '--print-config'], env);
      assert.equal(code, 0, output);
      assert.ok(output.includes('***') && !output.includes(secret), output);
      const wrong = await run([...args, '--print-config', '--app', 'chess'], env);
      assert.ok(!wrong.output.includes(secret), wrong.output);
    }
    for (const args of [['--redis', `redis://${secret}@h:port`], ['--redis', `rediss://u:${secret}@h`]]) {
      const { code, output } = await run(args);
      assert.ok(code === 64 && !output.includes(secret), output);
    }
  });

  test('--check-config, --help and --version answer on stdout and end well', async () => {
    assert.deepEqual(await run(['--check-config', '--app', 'none']).then(({ code, output }) => [code, output]),
      [0, 'the configuration is valid\n']);
    assert.match((await run(['--version'])).stdout, /^confab-gateway \d+\.\d+\.\d+\n$/);
    const help = await run(['--help']);
    assert.deepEqual([help.code, help.stderr], [0, '']);
    const printed = (await run(['--print-config'])).stdout;
    for (const [, key] of printed.matchAll(/^([a-z-]+) = /gm)) assert.ok(help.stdout.includes(`--${key} `), key);
  });
});

describe('addresses', () => {
  test('ready lines and nothing else on stdout, one for each address; port 0 says which', async () => {
    await withGateway(['--listen', '[::1]:0', '--listen', 'localhost:0', '--admin-listen', '127.0.0.1:0'], async (gateway) => {
      await gateway.printed(/listening address=\S+ role=admin/);
      const lines = gateway.child.said.stdout.trim().split('\n');
      assert.equal(lines.length, 3, gateway.output);
      for (const line of lines) {
        const [, url] = /^listening on (http:\/\/(?:127\.0\.0\.1|\[::1\]):[1-9]\d*)$/.exec(line);
        assert.equal((await fetch(`${url}/readyz`)).status, 200, url);
        const socket = await connect(url, { transports: ['websocket'] });
        closeAll(socket);
      }
    });
  });

  test('a listener for administration has the pages for machines, and the others lose /metrics', async () => {
    await withGateway(['--admin-listen', '127.0.0.1:0'], async (gateway) => {
      const [, admin] = await gateway.printed(/listening address=(\S+) role=admin/);
      for (const page of ['metrics', 'healthz', 'readyz']) {
        assert.equal((await fetch(`http://${admin}/${page}`)).status, 200, page);
      }
      for (const page of ['', 'socket.io/socket.io.js', 'socket.io/?EIO=4&transport=polling']) {
        assert.equal((await fetch(`http://${admin}/${page}`)).status, 404, page);
      }
      assert.equal((await fetch(`${gateway.url}/metrics`)).status, 404);
      const health = await run(['--health', '--listen', '127.0.0.1:1', '--admin-listen', admin]);
      assert.deepEqual([health.code, health.output], [0, 'ready\n']);
    });
  });

  test('--health: 0 while ready, 69 when nobody answers', async () => {
    await withGateway([], async ({ port }) => {
      for (const listen of [`127.0.0.1:${port}`, `0.0.0.0:${port}`, `*:${port}`]) {
        const { code, output } = await run(['--health', '--listen', listen]);
        assert.deepEqual([code, output], [0, 'ready\n'], listen);
      }
    });
    const none = await run(['--health'], { CONFAB_LISTEN: `127.0.0.1:${await freePort()}` });
    assert.deepEqual([none.code, none.output], [69, 'not ready: no answer\n']);
  });

  test('pages for machines: uncached, for GET and HEAD; /metrics is made of known lines', async () => {
    await withGateway([], async (gateway) => {
      for (const [page, text] of [['/healthz', 'ok\n'], ['/readyz', 'ready\n']]) {
        const answer = await once(gateway, 'GET', page);
        assert.deepEqual([answer.status, answer.body, answer.headers['cache-control']], [200, text, 'no-store']);
        assert.deepEqual([(await once(gateway, 'HEAD', page)).body, (await once(gateway, 'POST', page)).status], ['', 404]);
      }
      const { headers, body } = await once(gateway, 'GET', '/metrics');
      assert.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
      for (const line of body.trimEnd().split('\n')) {
        assert.match(line, /^(# (HELP|TYPE) confab_\w+ .+|confab_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[0-9.e+-]+)$/);
      }
    });
  });

  test('beyond --max-connections nobody is refused: they wait; the administrator does not', async () => {
    await withGateway(['--max-connections', '2', '--admin-listen', '127.0.0.1:0'], async (gateway) => {
      const [, admin] = await gateway.printed(/listening address=(\S+) role=admin/);
      const wires = [];
      for (let i = 0; i < 2; i++) {
        wires.push(await Wire.open(gateway));
        assert.equal((await wires[i].ask('GET', engine('polling'))).status, 200);
      }
      const third = await Wire.open(gateway);
      third.send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal((await wires[0].ask('GET', '/healthz')).status, 200);
      assert.equal((await fetch(`http://${admin}/metrics`)).status, 200);
      assert.equal(third.bytes.length, 0);
      wires[0].end();
      assert.equal((await third.response()).status, 200);
    });
  });
});

describe('what is served', () => {
  test('--path moves the endpoint and the bundles with it', async () => {
    await withGateway(['--path', '/chat/io/'], async (gateway) => {
      assert.equal((await fetch(`${gateway.url}/chat/io/socket.io.js`)).status, 200);
      assert.equal((await fetch(`${gateway.url}/socket.io/socket.io.js`)).status, 404);
      const socket = await connect(gateway.url, { path: '/chat/io/' });
      assert.equal((await ask(socket, 'login', 'Paula')).ok, true);
      closeAll(socket);
    });
  });

  test('--chat-namespace puts the chat there; other names are refused; --chat-send-msg off', async () => {
    await withGateway(['--chat-namespace', '/chat', '--chat-send-msg', 'off'], async (gateway) => {
      const [error] = await heard(open(gateway.url), 'connect_error');
      assert.equal(error.message, 'Invalid namespace');
      const socket = await connect(`${gateway.url}/chat`);
      assert.equal((await ask(socket, 'login', 'Quentin')).ok, true);
      assert.equal((await ask(socket, 'send_msg', 'x')).error, 'unknown_event');
      closeAll(socket);
    });
  });

  test('--app none is a plain node: a namespace that takes everybody, no page, no chat', async () => {
    await withGateway(['--app', 'none'], async (gateway) => {
      assert.equal((await fetch(gateway.url)).status, 404);
      assert.equal((await fetch(`${gateway.url}/socket.io/socket.io.js`)).status, 200);
      const socket = await connect(gateway.url);
      await assert.rejects(socket.timeout(300).emitWithAck('login', 'Rita'), /timed out/);
      assert.ok(socket.connected, 'an event that nobody handles costs nothing');
      closeAll(socket);
    });
  });
});

describe('logs', () => {
  const EVIL = '"}\u001b[2J{"level":"error"}\u202e\\';

  async function provoke(gateway) {
    const headers = { Origin: `http://evil.example/${Buffer.from(EVIL).toString('latin1').replaceAll('\u001b', '\t')}` };
    const { answer } = await upgrade(gateway, engine('websocket'), { headers });
    assert.equal(answer.status, 400);
    const wire = await Wire.open(gateway);
    wire.send('BAD\x1b[31m\r\nrequest\r\n\r\n');
    await wire.ended();
    const socket = await connect(gateway.url, { query: { x: EVIL }, extraHeaders: { 'User-Agent': 'a"b' } });
    await ask(socket, 'login', EVIL);
    await ask(socket, 'login', 'Sue" level=error event=root');
    await ask(socket, 'chat', EVIL);
    closeAll(socket);
  }

  for (const format of ['json', 'text']) {
    test(`in ${format} every line stands alone, whatever clients say`, async () => {
      await withGateway(['--log-format', format, '--log-level', 'debug'], async (gateway) => {
        await provoke(gateway);
        await gateway.printed(/origin_refused/);
        const lines = gateway.child.said.stderr.trimEnd().split('\n');
        for (const line of lines) {
          assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u202e]/);
          if (format === 'json') {
            const { ts, level, event } = JSON.parse(line);
            assert.ok(Date.parse(ts) > 0 && /^(error|warn|info|debug)$/.test(level) && /^[a-z_]+$/.test(event), line);
            assert.notEqual(level, 'error');
          } else {
            assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z (warn|info|debug) [a-z_]+( [a-z_]+=("([^"\\]|\\.)*"|[^" ]+))*$/);
          }
        }
      });
    });
  }

  test('--log-level error says nothing while all is well', async () => {
    await withGateway(['--log-level', 'error'], async (gateway) => {
      await provoke(gateway);
      assert.equal(gateway.child.said.stderr, '');
    });
  });
});
