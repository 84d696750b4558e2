// What /metrics tells about the ends of sessions and connections.

import assert from 'node:assert/strict';

import { eventually } from './processes.js';

const CLOSED = /^confab_sessions_closed_total\{reason="(\w+)"\}$/;

export async function closedSessions(gateway) {
  const counts = {};
  for (const [name, value] of await gateway.metrics()) {
    const reason = CLOSED.exec(name)?.[1];
    if (reason) counts[reason] = value;
  }
  return counts;
}

function difference(before, now) {
  return Object.fromEntries(
    Object.entries(now).map(([reason, count]) => [reason, count - before[reason]]).filter(([, count]) => count !== 0));
}

// Runs `act`; afterwards exactly these sessions have been closed, by reason: { ping_timeout: 1 }. What `act` leaves
// open it has to end afterwards itself.
export async function closes(gateway, expected, act) {
  const before = await closedSessions(gateway);
  const result = await act();
  const wanted = Object.values(expected).reduce((sum, count) => sum + count, 0);
  const now = await eventually(async () => {
    const counts = difference(before, await closedSessions(gateway));
    return Object.values(counts).reduce((sum, count) => sum + count, 0) >= wanted && counts;
  }, 5000, `sessions closed: ${JSON.stringify(expected)}`);
  assert.deepEqual(now, expected);
  return result;
}

// The same where sessions of what went before may end meanwhile, too: so many more have been closed for this reason.
export async function closesOne(gateway, reason, act, count = 1) {
  const before = (await closedSessions(gateway))[reason];
  const result = await act();
  await eventually(async () => (await closedSessions(gateway))[reason] >= before + count, 5000, `${count} closed: ${reason}`);
  return result;
}

// How much a counter or gauge grew over `act`.
export async function growth(gateway, name, act) {
  const before = (await gateway.metrics()).get(name) ?? 0;
  await act();
  return ((await gateway.metrics()).get(name) ?? 0) - before;
}
