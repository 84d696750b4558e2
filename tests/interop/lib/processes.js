// Real processes for tests: a gateway, a Redis. Each is started on a free port, knows how to end, and is ended by the test that started it.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const binaries = process.env.CONFAB_BIN ?? join(root, 'build/asan/bin');

const START_MS = 15000;
const STOP_MS = 20000;

const running = new Set();
// What failed tests left running would keep their process from ending.
export function killLeftovers() {
  for (const child of running) child.kill('SIGKILL');
}
process.on('exit', killLeftovers);

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

function launch(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  running.add(child);
  child.output = '';
  child.said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8');
    child[stream].on('data', (text) => {
      child.output += text;
      child.said[stream] += text;
      child.emit('text');
    });
  }
  child.ended = new Promise((done) => {
    child.on('error', (error) => done({ error }));
    child.on('exit', (code, signal) => {
      running.delete(child);
      done({ code, signal });
    });
  });
  return child;
}

// Waits for a pattern in what the process prints.
function printed(child, pattern, ms = START_MS) {
  return new Promise((done, fail) => {
    const give = (why) => fail(new Error(`${child.spawnfile}: ${why}\n${child.output}`));
    const timer = setTimeout(() => give(`no ${pattern} within ${ms} ms`), ms);
    const look = () => {
      const match = pattern.exec(child.output);
      if (!match) return;
      clearTimeout(timer);
      child.off('text', look);
      done(match);
    };
    child.on('text', look);
    child.ended.then((end) => {
      clearTimeout(timer);
      give(`ended with ${JSON.stringify(end)}`);
    });
    look();
  });
}

async function within(promise, ms, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function assertCleanEnd(child, end) {
  if (end.code !== 0 || /Sanitizer|runtime error|^live /m.test(child.output)) {
    throw new Error(`${child.spawnfile} ended with ${JSON.stringify(end)}\n${child.output}`);
  }
}

export class Gateway {
  static async start(args = [], { binary = 'confab-gateway', port = 0, env = {} } = {}) {
    const gateway = new Gateway();
    gateway.child = launch(join(binaries, binary), ['--listen', `127.0.0.1:${port}`, ...args], {
      env: { ...process.env, ...env },
    });
    const [, address] = await printed(gateway.child, /listening on http:\/\/(\S+)/);
    gateway.url = `http://${address}`;
    gateway.port = Number(address.split(':').at(-1));
    return gateway;
  }

  get output() {
    return this.child.output;
  }

  printed(pattern, ms) {
    return printed(this.child, pattern, ms);
  }

  // Ready to take sessions; with Redis it is not at once.
  async ready(ms = START_MS) {
    await eventually(async () => (await fetch(`${this.url}/readyz`)).status === 200, ms, 'ready');
    return this;
  }

  async metrics() {
    const text = await (await fetch(`${this.admin ?? this.url}/metrics`)).text();
    const values = new Map();
    for (const line of text.split('\n')) {
      const match = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line);
      if (match) values.set(match[1], Number(match[2]));
    }
    return values;
  }

  // Ends it as a person would, and demands a clean end: status 0, no sanitizer's report, no object left alive.
  async stop(signal = 'SIGINT') {
    this.child.kill(signal);
    const end = await within(this.child.ended, STOP_MS, 'gateway stop');
    assertCleanEnd(this.child, end);
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.child.ended;
  }

  pause() {
    this.child.kill('SIGSTOP');
  }

  resume() {
    this.child.kill('SIGCONT');
  }
}

export class Redis {
  // `keeps`: what it knew is there again when it is run after kill().
  static async start({ port, keeps = false } = {}) {
    const redis = new Redis();
    redis.keeps = keeps;
    redis.port = port ?? (await freePort());
    redis.url = `redis://127.0.0.1:${redis.port}`;
    redis.directory = await mkdtemp(join(tmpdir(), 'confab-redis-'));
    await redis.run();
    return redis;
  }

  // Also starts it again after kill(): empty, unless it keeps everything on disk.
  async run() {
    this.child = launch('redis-server', [
      '--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', this.keeps ? 'yes' : 'no',
      '--appendfsync', 'always', '--dir', this.directory,
    ]);
    await printed(this.child, /Ready to accept connections/);
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.child.ended;
  }

  pause() {
    this.child.kill('SIGSTOP');
  }

  resume() {
    this.child.kill('SIGCONT');
  }

  async stop() {
    this.resume();
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

// Runs a program to its end; for wrong options and the like.
export async function runToEnd(binary, args, { env = {}, ms = 10000 } = {}) {
  const child = launch(join(binaries, binary), args, { env: { ...process.env, ...env } });
  const end = await within(child.ended, ms, binary);
  return { ...end, output: child.output, ...child.said };
}

// Asks again and again until the answer is truthy.
export async function eventually(ask, ms = 5000, what = 'condition') {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms; last: ${last?.stack ?? last}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}
