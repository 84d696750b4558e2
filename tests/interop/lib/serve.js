// A server for the length of one act, ended afterwards with whatever connections the act left: a gateway, or a Node server to compare it with.

import { createServer } from 'node:http';

import { Server } from 'socket.io';

import { Gateway } from './processes.js';
import { cutAll } from './raw.js';

export async function withGateway(args, act, options) {
  const gateway = await Gateway.start(args, options);
  try {
    await act(gateway);
  } finally {
    cutAll();
    await gateway.stop();
  }
}

// `setUp` is given the server before it listens.
export async function withNode(options, act, setUp = () => {}) {
  const http = createServer();
  const server = new Server(http, options);
  setUp(server);
  await new Promise((done) => http.listen(0, '127.0.0.1', done));
  try {
    await act({ port: http.address().port });
  } finally {
    cutAll();
    await server.close();
  }
}
