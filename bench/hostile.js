// Good clients beside hostile ones: 500 that chat, first alone, then with 500 of confab-hostile, on one gateway in one run. Prints how
// much longer their messages take (the ratio of the 99 % latencies), what was lost, and what the gateway took in memory.

import { execFile, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const bin = process.env.CONFAB_BIN ?? join(here, '../build/release/bin');
const run = promisify(execFile);
const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 1 : 3;
const SECONDS = quick ? 4 : 10;
const LEAD_SECONDS = 3; // the hostile ones come first, and stay longer

async function startGateway() {
  const child = spawn(join(bin, 'confab-gateway'), ['--listen', '127.0.0.1:0', '--log-level', 'error', '--name-grace-ms', '0'],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise((done, fail) => {
    child.stdout.on('data', (text) => {
      const match = /listening on (\S+)/.exec(text);
      if (match) done(match[1]);
    });
    child.on('exit', (code) => fail(new Error(`the gateway ended with ${code}`)));
  });
  return { child, url };
}

function memory(pid) {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)[1]) / 1024;
}

async function good(url) {
  const { stdout } = await run(join(bin, 'confab-load'), ['--target', url, '--clients', '500', '--login', '--senders', '20',
    '--rate', '20', '--duration-ms', `${SECONDS}s`, '--settle-ms', '500ms', '--quiet'], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout);
}

async function beside(url) {
  // They stand for other machines, so they are not to take this one's processors from the gateway.
  const hostile = run('chrt', ['--idle', '0', join(bin, 'confab-hostile'), '--target', url, '--connections', '500',
    '--duration-ms', `${2 * LEAD_SECONDS + SECONDS + 4}s`], { maxBuffer: 1 << 24 });
  await new Promise((done) => setTimeout(done, LEAD_SECONDS * 1000));
  const result = await good(url);
  await hostile;
  return result;
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

const gateway = await startGateway();
const rounds = [];
for (let i = 0; i < ROUNDS; i += 1) {
  const alone = await good(gateway.url);
  const between = memory(gateway.child.pid)('VmRSS');
  const attacked = await beside(gateway.url);
  rounds.push({ alone, attacked, between });
}
const read = memory(gateway.child.pid);
const peak = read('VmHWM');
gateway.child.removeAllListeners('exit');
const ended = new Promise((done) => gateway.child.on('exit', done));
gateway.child.kill('SIGINT');
const code = await ended;

const of = (who, what) => median(rounds.map((round) => round[who].latency_ms[what]));
const sum = (who, what) => rounds.reduce((all, round) => all + round[who][what], 0);
const line = (title, alone, attacked, ratio) => `| ${title} | ${alone} | ${attacked} | ${ratio} |`;
const latency = (what) => line(`latency, ${what === 'p50' ? 'median' : '99 %'}`, `${of('alone', what).toFixed(1)} ms`,
  `${of('attacked', what).toFixed(1)} ms`, (of('attacked', what) / of('alone', what)).toFixed(2));
const text = [
  '| 500 people chat | alone | beside 500 hostile clients | ratio |',
  '|---|---|---|---|',
  latency('p50'),
  latency('p99'),
  line('messages lost or doubled', sum('alone', 'lost') + sum('alone', 'doubled'), sum('attacked', 'lost') + sum('attacked', 'doubled'), ''),
  line('connections lost', sum('alone', 'connection_lost'), sum('attacked', 'connection_lost'), ''),
  line('resident memory, at most', `${median(rounds.map((r) => r.between)).toFixed(0)} MiB`, `${peak.toFixed(0)} MiB`, ''),
].join('\n');
console.log(text);
console.log(`the gateway ended with ${code}`);
if (process.argv.includes('--write')) {
  const file = join(here, 'README.md');
  const machine = `${cpus().length} cores (${cpus()[0].model.trim()}), all three processes on them, the hostile one where they idle; medians of ${ROUNDS} rounds`;
  writeFileSync(file, readFileSync(file, 'utf8').replace(/<!-- hostile -->[^]*<!-- end hostile -->/,
    `<!-- hostile -->\n${machine}.\n\n${text}\n<!-- end hostile -->`));
}
process.exitCode = code === 0 ? 0 : 1;
