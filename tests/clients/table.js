// The clients the dialogue is held with. `differs`: what such a client hears instead; null where it cannot say or hear it.

const WAYS = ['polling', 'websocket', 'upgrade'];
const JS = { name: 'socket.io-client', language: 'node', title: 'JavaScript', transports: WAYS };

export const CLIENTS = [
  { ...JS, version: '4.8.4', package: 'socket.io-client-4.8', revision: 4 },
  { ...JS, version: '4.0.2', package: 'socket.io-client-4.0', revision: 4 },
  { ...JS, version: '3.1.3', package: 'socket.io-client-3.1', revision: 4 },
  { name: 'python-socketio', version: '5.18.1', language: 'python', title: 'Python', revision: 4, transports: WAYS, engine: '4.15.1' },
  { name: 'io.socket:socket.io-client', version: '2.1.2', language: 'java', title: 'Java', revision: 4, transports: WAYS },
  {
    // Bytes are a whole event there, answers come in a list of their own, and a refusal is told as text.
    name: 'rust_socketio', version: '0.6.0', language: 'rust', title: 'Rust', revision: 4, transports: WAYS,
    differs: { bytes: ['0001ff'], ack: [['a']], refused: ['Received an ConnectError frame: {"message":"Invalid namespace"}'] },
  },
];
