// The conversation with the server: log-in, names, rooms and messages, without any element of the page. It reconnects by
// itself, takes its name back with the resume secret, and joins its rooms again.

const STORE = 'confab';
const ACK_MS = 10000;
const RETRY_MS = 1000;

function load(storage) {
  try {
    return JSON.parse(storage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
}

export class Session extends EventTarget {
  #socket;
  #storage;
  #kept; // {name, resume, rooms}: survives a reload of this window
  #windows = new BroadcastChannel(STORE); // windows of this browser that had one name in turn
  #left = false;

  constructor(io, storage) {
    super();
    this.#storage = storage;
    this.#kept = load(storage);
    this.me = null;
    this.rooms = new Set(this.#kept.rooms ?? []);
    this.#socket = io(location.origin);
    this.#listen();
  }

  get remembersName() {
    return Boolean(this.#kept.name);
  }

  get transport() {
    return this.#socket.io.engine?.transport?.name ?? '';
  }

  get node() {
    const id = this.#socket.id ?? '';
    return id.includes('.') ? id.slice(0, id.indexOf('.')) : '';
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #keep(changes) {
    Object.assign(this.#kept, changes);
    this.#storage.setItem(STORE, JSON.stringify(this.#kept));
  }

  #listen() {
    const socket = this.#socket;
    socket.on('connect', () => this.#connected());
    socket.on('disconnect', (reason) => this.#disconnected(reason));
    socket.on('connect_error', () => this.#tell('link', { state: 'disconnected' }));
    socket.on('welcome', (told) => {
      this.me = told.name;
      this.#windows.postMessage({ spent: this.#kept.resume, resume: told.resume });
      this.#keep({ name: told.name, resume: told.resume });
    });
    // Taking a name over makes a new secret; the window that it was taken from needs it to take it back.
    this.#windows.onmessage = ({ data }) => {
      if (data.spent && data.spent === this.#kept.resume) this.#keep({ resume: data.resume });
    };
    socket.on('loginNameExists', () => {
      if (this.me !== null) this.#forget('Somebody else has your name now. Choose another one.');
    });
    socket.on('onlineUsers', (names) => this.#tell('people', { names }));
    socket.on('userJoined', (name) => this.#tell('joined', { name }));
    socket.on('userLeft', (name) => this.#tell('left', { name }));
    socket.on('presence', (summary) => this.#tell('presence', summary));
    socket.on('chat', (message) => this.#tell('message', message));
  }

  #connected() {
    this.#left = false;
    this.#socket.io.engine.once('upgrade', () => this.#tell('link', { state: 'connected' }));
    this.#tell('link', { state: 'connected' });
    if (this.#kept.name) this.#resume();
  }

  async #resume() {
    const answer = await this.logIn(this.#kept.name, this.#kept.resume);
    if (answer.ok) return;
    if (answer.error === 'unavailable' || answer.error === 'rate_limited') {
      setTimeout(() => this.#socket.connected && this.me === null && this.#kept.name && this.#resume(),
        answer.retry_ms ?? RETRY_MS);
    } else {
      this.#forget(answer.message);
    }
  }

  #disconnected(reason) {
    this.me = null;
    // Only a server that closed on purpose keeps the client from coming back: this name went on elsewhere.
    const elsewhere = reason === 'io server disconnect';
    if (elsewhere) this.#left = true;
    this.#tell('link', { state: 'disconnected' });
    if (elsewhere) this.#tell('elsewhere');
  }

  #forget(why) {
    this.me = null;
    this.#keep({ name: null, resume: null });
    this.#tell('out', { why });
  }

  async #ask(event, value) {
    try {
      return await this.#socket.timeout(ACK_MS).emitWithAck(event, value);
    } catch {
      return { ok: false, error: 'unavailable', message: 'No answer. Try again.' };
    }
  }

  // {ok:true} once logged in; else {ok:false, error, message}.
  async logIn(name, resume) {
    const answer = await this.#ask('login', resume ? { name, resume } : name);
    if (!answer.ok) return answer;
    this.me = answer.name;
    this.#tell('in', { name: answer.name });
    this.#socket.emit('onlineUsers', (list) => list.ok && this.#tell('total', { total: list.total }));
    for (const room of this.rooms) this.join(room);
    return answer;
  }

  useHere() {
    if (this.#left) this.#socket.connect();
  }

  async join(room) {
    const answer = await this.#ask('join', { room });
    if (answer.ok) {
      this.rooms.add(room);
      this.#keep({ rooms: [...this.rooms] });
      this.#tell('rooms');
    }
    return answer;
  }

  async leave(room) {
    this.rooms.delete(room);
    this.#keep({ rooms: [...this.rooms] });
    this.#tell('rooms');
    return this.#ask('leave', { room });
  }

  say(text, room) {
    return this.#ask('chat', room === null ? text : { room, message: text });
  }
}
