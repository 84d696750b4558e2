// The dialogue in JavaScript: node dialogue.mjs PACKAGE URL TRANSPORT

const [packageName, url, transport] = process.argv.slice(2);
const { default: io } = await import(packageName);

const say = (step, got) => console.log(JSON.stringify({ step, got }));
const hex = (value) => JSON.parse(JSON.stringify(value, (key, inner) => (inner?.type === 'Buffer' ? Buffer.from(inner.data).toString('hex') : inner)));
const options = { transports: transport === 'upgrade' ? ['polling', 'websocket'] : [transport], forceNew: true, reconnection: false, auth: { token: '123' } };
const connect = (target, more = {}) => io(target, { ...options, ...more });
const event = (socket, name) => new Promise((done) => socket.once(name, (...args) => done(args)));

const socket = connect(url);
socket.on('connect_error', (error) => say('error', String(error)));
say('auth', await event(socket, 'auth'));

socket.emit('message', 1, 'zwei ☃ 😀', { a: [true, null, 1.5] });
say('text', await event(socket, 'message-back'));

socket.emit('message', { deep: [Buffer.from([0, 1, 0xff])] }, Buffer.from('more'));
say('bytes', hex(await event(socket, 'message-back')));

say('ack', hex(await new Promise((done) => socket.emit('message-with-ack', 'a', Buffer.from([7]), (...args) => done(args)))));

const numbers = [];
const all = new Promise((done) => {
  socket.on('message-back', (number) => {
    if (numbers.push(number) === 300) done();
  });
});
for (let i = 0; i < 300; i++) socket.emit('message', i);
await all;
say('order', numbers.every((number, i) => number === i));

if (transport === 'upgrade') {
  const { engine } = socket.io;
  if (engine.transport.name !== 'websocket') await new Promise((done) => engine.once('upgrade', done));
}
say('transport', socket.io.engine.transport.name);

const custom = connect(`${url}/custom`);
await event(custom, 'auth');
custom.emit('message', 'elsewhere');
say('namespace', await event(custom, 'message-back'));
const other = connect(`${url}/nowhere`);
const [refusal] = await Promise.race([event(other, 'connect_error'), event(other, 'error')]);
say('refused', refusal.message ?? refusal);
for (const open of [other, custom]) open.close();

const reason = event(socket, 'disconnect');
socket.close();
say('end', await reason);
