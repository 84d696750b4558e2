// Side by side: confab-benchapp, Node's socket.io with ws, and the bare floor, under the same load in one run. Prints one table of
// ratios; with --write also puts it into bench/README.md. CPU and memory are read from /proc of the server's process.

import { execFile, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const bin = process.env.CONFAB_BIN ?? join(here, '../build/release/bin');
const run = promisify(execFile);
const quick = process.argv.includes('--quick');
const TICKS_PER_SECOND = 100;

const servers = {
  confab: [join(bin, 'confab-benchapp'), ['--listen', '127.0.0.1:0', '--log-level', 'warn']],
  node: [process.execPath, [join(here, 'peer/server.js'), '0']],
  floor: [join(bin, 'confab-floor'), []],
};

async function start(name) {
  const [command, args] = servers[name];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise((done, fail) => {
    child.stdout.on('data', (text) => {
      const match = /listening on (\S+)/.exec(text);
      if (match) done(match[1]);
    });
    child.on('exit', (code) => fail(new Error(`${name} ended with ${code}`)));
  });
  return { name, child, url, pid: child.pid };
}

async function stop(server) {
  server.child.removeAllListeners('exit');
  const ended = new Promise((done) => server.child.on('exit', done));
  server.child.kill(server.name === 'confab' ? 'SIGINT' : 'SIGTERM');
  await ended;
}

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function privateBytes(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)]
    .reduce((sum, [, kb]) => sum + Number(kb) * 1024, 0);
}

async function load(server, args, duringRun) {
  const child = run(join(bin, 'confab-load'), ['--target', server.url, '--app', 'bench', '--quiet', ...args],
    { maxBuffer: 1 << 24 });
  const extra = duringRun ? await duringRun(child) : undefined;
  const { stdout } = await child;
  return { result: JSON.parse(stdout), extra };
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Connecting is not what is measured: the same run without messages is taken off.
async function fanOut(server, clients, rate, seconds) {
  const args = (mode) => ['--clients', String(clients), '--mode', mode, '--rate', String(rate),
    '--duration-ms', `${seconds}s`, '--settle-ms', '500ms', '--drain-ms', '3s', '--ramp', '2000'];
  const measure = async (mode) => {
    const before = cpuSeconds(server.pid);
    const { result } = await load(server, args(mode));
    return { cpu: cpuSeconds(server.pid) - before, result };
  };
  const idle = await measure('idle');
  const busy = await measure('broadcast');
  const { delivered, lost, latency_ms: latency } = busy.result;
  return { us: ((busy.cpu - idle.cpu) * 1e6) / delivered, lost, p50: latency.p50, p99: latency.p99 };
}

async function idleMemory(server, clients) {
  const before = privateBytes(server.pid);
  const seconds = 6 + clients / 2000;
  const { extra } = await load(server,
    ['--clients', String(clients), '--mode', 'idle', '--duration-ms', '4s', '--ramp', '2000', '--settle-ms', '1s'],
    async () => {
      await pause((seconds - 3) * 1000);
      return privateBytes(server.pid);
    });
  return (extra - before) / clients;
}

async function acks(server, seconds) {
  const before = cpuSeconds(server.pid);
  const { result } = await load(server, ['--clients', '50', '--mode', 'echo', '--rate', '0',
    '--duration-ms', `${seconds}s`, '--settle-ms', '300ms']);
  return result.delivered / (cpuSeconds(server.pid) - before);
}

async function measure(name) {
  const server = await start(name);
  const found = { name };
  if (name !== 'floor') found.memory = await idleMemory(server, quick ? 1000 : 5000);
  found.fan = await fanOut(server, 1000, quick ? 10 : 20, quick ? 3 : 10);
  if (name !== 'floor') found.acks = await acks(server, quick ? 2 : 8);
  await stop(server);
  return found;
}

function row(title, unit, value, found, digits = 1) {
  const [confab, node, floor] = ['confab', 'node', 'floor'].map((name) => value(found[name]));
  const show = (x) => (x === undefined ? '' : `${x.toFixed(digits)} ${unit}`);
  return `| ${title} | ${show(confab)} | ${show(node)} | ${show(floor)} | ${(confab / node).toFixed(2)} |`;
}

function table(found) {
  return [
    '| | Confab | Node (socket.io, ws) | bare send() | Confab / Node |',
    '|---|---|---|---|---|',
    row('server CPU per delivery, to 1,000 clients', 'µs', (f) => f?.fan.us, found),
    row('latency of those deliveries, median', 'ms', (f) => f?.fan.p50, found),
    row('latency of those deliveries, 99 %', 'ms', (f) => f?.fan.p99, found),
    row(`private memory per idle connection, ${quick ? '1,000' : '5,000'}`, 'KB', (f) => f?.memory && f.memory / 1000, found),
    row('acknowledged round trips per CPU second', '', (f) => f?.acks, found, 0),
  ].join('\n');
}

const found = {};
for (const name of Object.keys(servers)) found[name] = await measure(name);
const text = table(found);
console.log(text);
for (const [name, { fan }] of Object.entries(found)) {
  if (fan.lost > 0) console.log(`${name} lost ${fan.lost} deliveries`);
}
if (process.argv.includes('--write')) {
  const file = join(here, 'README.md');
  const machine = `${cpus().length} cores (${cpus()[0].model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const page = readFileSync(file, 'utf8');
  writeFileSync(file, page.replace(/<!-- table -->[^]*<!-- end -->/,
    `<!-- table -->\n${machine}; load generator on the same machine.\n\n${text}\n<!-- end -->`));
}
