// Clients of socket.io 1 and 2. They know neither promises nor timeouts, so both are made here.

import io1 from 'socket.io-client-1';
import io2 from 'socket.io-client-2';

const WAIT_MS = 8000;

export const generations = { '2.5.0': io2, '1.7.4': io1 };

function within(what, start) {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`${what}: not within ${WAIT_MS} ms`)), WAIT_MS);
    start((...args) => {
      clearTimeout(timer);
      done(args);
    }, (error) => {
      clearTimeout(timer);
      fail(error);
    });
  });
}

const opened = new Set();

export function openOld(io, url, options = {}) {
  const socket = io(url, { forceNew: true, reconnection: false, ...options });
  opened.add(socket);
  return socket;
}

// The arguments of the next `event`.
export const heardOld = (socket, event) => within(event, (done) => socket.once(event, done));

// The arguments of an acknowledgement.
export const askOld = (socket, event, ...args) => within(event, (done) => socket.emit(event, ...args, done));

export async function connectOld(io, url, options) {
  const socket = openOld(io, url, options);
  await within('connect', (done, fail) => {
    socket.once('connect', done);
    socket.once('connect_error', fail);
    socket.once('error', (error) => fail(new Error(JSON.stringify(error))));
  });
  socket.off('error');
  socket.off('connect_error');
  return socket;
}

export function closeOld(...sockets) {
  for (const socket of sockets) {
    socket.close();
    opened.delete(socket);
  }
}

// For after().
export const closeOldLeftovers = () => closeOld(...opened);
