// The peer: the events of confab-benchapp on Node's socket.io, with the ws engine as it comes. Prints its address like a gateway does.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';

// The tests' packages serve here too.
const { Server } = createRequire(new URL('../../tests/interop/', import.meta.url))('socket.io');

const http = createServer();
const io = new Server(http, { serveClient: false });

io.on('connection', (socket) => {
  socket.on('chat', (value, room) => (room === undefined ? io : io.to(room)).emit('chat', value));
  socket.on('join', (room, ack) => {
    socket.join(room);
    ack?.('ok');
  });
  socket.on('echo', (value, ack) => ack?.(value));
});

http.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
process.on('SIGTERM', () => process.exit(0));
