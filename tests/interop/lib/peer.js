// A Node server of the cluster: socket.io with @socket.io/redis-adapter, over node-redis or ioredis. For clients it serves the events of
// tests/tools/cast.c.

import { createAdapter } from '@socket.io/redis-adapter';
import { Redis as IoRedis } from 'ioredis';
import { createClient } from 'redis';
import { Server } from 'socket.io';

// What a test needs of a connection to Redis, whichever library it is.
const libraries = {
  async redis(url) {
    const client = createClient({ url });
    client.on('error', () => {}); // a lost connection is retried
    await client.connect();
    return client;
  },
  async ioredis(url) {
    const client = new IoRedis(url, { maxRetriesPerRequest: null, retryStrategy: () => 100 });
    client.on('error', () => {});
    await client.ping();
    return client;
  },
};

export function connectRedis(url, library = 'redis') {
  return libraries[library](url);
}

export const disconnectRedis = (client) => (client.destroy ?? client.disconnect).call(client);

// PUBSUB NUMSUB of one channel.
export async function subscribers(client, channel) {
  const answer = client.call ? await client.call('PUBSUB', 'NUMSUB', channel) : await client.sendCommand(['PUBSUB', 'NUMSUB', channel]);
  return Number(answer[1]);
}

const ways = ['volatile', 'local'];

function cast(nsp, how, event, args) {
  let audience = nsp;
  for (const room of how.to ?? []) audience = audience.to(room);
  for (const room of how.except ?? []) audience = audience.except(room);
  for (const way of ways) if (how[way]) audience = audience[way];
  audience.emit(event, ...args);
}

function serve(nsp, from) {
  nsp.on('connection', (socket) => {
    socket.on('cast', (how, event, ...args) => {
      const answer = args.pop();
      cast(nsp, how, event, args);
      answer('ok');
    });
    socket.on('others', (event, ...args) => {
      const answer = args.pop();
      socket.broadcast.emit(event, ...args);
      answer('ok');
    });
    socket.on('join', (room, answer) => {
      socket.join(room);
      answer('ok');
    });
    socket.on('leave', (room, answer) => {
      socket.leave(room);
      answer('ok');
    });
    socket.on('data', (data, answer) => {
      socket.data = data;
      answer('ok');
    });
  });
  nsp.on('question', (...args) => args.pop()({ from, args }));
  nsp.on('notice', (...args) => nsp.local.emit('noticed', ...args));
}

const running = new Set();

export function stopLeftovers() {
  return Promise.allSettled([...running].map((peer) => peer.stop()));
}

export class Peer {
  // `adapter`: its options; `guard(adapter)`: may change an adapter as soon as there is one.
  static async start(redisUrl, { library = 'redis', adapter = {}, namespaces = ['/'], port = 0, guard = () => {} } = {}) {
    const peer = new Peer();
    running.add(peer);
    peer.pub = await connectRedis(redisUrl, library);
    peer.sub = await connectRedis(redisUrl, library);
    const create = createAdapter(peer.pub, peer.sub, adapter);
    peer.io = new Server(port, {
      adapter: function guarded(nsp) { // called with `new`
        const made = create(nsp);
        guard(made);
        return made;
      },
    });
    peer.port = peer.io.httpServer.address().port;
    peer.url = `http://127.0.0.1:${peer.port}`;
    for (const name of namespaces) serve(peer.io.of(name), 'node');
    await peer.sub.ping(); // behind the subscriptions on the same connection
    return peer;
  }

  async stop() {
    running.delete(this);
    await this.io?.close();
    // The ends of the subscriptions are under way on a connection that may be broken.
    await Promise.race([this.sub?.ping(), new Promise((done) => setTimeout(done, 1000))]);
    for (const client of [this.pub, this.sub]) if (client) disconnectRedis(client);
  }
}
