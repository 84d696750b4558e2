// Clients of other makes and ages: each holds the same dialogue (a program in its own language here) with the application of the
// protocol suites, on every transport it has. docs/clients.md lists exactly these.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Gateway } from '../interop/lib/processes.js';
import { makers } from './makers.js';
import { CLIENTS } from './table.js';

const here = resolve(fileURLToPath(import.meta.url), '..');
const page = readFileSync(join(here, '../../docs/clients.md'), 'utf8');

// What the dialogue gets to hear. Clients of older servers send no auth, and are refused in other words.
function expected(client) {
  const modern = client.revision === 4;
  return {
    auth: [modern ? { token: '123' } : {}],
    text: [1, 'zwei ☃ 😀', { a: [true, null, 1.5] }],
    bytes: [{ deep: ['0001ff'] }, '6d6f7265'],
    ack: ['a', '07'],
    order: true,
    namespace: ['elsewhere'],
    refused: 'Invalid namespace',
    ...client.differs,
  };
}

function hold(command, args) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { out: '', err: '' };
    const timer = setTimeout(() => child.kill('SIGKILL'), 60000);
    child.stdout.on('data', (text) => (output.out += text));
    child.stderr.on('data', (text) => (output.err += text));
    child.on('error', fail);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code !== 0) return fail(new Error(`${command} ended with ${code}\n${output.out}${output.err}`));
      const steps = output.out.split('\n').filter((line) => line.startsWith('{'));
      done(Object.fromEntries(steps.map((line) => JSON.parse(line)).map(({ step, got }) => [step, got])));
    });
  });
}

for (const client of CLIENTS) {
  const maker = makers[client.language];
  const missing = maker.missing();
  describe(`${client.name} ${client.version}`, { skip: missing ? `no ${missing} here` : false }, () => {
    const gateways = [];
    after(() => Promise.all(gateways.map((gateway) => gateway.stop())));

    for (const transport of client.transports) {
      test(transport, { timeout: 600000 }, async () => {
        const command = await maker.make(client);
        // The dialogue is longer than the suites' heartbeat lets clients in slow languages be.
        const args = ['--ping-interval-ms', '2s', '--ping-timeout-ms', '5s', ...(client.revision === 3 ? ['--allow-eio3'] : [])];
        const gateway = await Gateway.start(args, { binary: 'confab-conformance' });
        gateways.push(gateway);
        const [program, ...more] = command;
        const { end, transport: used, ...heard } = await hold(program, [...more, gateway.url, transport]);
        const wanted = expected(client);
        assert.deepEqual(heard, Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== null)));
        assert.ok(end, 'the end was not heard of');
        if (used) assert.equal(used, transport === 'upgrade' ? 'websocket' : transport);
      });
    }
  });
}

test('docs/clients.md lists these, and no others', () => {
  const listed = [...page.matchAll(/^\| `([^`]+)` (\S+) \| ([^|]+) \| ([34]) \| ([^|]+) \|/gm)].map(
    ([, name, version, language, revision, transports]) => ({ name, version, language: language.trim(), revision: Number(revision), transports: transports.trim() }));
  const run = CLIENTS.map(({ name, version, title, revision, transports }) => ({ name, version, language: title, revision, transports: transports.join(', ') }));
  assert.deepEqual(listed, run);
});
