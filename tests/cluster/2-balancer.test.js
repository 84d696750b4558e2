// What the balancer sees to: each request of a session at its node, nothing of the inside outside, and who the client is.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import http from 'node:http';
import { beforeEach, test } from 'node:test';

import { transports } from '../interop/lib/clients.js';
import { eventually } from '../interop/lib/processes.js';
import { docker, ids, inspect, ready, redis, subscribe, url } from './lib/cluster.js';
import { Person } from './lib/people.js';

const TEST = { timeout: 60000 };
const ENDPOINT = `${url}/socket.io/?EIO=4&transport=polling`;

let nodes;
beforeEach(async () => { nodes = await ready(3); });

// Each request on a connection of its own: nothing but the sid tells the balancer where it belongs.
function request(address, { body, headers } = {}) {
  return new Promise((done, fail) => {
    const options = { method: body === undefined ? 'GET' : 'POST', agent: false, headers, timeout: 10000 };
    const call = http.request(address, options, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (more) => { text += more; });
      answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, text }));
    });
    call.on('timeout', () => call.destroy(new Error(`no answer from ${address}`)));
    call.on('error', fail);
    call.end(body);
  });
}

function shuffled(list) {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i -= 1) {
    const j = randomInt(i + 1);
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

test('polling in any order always finds its node', TEST, async () => {
  const sids = [];
  for (let i = 0; i < 30; i += 1) sids.push(JSON.parse((await request(ENDPOINT)).text.slice(1)).sid);
  for (const node of nodes) assert.ok(sids.some((sid) => sid.startsWith(`${node.tag}.`)), `none on ${node.tag}`);
  const each = async (give, expected) => {
    const answers = await Promise.all(shuffled(sids).map((sid) => request(`${ENDPOINT}&sid=${sid}`, { body: give })));
    for (const { status, text } of answers) {
      assert.equal(status, 200, text);
      assert.match(text, expected);
    }
  };
  await each('40', /^ok$/);
  await each(undefined, /^40\{"sid":/);
  for (let round = 0; round < 5; round += 1) {
    await each(`42${round}["whatever"]`, /^ok$/);
    await each(undefined, new RegExp(`^43${round}\\[\\{"ok":false`));
  }
  await each('1', /^ok$/);
});

test('the page, the client and the state are there; the numbers are not, nor which node it was', TEST, async () => {
  const paths = { '/': 200, '/socket.io/socket.io.js': 200, '/readyz': 200, '/metrics': 404, '/metrics/': 404,
    '/metrics?x=1': 404, '//metrics': 404, '/%6detrics': 404, '/socket.io/?EIO=4&transport=polling': 200,
    '/socket.io/?EIO=4&transport=polling&sid=gone': 400, '/nothing': 404 };
  for (const [path, status] of Object.entries(paths)) {
    const answer = await request(url + path);
    assert.equal(answer.status, status, path);
    assert.equal(answer.headers['x-node'], undefined, path);
    assert.doesNotMatch(answer.text, /confab_tcp_connections/);
  }
});

test('what clients claim to be their address is not believed', TEST, async () => {
  const forged = { 'X-Forwarded-For': '6.6.6.6', Forwarded: 'for=6.6.6.6', 'X-Real-IP': '6.6.6.6' };
  const person = await Person.enter({ ...transports.polling, extraHeaders: forged });
  const honest = await Person.enter(transports.websocket);
  // As a Node server would ask for the sockets of all nodes.
  const answers = await subscribe('socket.io-response#/#');
  const question = { requestId: 'whoami', uid: 'probe1', type: 5, opts: { rooms: [], except: [] } };
  await redis('PUBLISH', 'socket.io-request#/#', JSON.stringify(question));
  const sockets = () => answers().split('\n').filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line)).flatMap((answer) => answer.sockets);
  const found = ({ socket }) => sockets().find(({ id }) => id === socket.id);
  await eventually(() => found(person) && found(honest), 5000, 'the sockets are reported');
  // Published on this machine, the balancer sees its clients come from the network's gateway address.
  const [lb] = await ids('lb');
  const [{ Gateway: expected }] = Object.values((await inspect(lb)).NetworkSettings.Networks);
  for (const who of [person, honest]) {
    const { handshake } = found(who);
    assert.ok([expected, `::ffff:${expected}`].includes(handshake.address), handshake.address);
    assert.equal(handshake.headers['x-forwarded-for'], expected);
  }
});

test('the containers may do nothing, and are small', TEST, async () => {
  const base = (await inspectImage(process.env.BASE_IMAGE || 'debian:trixie-slim')).Size;
  for (const service of ['redis', 'gateway', 'lb']) {
    for (const id of await ids(service)) {
      const { HostConfig: host, Config: config, Image } = await inspect(id);
      assert.ok(host.ReadonlyRootfs, service);
      assert.deepEqual(host.CapDrop, ['ALL'], service);
      assert.ok(host.SecurityOpt.some((option) => option.startsWith('no-new-privileges')), service);
      assert.ok(config.Healthcheck, service);
      const status = await docker('exec', id, 'cat', '/proc/1/status');
      assert.match(status, /^CapEff:\s*0{16}$/m, service);
      assert.match(status, /^CapBnd:\s*0{16}$/m, service);
      assert.match(status, /^NoNewPrivs:\s*1$/m, service);
      assert.doesNotMatch(status, /^Uid:.*\t0\b/m, service);
      assert.ok((await inspectImage(Image)).Size - base < 20e6, `${service}: too big`);
    }
  }
});

async function inspectImage(image) {
  return JSON.parse(await docker('image', 'inspect', image))[0];
}
