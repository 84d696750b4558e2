// A TCP proxy whose link can be cut, or fall silent without either side being told.

import { connect, createServer } from 'node:net';

export class Proxy {
  static async start(port) {
    const proxy = new Proxy();
    proxy.pairs = new Set();
    proxy.silent = false;
    proxy.server = createServer((near) => proxy.#link(near, connect({ port, host: '127.0.0.1' })));
    await new Promise((done) => proxy.server.listen(0, '127.0.0.1', done));
    proxy.port = proxy.server.address().port;
    proxy.url = `http://127.0.0.1:${proxy.port}`;
    return proxy;
  }

  #link(near, far) {
    const pair = { near, far };
    this.pairs.add(pair);
    const end = () => {
      if (pair.silent) return; // nobody tells the other side
      this.pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [[near, far], [far, near]]) {
      from.setNoDelay(true);
      from.on('error', () => {});
      from.on('close', end);
      from.on('end', end);
      from.pipe(to, { end: false });
    }
    if (this.silent) this.#hush(pair);
  }

  #hush(pair) {
    pair.silent = true;
    pair.near.unpipe(pair.far).pause();
    pair.far.unpipe(pair.near).pause();
  }

  // Ends all connections, on both sides.
  cut() {
    for (const { near, far } of this.pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    this.pairs.clear();
  }

  // From now on nothing passes, and new connections get no answer. Ends of connections do not pass either.
  hush() {
    this.silent = true;
    for (const pair of this.pairs) this.#hush(pair);
  }

  // New connections pass again. The old ones stay silent.
  speak() {
    this.silent = false;
  }

  async stop() {
    this.cut();
    await new Promise((done) => this.server.close(done));
  }
}
