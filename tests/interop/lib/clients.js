// Stock socket.io-clients, with a record of everything they were sent.

import { io } from 'socket.io-client';

const WAIT_MS = 5000;

export const transports = {
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  upgrade: { transports: ['polling', 'websocket'] },
};

// A connected client. `log` holds [event, ...args] of all it received, in order.
export async function connect(url, options = {}) {
  const socket = open(url, options);
  await heard(socket, 'connect');
  return socket;
}

const opened = new Set();

export function open(url, options = {}) {
  const socket = io(url, { forceNew: true, reconnection: false, timeout: WAIT_MS, ...options });
  socket.log = [];
  socket.onAny((...event) => socket.log.push(event));
  opened.add(socket);
  return socket;
}

// The arguments of the next `event`; an error if it does not come.
export function heard(socket, event, ms = WAIT_MS) {
  return new Promise((done, fail) => {
    const stop = () => {
      clearTimeout(timer);
      socket.off(event, got);
      socket.off('connect_error', failed);
    };
    const got = (...args) => {
      stop();
      done(args);
    };
    const failed = (error) => {
      stop();
      fail(error);
    };
    const timer = setTimeout(() => {
      stop();
      fail(new Error(`no "${event}" within ${ms} ms; heard ${JSON.stringify(socket.log)}`));
    }, ms);
    socket.on(event, got);
    if (event === 'connect') socket.on('connect_error', failed);
  });
}

// Nothing more is under way from the server to this client: an unknown event's ack comes after all that was sent before.
export async function settled(...sockets) {
  await Promise.all(sockets.map((socket) => socket.timeout(WAIT_MS).emitWithAck('settled?')));
}

export function ask(socket, event, ...args) {
  return socket.timeout(WAIT_MS).emitWithAck(event, ...args);
}

export async function logIn(url, name, options) {
  const socket = await connect(url, options);
  const answer = await ask(socket, 'login', name);
  if (!answer.ok) throw new Error(`login ${name}: ${JSON.stringify(answer)}`);
  socket.resume = answer.resume;
  return socket;
}

export function closeAll(...sockets) {
  for (const socket of sockets) {
    socket.disconnect();
    opened.delete(socket);
  }
}

// For after(): what failed tests left open would keep the process from ending.
export function closeLeftovers() {
  closeAll(...opened);
}
