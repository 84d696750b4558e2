// The clients the dialogue is held with. `differs`: what such a client hears instead; null where it cannot say or hear it.

const WAYS = ['polling', 'websocket', 'upgrade'];
const JS = { name: 'socket.io-client', language: 'node', title: 'JavaScript', transports: WAYS };

export const CLIENTS = [
  { ...JS, version: '4.8.4', package: 'socket.io-client-4.8', revision: 4 },
  { ...JS, version: '4.0.2', package: 'socket.io-client-4.0', revision: 4 },
  { ...JS, version: '3.1.3', package: 'socket.io-client-3.1', revision: 4 },
  { ...JS, version: '2.5.0', package: 'socket.io-client-2.5', revision: 3 },
  { ...JS, version: '1.7.4', package: 'socket.io-client-1.7', revision: 3 },
  { name: 'python-socketio', version: '5.18.1', language: 'python', title: 'Python', revision: 4, transports: WAYS, engine: '4.15.1' },
  { name: 'python-socketio', version: '4.6.1', language: 'python', title: 'Python', revision: 3, transports: WAYS, engine: '3.14.2' },
  { name: 'io.socket:socket.io-client', version: '2.1.2', language: 'java', title: 'Java', revision: 4, transports: WAYS },
  { name: 'io.socket:socket.io-client', version: '1.0.2', language: 'java', title: 'Java', revision: 3, transports: WAYS, differs: { refused: null } },
  {
    // Bytes are a whole event there, answers come in a list of their own, and a refusal is told as text.
    name: 'rust_socketio', version: '0.6.0', language: 'rust', title: 'Rust', revision: 4, transports: WAYS,
    differs: { bytes: ['0001ff'], ack: [['a']], refused: ['Received an ConnectError frame: {"message":"Invalid namespace"}'] },
  },
  {
    // An Engine.IO client with a parser; it does not upgrade, and reads no refusal.
    name: 'github.com/googollee/go-socket.io', version: 'v1.7.0', language: 'go', title: 'Go', revision: 3, transports: ['polling', 'websocket'],
    differs: { text: [1, 'zwei', { a: [true, null, 1.5] }], refused: null },
  },
];
