// A TCP relay that cuts what passes at every byte, or holds it back so that several writes become one: what networks do to
// frames, made certain. It can also lose all connections at once.

import { connect, createServer } from 'node:net';

const MERGE_MS = 20;

// Passes chunks on in their order; `push` gives one, `end` comes after the last.
class Splitter {
  constructor(to, counts) {
    this.waiting = [];
    this.busy = false;
    this.over = false;
    Object.assign(this, { to, counts });
  }

  push(chunk) {
    this.waiting.push(chunk);
    if (!this.busy) this.#next(0);
  }

  end() {
    this.over = true;
    if (!this.busy) this.to.end();
  }

  #next(at) {
    const [chunk] = this.waiting;
    this.busy = chunk !== undefined;
    if (!this.busy) {
      if (this.over) this.to.end();
      return;
    }
    if (this.to.destroyed) return;
    this.counts.bytes += 1;
    this.counts.writes += 1;
    this.to.write(chunk.subarray(at, at + 1), () => setImmediate(() => {
      if (at + 1 < chunk.length) this.#next(at + 1);
      else {
        this.waiting.shift();
        this.#next(0);
      }
    }));
  }
}

class Merger {
  constructor(to, counts) {
    this.held = [];
    Object.assign(this, { to, counts });
  }

  push(chunk) {
    this.held.push(chunk);
    this.timer ??= setTimeout(() => this.#flush(), MERGE_MS);
  }

  end() {
    this.#flush();
    this.to.end();
  }

  #flush() {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.held.length === 0 || this.to.destroyed) return;
    if (this.held.length > 1) this.counts.merged += 1;
    const all = Buffer.concat(this.held);
    this.counts.bytes += all.length;
    this.counts.writes += 1;
    this.held = [];
    this.to.write(all);
  }
}

class Passer {
  constructor(to) {
    this.to = to;
  }

  push(chunk) {
    if (!this.to.destroyed) this.to.write(chunk);
  }

  end() {
    this.to.end();
  }
}

export class Relay {
  // `how`: 'split', 'merged', or 'plain' for bytes as they come.
  static async start(port, how) {
    const relay = new Relay();
    relay.counts = { bytes: 0, writes: 0, merged: 0 };
    relay.open = new Set();
    const Way = { split: Splitter, merged: Merger, plain: Passer }[how];
    relay.server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      for (const [from, to] of [[near, far], [far, near]]) {
        const way = new Way(to, relay.counts);
        relay.open.add(from);
        from.setNoDelay(true);
        from.on('data', (chunk) => way.push(chunk));
        from.on('end', () => way.end());
        from.on('error', () => to.destroy());
        from.on('close', () => {
          relay.open.delete(from);
          if (from.errored) to.destroy();
        });
      }
    });
    await new Promise((done) => relay.server.listen(0, '127.0.0.1', done));
    relay.port = relay.server.address().port;
    relay.url = `http://127.0.0.1:${relay.port}`;
    return relay;
  }

  // Every connection ends without a word, on both sides.
  cut() {
    for (const socket of this.open) socket.destroy();
  }

  async stop() {
    this.cut();
    await new Promise((done) => this.server.close(done));
  }
}
