// The page's elements. Whatever comes from people is put in as text, never as markup.

const MESSAGES_KEPT = 500;
const PEOPLE_SHOWN = 1000;

export const $ = (id) => document.getElementById(id);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function clock(ts) {
  const at = new Date(ts ?? Date.now());
  return at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

export function showLink(state, transport, node) {
  const words = { connected: 'connected', connecting: 'connecting', disconnected: 'reconnecting' };
  $('state').textContent = words[state];
  $('dot').dataset.state = state;
  for (const [id, text] of [['transport', transport], ['node', node]]) {
    $(id).textContent = text;
    $(id).hidden = state !== 'connected' || !text;
  }
}

export function showView(view) {
  document.body.dataset.view = view;
  $('login').hidden = view !== 'login';
  $('elsewhere').hidden = view !== 'elsewhere';
  $('chat').hidden = view !== 'chat';
  const focus = { login: 'name', elsewhere: 'use-here', chat: 'text' }[view];
  $(focus).focus();
}

export function showPeople(names, total, me) {
  const list = $('people');
  const rows = names.slice(0, PEOPLE_SHOWN).map((name) => element('li', name === me ? 'me' : '', name));
  if (total > rows.length) rows.push(element('li', 'more', `and ${total - rows.length} more`));
  list.replaceChildren(...rows);
  $('online-count').textContent = String(total);
  $('online-badge').textContent = String(total);
}

// `rooms`: [{key, label, unread}], key null for everyone.
export function showRooms(rooms, current, choose) {
  const rows = rooms.map(({ key, label, unread }) => {
    const button = element('button', '');
    button.type = 'button';
    button.append(element('span', '', label));
    if (unread > 0) button.append(element('span', 'badge', String(unread)));
    button.setAttribute('aria-current', String(key === current));
    button.addEventListener('click', () => choose(key));
    const row = element('li', '');
    row.append(button);
    return row;
  });
  $('rooms').replaceChildren(...rows);
}

function messageRow(message, me) {
  const row = element('li', message.sender === me ? 'message mine' : 'message');
  const head = element('div', 'head');
  head.append(element('span', 'sender', message.sender), element('time', '', clock(message.ts)));
  row.append(head, element('div', 'body', message.message));
  return row;
}

function row(item, me) {
  return item.kind === 'message' ? messageRow(item, me) : element('li', 'event', item.text);
}

export function showMessages(items, me) {
  $('messages').replaceChildren(...items.map((item) => row(item, me)));
  $('messages').scrollTop = $('messages').scrollHeight;
}

export function addMessage(item, me) {
  const list = $('messages');
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(row(item, me));
  while (list.childElementCount > MESSAGES_KEPT) list.firstElementChild.remove();
  if (atEnd || item.sender === me) list.scrollTop = list.scrollHeight;
}

export function keepMessages(items) {
  return items.length > MESSAGES_KEPT ? items.slice(-MESSAGES_KEPT) : items;
}
