// Gateways and Node servers on one Redis, all started for one test and ended by it.

import { closeLeftovers } from './clients.js';
import { Peer, stopLeftovers } from './peer.js';
import { Gateway, Redis, killLeftovers } from './processes.js';

// For after(): a test that failed may have left something open.
export async function endLeftovers() {
  closeLeftovers();
  await stopLeftovers();
  killLeftovers();
}

// Ends it also when `use` fails.
export async function withCluster(options, use) {
  const cluster = await Cluster.start(options);
  try {
    await use(cluster, ...cluster.servers);
  } catch (error) {
    await cluster.stop().catch(() => {});
    throw error;
  }
  await cluster.stop();
}

export class Cluster {
  // `peers`: one set of Peer's options for each Node server. `redis`: one that is there already, and stays.
  static async start({ gateways = 2, args = [], binary = 'confab-gateway', peers = [], redis } = {}) {
    const cluster = new Cluster();
    cluster.args = args;
    cluster.binary = binary;
    cluster.ownRedis = !redis;
    cluster.redis = redis ?? (await Redis.start());
    cluster.gateways = [];
    cluster.peers = [];
    try {
      cluster.gateways = await Promise.all(Array.from({ length: gateways }, () => cluster.another()));
      cluster.peers = await Promise.all(peers.map((options) => Peer.start(cluster.redis.url, options)));
    } catch (error) {
      await cluster.stop().catch(() => {});
      throw error;
    }
    return cluster;
  }

  // One more gateway like the others, ready; the caller puts it in `gateways` if the cluster is to end it.
  async another(more = []) {
    const gateway = await Gateway.start(['--redis', this.redis.url, ...this.args, ...more], { binary: this.binary });
    return gateway.ready();
  }

  get servers() {
    return [...this.gateways, ...this.peers];
  }

  // The gateways have to end cleanly, whatever happened to them.
  async stop() {
    const ends = await Promise.allSettled([...this.gateways, ...this.peers].map((server) => server.stop()));
    if (this.ownRedis) await this.redis.stop();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
}
