// Five hundred that chat beside five hundred hostile clients of every kind, on one gateway: nobody who keeps the rules notices more
// than a delay, memory stays bounded, and the end is clean. How long the delay is, bench/hostile.js measures.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';

import { Bystander } from './lib/bystander.js';
import { Gateway, binaries, eventually, killLeftovers } from './lib/processes.js';

const run = promisify(execFile);
const MiB = 1 << 20;

async function chat(url, { clients, seconds }) {
  const { stdout } = await run(join(binaries, 'confab-load'), ['--target', url, '--clients', String(clients), '--login', '--senders', '10',
    '--rate', '4', '--ramp', '200', '--duration-ms', `${seconds}s`, '--drain-ms', '20s', '--quiet'], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout);
}

after(killLeftovers);

for (const forwarded of [false, true]) {
  test(`500 good beside 500 hostile clients${forwarded ? ', each from an address of its own' : ''}`, { timeout: 180000 }, async () => {
    const quarantine = [process.env.ASAN_OPTIONS, 'quarantine_size_mb=1', 'allocator_release_to_os_interval_ms=50'].filter(Boolean).join(':');
    const args = ['--name-grace-ms', '0', '--admin-listen', '127.0.0.1:0', ...(forwarded ? ['--trusted-proxies', '127.0.0.0/8'] : [])];
    const gateway = await Gateway.start(args, { env: { ASAN_OPTIONS: quarantine } });
    const [, admin] = await gateway.printed(/listening address=(\S+) role=admin/);
    gateway.admin = `http://${admin}`;
    const bystander = await Bystander.join(gateway, 'Bystander');
    const hostile = run(join(binaries, 'confab-hostile'), ['--target', gateway.url, '--connections', '500', '--duration-ms', '15s',
      ...(forwarded ? ['--forwarded'] : [])], { maxBuffer: 1 << 24 });
    const good = await chat(gateway.url, { clients: 500, seconds: 5 });
    await hostile;
    assert.deepEqual([good.connect_failed, good.lost, good.doubled, good.connection_lost], [0, 0, 0, 0], JSON.stringify(good));
    assert.ok(good.delivered >= 499 * 10, JSON.stringify(good));
    const metrics = await gateway.metrics();
    const resident = metrics.get('confab_process_resident_memory_bytes') / MiB;
    assert.ok(resident < 384, `${resident} MiB resident, ${metrics.get('confab_queued_bytes')} bytes queued`);
    await eventually(async () => (await gateway.metrics()).get('confab_tcp_connections') < 50, 60000, 'the hostile connections are gone');
    await bystander.unharmed();
    bystander.leave();
    await gateway.stop();
  });
}
