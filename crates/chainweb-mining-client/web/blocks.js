// Our blocks with their fates, and recent events.

import { $, attr, choice, h, name, rows, text } from './dom.js';
import { day, fetchJson, now, state } from './data.js';
import { deviceLink, pendingOf } from './headline.js';
import { isLost } from './rate.js';
import * as t from './text.js';

/** What each fate means, and how many of the three steps it has made. */
const FATES = {
  found: ['Found', 'not taken by the node yet', 0], submitted: ['Submitted', 'not in the cut yet', 1], uncertain: ['Submitted', 'whether the node took it is not known', 1],
  accepted: ['Accepted', 'in the cut', 2], displaced: ['Displaced', 'another block stands at its height for now', 2], confirmed: ['Confirmed', '', 3],
  orphaned: ['Orphaned', 'another block took its height', 3], rejected: ['Rejected', 'the node refused it', 1], stale: ['Too late', 'the node no longer had the work', 1],
  untracked: ['Not followed', 'its place is not known', 2], lost: ['Lost', 'the program ended before a node took it', 1],
};
const GROUPS = { all: () => true, pending: (fate) => pendingOf({ [fate]: 1 }) > 0, confirmed: (fate) => fate === 'confirmed', lost: isLost };

/** The head of a table of blocks. */
export const blockHead = () => h('thead', null, h('tr', null, ['Fate', 'Found', 'Chain', 'Height', 'Device', 'Hash'].map((title, index) => h('th', {
  scope: 'col', class: index === 2 || index === 3 ? 'number' : index === 5 ? 'hash' : null, 'data-label': index === 4 ? title : null }, title))));

export function blockRow(block) {
  return h('tr', null, h('td', { class: 'fate' }, h('span', { class: 'steps', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')), h('b'), h('small')),
    h('td', { class: 'when' }), h('td', { class: 'number', 'data-label': 'Chain' }, String(block.chain)), h('td', { class: 'number', 'data-label': 'Height' }, t.count(block.height)),
    h('td', { 'data-label': 'Device' }, block.worker ? h('a', { href: state.status?.devices ? deviceLink(block.worker) : null }, name(block.worker)) : '–'),
    h('td', { class: 'hash' }, block.hash ? h('code', { title: block.hash }, t.short(block.hash)) : '–'));
}

export function fillBlock(row, block) {
  const [word, why, steps] = FATES[block.fate] ?? [block.fate, '', 0];
  const [mark, title, reason] = row.firstElementChild.children;
  attr(row, 'class', isLost(block.fate) ? 'lost' : block.fate === 'confirmed' ? 'final' : 'open');
  [...mark.children].forEach((step, index) => attr(step, 'class', index >= steps ? null : isLost(block.fate) && index === steps - 1 ? 'crossed' : 'done'));
  text(title, word);
  const depth = block.depth ? `${t.count(block.depth)} deep` : '';
  const detail = block.detail ?? (block.replaced_by && isLost(block.fate) ? `${why}: ${t.short(block.replaced_by)}` : why);
  text(reason, block.fate === 'confirmed' ? depth : [detail, block.fate === 'accepted' && depth].filter(Boolean).join(', '));
  attr(reason, 'title', block.replaced_by);
  const when = row.children[1];
  text(when, t.ago((now() - block.found_unix_ms) / 1000));
  attr(when, 'title', t.moment(block.found_unix_ms));
}

/** The blocks shown at first. */
const SHOWN = 8;
const view = { group: 'all', more: [], shown: SHOWN, events: 12, built: null, busy: false };

function buildBlocks(root) {
  const built = view.built = { body: h('tbody'), none: h('p', { class: 'empty' }), note: h('p', { class: 'note' }), numbers: {} };
  const label = (key, title) => [title, ' ', built.numbers[key] = h('span')];
  const options = [['all', label('all', 'All')], ['pending', label('pending', 'Pending')], ['confirmed', label('confirmed', 'Confirmed')], ['lost', label('lost', 'Lost')]];
  const pick = choice('Fate of the blocks', options.map(([key]) => [key, '']), 'all', (group) => { Object.assign(view, { group, shown: 0 }); show(SHOWN); });
  [...pick.children].forEach((button, index) => button.replaceChildren(...options[index][1]));
  built.older = h('button', { type: 'button', class: 'plain', onclick: () => show(20) }, 'Show older blocks');
  root.append(h('div', { class: 'head' }, h('h2', { id: 'blocks-title' }, 'Blocks'), pick),
    h('table', { class: 'blocks' }, blockHead(), built.body),
    built.none, h('div', { class: 'pages' }, built.older, built.note));
}

function allBlocks() {
  const seen = new Set();
  return [...state.blocks, ...view.more].filter((block) => !seen.has(block.id) && seen.add(block.id)).sort((one, other) => other.id - one.id);
}

/** Returns what to fetch for more blocks of the group: each fate of it, or all, before the oldest that is known. */
function earlier(all) {
  if (view.group === 'all') return [`before=${view.oldest ?? all.at(-1).id}`];
  const fates = Object.keys(state.fates).filter(GROUPS[view.group]);
  const known = (fate) => all.filter((block) => block.fate === fate);
  return fates.filter((fate) => known(fate).length < state.fates[fate]).map((fate) => `fate=${fate}${known(fate).length ? `&before=${known(fate).at(-1).id}` : ''}`);
}

/** Shows more blocks of the group; fetches those that are not known. */
async function show(more) {
  view.shown += more;
  renderBlocks();
  const all = allBlocks();
  if (view.busy || !all.length || all.filter((block) => GROUPS[view.group](block.fate)).length >= view.shown) return;
  view.busy = true;
  try {
    for (const query of earlier(all)) {
      const { blocks } = await fetchJson(`blocks?limit=200&${query}`);
      view.more.push(...blocks);
      if (!query.startsWith('fate')) Object.assign(view, { oldest: blocks.at(-1)?.id ?? view.oldest, end: blocks.length === 0 });
    }
  } catch { /* The button stays. */ }
  view.busy = false;
  renderBlocks();
}

export function renderBlocks() {
  const { status, fates } = state;
  if (!status?.version) return;
  if (!view.built) buildBlocks($('blocks'));
  const { built } = view;
  const sums = { all: Object.values(fates).reduce((sum, number) => sum + number, 0), pending: pendingOf(fates), confirmed: fates.confirmed ?? 0,
    lost: Object.entries(fates).reduce((sum, [fate, number]) => sum + (isLost(fate) ? number : 0), 0) };
  for (const [key, number] of Object.entries(sums)) text(built.numbers[key], t.count(number));
  const fitting = allBlocks().filter((block) => GROUPS[view.group](block.fate));
  rows(built.body, fitting.slice(0, view.shown), (block) => block.id, blockRow, fillBlock);
  built.none.hidden = fitting.length > 0;
  const mean = status.next_block?.mean_seconds;
  text(built.none, view.group !== 'all' ? 'None of these.' : mean ? `No block yet. One comes every ${t.span(mean)} on average; no block is normal until several times that.` : 'No block yet.');
  built.older.hidden = (view.group === 'all' && view.end) || sums[view.group] <= Math.min(view.shown, fitting.length);
  const today = Object.values(day().fates).reduce((sum, number) => sum + number, 0);
  text(built.note, sums.all ? `${t.count(today)} in 24 h, ${t.count(sums.all)} in all` : '');
}

/** An event in words: its message, and the fields that say which and why. */
function words({ message, fields, severity }) {
  const parts = [h('b', { class: severity === 'info' ? null : severity }, message.charAt(0).toUpperCase() + message.slice(1))];
  const add = (title, value) => parts.push(`${parts.length > 1 ? ', ' : ' '}${title}`, name(String(value)));
  if ('chain' in fields) add('chain ', fields.chain);
  if ('height' in fields) add('height ', t.count(fields.height));
  for (const [key, title] of [['device', 'by '], ['devices', ''], ['node', ''], ['network', ''], ['reason', ''], ['error', '']]) if (fields[key]) add(title, fields[key]);
  return parts;
}

export function renderEvents() {
  const root = $('events');
  if (!state.status?.version) return;
  if (!root.list) root.append(h('div', { class: 'head' }, h('h2', { id: 'events-title' }, 'Recent events')), root.list = h('ol'), root.none = h('p', { class: 'empty' }, 'None yet.'),
    root.more = h('p', { class: 'pages' }, h('button', { type: 'button', class: 'plain', onclick: () => { view.events += 24; renderEvents(); } }, 'Show older events')));
  // The steps between found and confirmed are in the table of blocks.
  const all = state.events.filter(({ name: event }) => event !== 'block_submitted' && event !== 'block_accepted');
  const recent = all.slice(0, view.events);
  rows(root.list, recent, (event) => event.id, (event) => {
    const isToday = t.date(event.time_unix_ms) === t.date(now());
    return h('li', null, h('time', { datetime: new Date(event.time_unix_ms).toISOString(), title: t.moment(event.time_unix_ms) }, isToday ? t.time(event.time_unix_ms) : t.date(event.time_unix_ms)), h('p', null, words(event)));
  });
  root.none.hidden = recent.length > 0;
  root.more.hidden = all.length <= view.events;
}
