// Ties the session to the page.

import { Session } from './session.js';
import { $, addMessage, keepMessages, showLink, showMessages, showPeople, showRooms, showView } from './view.js';

const session = new Session(window.io, window.sessionStorage);
const talks = new Map([[null, { items: [], unread: 0 }]]); // by room; null is everyone
let current = null;
let people = new Set();
let total = 0;
let connectedBefore = false;

function talk(room) {
  if (!talks.has(room)) talks.set(room, { items: [], unread: 0 });
  return talks.get(room);
}

function drawRooms() {
  const rows = [null, ...session.rooms].map((key) => ({ key, label: key ?? 'Everyone', unread: talk(key).unread }));
  showRooms(rows, current, choose);
}

function choose(room) {
  current = room;
  talk(room).unread = 0;
  $('talk-title').textContent = room ?? 'Everyone';
  $('leave').hidden = room === null;
  showMessages(talk(room).items, session.me);
  drawRooms();
  openSide(false);
  $('text').focus();
}

function add(room, item) {
  const to = talk(room);
  to.items = keepMessages([...to.items, item]);
  if (room === current) {
    addMessage(item, session.me);
  } else if (item.kind === 'message') {
    to.unread += 1;
    drawRooms();
  }
}

function drawPeople() {
  showPeople([...people], Math.max(total, people.size), session.me);
}

function openSide(open) {
  $('side').dataset.open = String(open);
  $('people-toggle').setAttribute('aria-expanded', String(open));
}

function notice(text) {
  $('notice').textContent = text;
}

// ---- what the session tells ----

const on = (type, handler) => session.addEventListener(type, (event) => handler(event.detail));

on('link', ({ state }) => {
  showLink(state, session.transport, session.node);
  $('login-button').disabled = state !== 'connected';
  if (state === 'disconnected' && document.body.dataset.view === 'chat') {
    notice('The connection is lost. Messages sent meanwhile will be missing here.');
  }
});
on('in', () => {
  notice('');
  if (connectedBefore) add(null, { kind: 'event', text: 'Connected again' });
  connectedBefore = true;
  showView('chat');
  choose(current);
});
on('out', ({ why }) => {
  $('login-error').textContent = why ?? '';
  showView('login');
});
on('elsewhere', () => showView('elsewhere'));
on('people', ({ names }) => {
  people = new Set(names);
  total = people.size;
  drawPeople();
});
on('total', (told) => {
  total = told.total;
  drawPeople();
});
on('joined', ({ name }) => {
  if (!people.has(name)) total += 1;
  people.add(name);
  drawPeople();
  add(null, { kind: 'event', text: `${name} joined` });
});
on('left', ({ name }) => {
  if (people.delete(name)) total -= 1;
  drawPeople();
  add(null, { kind: 'event', text: `${name} left` });
});
on('presence', ({ online }) => {
  total = online;
  drawPeople();
});
on('rooms', drawRooms);
on('message', (message) => add(message.room ?? null, { ...message, kind: 'message' }));

// ---- what the person does ----

$('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  $('login-error').textContent = '';
  const name = $('name').value;
  const answer = await session.logIn(name);
  if (answer.ok) return;
  const words = { name_taken: `Somebody else is called ${name.trim()} already. Choose another name.` };
  $('login-error').textContent = words[answer.error] ?? answer.message;
  $('name').select();
});

$('use-here').addEventListener('click', () => session.useHere());

$('join').addEventListener('submit', async (event) => {
  event.preventDefault();
  const room = $('room').value.trim();
  if (room === '') return;
  const answer = await session.join(room);
  notice(answer.ok ? '' : answer.message);
  if (!answer.ok) return;
  $('room').value = '';
  choose(room);
});

$('leave').addEventListener('click', () => {
  const room = current;
  choose(null);
  talks.delete(room);
  session.leave(room);
});

async function say() {
  const text = $('text').value.trim();
  if (text === '') return;
  $('text').value = '';
  const room = current;
  const answer = await session.say(text, room);
  if (!answer.ok) {
    notice(`Not sent: ${answer.message}`);
    if ($('text').value === '' && room === current) $('text').value = text;
  } else {
    notice(answer.scope === 'node' ? 'Only people on your node got this: the link to the others is down.' : '');
  }
}

$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  say();
});

$('text').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  say();
});

$('people-toggle').addEventListener('click', () => openSide($('side').dataset.open !== 'true'));

showLink('connecting', '', '');
showView(session.remembersName ? 'chat' : 'login');
