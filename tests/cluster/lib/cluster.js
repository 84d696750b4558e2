// The cluster that tests/suites/50-cluster brought up, as somebody sees it who may talk to Docker.

import { execFile, spawn } from 'node:child_process';
import { afterEach } from 'node:test';

import { eventually } from '../../interop/lib/processes.js';

export const url = process.env.CONFAB_CLUSTER_URL;
const project = process.env.COMPOSE_PROJECT_NAME;
const [composeCommand, ...composeArgs] = process.env.CONFAB_COMPOSE.split(' ');

const COMMAND_MS = 60000;
const HEALTHY_MS = 30000;

function run(command, args, ms = COMMAND_MS) {
  return new Promise((done, fail) => {
    execFile(command, args, { timeout: ms, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (error) fail(new Error(`${command} ${args.join(' ')}: ${error.message}\n${stderr}`));
      else done(stdout.trim());
    });
  });
}

export const docker = (...args) => run('docker', args);
export const compose = (...args) => run(composeCommand, [...composeArgs, ...args]);

export async function ids(service) {
  const label = (name, value) => ['--filter', `label=com.docker.compose.${name}=${value}`];
  const text = await docker('ps', '-aq', '--no-trunc', ...label('project', project), ...label('service', service));
  return text.split('\n').filter(Boolean);
}

export async function inspect(id) {
  return JSON.parse(await docker('inspect', id))[0];
}

// What Redis itself says to a command.
export async function redis(...command) {
  const [id] = await ids('redis');
  return docker('exec', id, 'redis-cli', ...command);
}

const listeners = new Set();
afterEach(() => {
  for (const child of listeners) child.kill();
  listeners.clear();
});

// What arrives on a channel of Redis, as text, until the test ends.
export async function subscribe(channel) {
  const [id] = await ids('redis');
  const child = spawn('docker', ['exec', '-i', id, 'redis-cli', 'SUBSCRIBE', channel]);
  listeners.add(child);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more) => { text += more; });
  await eventually(() => /subscribe\n.*\n1\n/.test(text), COMMAND_MS, `subscription to ${channel}`);
  return () => text;
}

// An address of the container that this machine reaches: the network with the balancer, not the one behind.
function frontAddress(container) {
  const [, network] = Object.entries(container.NetworkSettings.Networks).find(([name]) => name.endsWith('_front'));
  return network.IPAddress;
}

// A running gateway: its container, its address and its tag, which it tells every trusted proxy.
async function nodeOf(id) {
  const container = await inspect(id);
  if (!container.State.Running) return null;
  const address = frontAddress(container);
  const answer = await fetch(`http://${address}:8080/readyz`, { signal: AbortSignal.timeout(2000) });
  await answer.text();
  return { id, address, ready: answer.status === 200, tag: answer.headers.get('x-node') };
}

export async function nodes() {
  const all = await Promise.all((await ids('gateway')).map(nodeOf));
  return all.filter(Boolean);
}

const served = new Set();

// Which node it is that a new client gets.
async function handshake() {
  const endpoint = `${url}/socket.io/?EIO=4&transport=polling`;
  const answer = await fetch(endpoint, { signal: AbortSignal.timeout(2000) });
  const { sid } = JSON.parse((await answer.text()).slice(1));
  await (await fetch(`${endpoint}&sid=${sid}`, { method: 'POST', body: '1' })).text();
  return sid.split('.')[0];
}

// Waits until exactly so many gateways run, all are ready, and the balancer has sent a client to each: those that were not
// there before are the emptiest, so it does.
export async function ready(count, ms = HEALTHY_MS) {
  const found = await eventually(async () => {
    const all = await nodes();
    return all.length === count && all.every((node) => node.ready && node.tag) && all;
  }, ms, `${count} gateways ready`);
  await eventually(async () => {
    if (found.every((node) => served.has(node.tag))) return true;
    served.add(await handshake());
    return false;
  }, ms, 'a client on each gateway through the balancer');
  return found;
}

export async function metrics(node) {
  const text = await (await fetch(`http://${node.address}:9090/metrics`)).text();
  return new Map(text.split('\n').filter((line) => line && !line.startsWith('#'))
    .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

export const logs = (id) => run('sh', ['-c', 'docker logs "$1" 2>&1', 'sh', id]);
