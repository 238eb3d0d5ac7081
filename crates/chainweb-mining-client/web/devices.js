// The devices as a table, the troubled ones first, and one device by itself.

import { $, attr, h, name, redraw, rows, say, text } from './dom.js';
import { difficulty, fetchJson, now, soon, state } from './data.js';
import { deviceLink } from './headline.js';
import { Chart } from './rate.js';
import { blockHead, blockRow, fillBlock } from './blocks.js';
import * as t from './text.js';

const PAGE = 25;
const STATES = { active: ['Mining', 'good'], silent: ['Silent', 'bad'], disconnected: ['Gone', 'off'] };

/** Why shares are refused: what it means, and what to do. */
const REASONS = {
  stale: ['Stale', 'The work was replaced before the share arrived. A few per thousand are normal.', 'If there are many: use cable instead of Wi-Fi, and a device near this program.'],
  unknown_job: ['Unknown job', 'The device answers a job of an earlier connection, or a very old one.', 'Restart the device; if that does not help, update its firmware.'],
  duplicate: ['Duplicate', 'The device sent the same share twice.', 'Restart the device; if that does not help, update its firmware.'],
  low_difficulty: ['Low difficulty', 'The hash is above the share target: a chip computed it wrongly, or for another algorithm.', 'Lower the clock, improve the cooling; check that the algorithm is Kadena (Blake2s).'],
  malformed: ['Malformed', 'The share is not a nonce of this protocol.', 'Update the firmware, and choose Kadena (Blake2s) in the settings.'],
  not_subscribed: ['Not subscribed', 'The device sent shares before it subscribed.', 'Restart the device.'],
  unauthorized: ['Not logged in', 'The device sent shares before it logged in.', 'Check the worker name and the password in its settings.'],
};
const reasonsOf = (worker) => Object.keys(REASONS).map((key) => [key, worker.shares[key] ?? 0]).filter(([, number]) => number > 0).sort((one, other) => other[1] - one[1]);
const refusedPart = (worker) => {
  const refused = reasonsOf(worker).reduce((sum, [, number]) => sum + number, 0);
  const all = refused + worker.shares.accepted;
  return all ? refused / all : 0;
};
const ofExpected = (worker) => (worker.expected_hash_rate ? worker.hash_rates.hour / worker.expected_hash_rate : null);
const troubled = () => new Set((state.status?.problems ?? []).flatMap((problem) => (problem.kind.startsWith('device') || problem.kind === 'shares_refused' ? problem.subjects : [])));

const COLUMNS = [
  { key: 'state', title: 'State', value: (worker) => rank(worker) },
  { key: 'name', title: 'Device', value: (worker) => worker.name },
  { key: 'minute', title: '1 min', group: true, value: (worker) => worker.hash_rates.minute, rate: true, narrow: true },
  { key: 'quarter_hour', title: '15 min', group: true, value: (worker) => worker.hash_rates.quarter_hour, rate: true },
  { key: 'hour', title: '1 h', group: true, value: (worker) => worker.hash_rates.hour, rate: true },
  { key: 'day', title: '24 h', group: true, value: (worker) => worker.hash_rates.day, rate: true, narrow: true },
  { key: 'expected', title: 'Of expected', value: (worker) => ofExpected(worker) ?? -1, title2: 'The rate of the last hour over the expected one: from the settings, else the device’s own median hour of the last week' },
  { key: 'difficulty', title: 'Share difficulty', value: (worker) => worker.difficulty_bits ?? -1, narrow: true },
  { key: 'last', title: 'Last share', value: (worker) => worker.last_share_unix_ms ?? 0 },
  { key: 'best', title: 'Best share', value: (worker) => worker.best_share_difficulty ?? 0, narrow: true },
  { key: 'refused', title: 'Refused', value: refusedPart },
];
let bad = new Set();
const rank = (worker) => ({ disconnected: 2, silent: 0, active: bad.has(worker.name) ? 1 : 3 })[worker.state] ?? 3;

const view = { sort: 'state', down: false, search: '', page: 0, open: new Set(), built: null };
const collator = new Intl.Collator(undefined, { numeric: true });

function sorted() {
  const { value } = COLUMNS.find((column) => column.key === view.sort);
  const wanted = view.search.toLowerCase();
  const compare = (one, other) => {
    const [first, second] = [value(one), value(other)];
    const order = typeof first === 'string' ? collator.compare(first, second) : first - second;
    return (view.down ? -order : order) || other.hash_rates.hour - one.hash_rates.hour || collator.compare(one.name, other.name);
  };
  const inState = (worker) => (STATES[worker.state]?.[0] ?? '').toLowerCase().startsWith(wanted);
  const matches = (worker) => !wanted || worker.name.toLowerCase().includes(wanted) || (wanted.length > 2 && inState(worker));
  return [...state.workers.values()].filter(matches).sort(compare);
}

function sortBy({ key, title, rate }) {
  view.down = view.sort === key ? !view.down : Boolean(rate) || ['last', 'best', 'refused', 'difficulty'].includes(key);
  Object.assign(view, { sort: key, page: 0 });
  say(`Sorted by ${title}, ${view.down ? 'descending' : 'ascending'}`);
  renderDevices();
}

function build(root) {
  const search = h('input', { type: 'search', placeholder: 'Find a device', 'aria-label': 'Find a device by its name or state', autocomplete: 'off', spellcheck: 'false',
    oninput: ({ target }) => { Object.assign(view, { search: target.value.trim(), page: 0 }); renderDevices(); say(`${t.plural(sorted().length, 'device')} found`); } });
  const heads = COLUMNS.map((column) => h('th', { scope: 'col', class: `c-${column.key}${column.narrow ? ' narrow' : ''}` },
    h('button', { type: 'button', title: column.title2 ?? null, onclick: () => sortBy(column) }, column.title, column.rate && h('small', { class: 'unit' }))));
  const turn = (by) => () => { view.page += by; renderDevices(); say(`Page ${view.page + 1}`); };
  view.built = {
    note: h('p', { class: 'note' }), search, heads, body: h('tbody'), none: h('p', { class: 'empty' }),
    pages: h('div', { class: 'pages' }, h('button', { type: 'button', class: 'plain', onclick: turn(-1) }, 'Previous'), h('span'), h('button', { type: 'button', class: 'plain', onclick: turn(1) }, 'Next')),
  };
  root.append(
    h('div', { class: 'head' }, h('h2', { id: 'devices-title' }, 'Devices'), view.built.note, search),
    h('table', { class: 'devices' }, h('caption', { class: 'spoken' }, 'Devices; the buttons in the head sort'), h('thead', null, h('tr', null, heads)), view.built.body),
    view.built.none, view.built.pages);
}

function makeRow(worker) {
  const cells = COLUMNS.map((column) => h(column.key === 'name' ? 'th' : 'td', { scope: column.key === 'name' ? 'row' : null, class: `c-${column.key}${column.narrow ? ' narrow' : ''}`, 'data-label': column.title }));
  const [mark, title] = cells;
  mark.append(h('i', { class: 'dot', 'aria-hidden': 'true' }), h('span'));
  title.append(h('a', { href: deviceLink(worker.name) }, name(worker.name)), h('small'));
  const at = (key) => cells[COLUMNS.findIndex((column) => column.key === key)];
  at('expected').append(h('span', { class: 'meter', 'aria-hidden': 'true' }, h('i')), h('span'));
  at('refused').append(h('button', { type: 'button', class: 'why', 'aria-expanded': 'false', onclick: () => {
    if (!view.open.delete(worker.name)) view.open.add(worker.name);
    renderDevices();
  } }), h('small'));
  at('best').append(h('span'), h('small'));
  return h('tr', null, cells);
}

function updateRow(row, worker, power) {
  const cells = Object.fromEntries(COLUMNS.map((column, index) => [column.key, row.children[index]]));
  const [word, mood] = STATES[worker.state] ?? [worker.state, 'off'];
  attr(cells.state, 'class', `c-state ${bad.has(worker.name) && mood === 'good' ? 'warn' : mood}`);
  text(cells.state.lastElementChild, word);
  const since = worker.state === 'disconnected' ? `gone for ${t.age((now() - worker.last_seen_unix_ms) / 1000)}` : worker.agent ?? `for ${t.age((now() - worker.first_seen_unix_ms) / 1000)}`;
  text(cells.name.lastElementChild, since);
  for (const { key, rate } of COLUMNS) if (rate) text(cells[key], t.scaled(worker.hash_rates[key], power));
  const part = ofExpected(worker);
  cells.expected.firstElementChild.hidden = part === null;
  cells.expected.querySelector('.meter i').style.width = `${Math.min(100, (part ?? 0) * 100)}%`;
  text(cells.expected.lastElementChild, part === null ? '–' : t.percent(part));
  text(cells.difficulty, worker.difficulty_bits === null ? 'blocks' : t.large(2 ** worker.difficulty_bits));
  text(cells.last, worker.last_share_unix_ms ? t.age((now() - worker.last_share_unix_ms) / 1000) : '–');
  text(cells.best.firstElementChild, worker.best_share_difficulty ? t.large(worker.best_share_difficulty) : '–');
  text(cells.best.lastElementChild, ofBlock(worker.best_share_difficulty));
  const reasons = reasonsOf(worker);
  const button = cells.refused.firstElementChild;
  text(button, t.percent(refusedPart(worker), 1));
  attr(button, 'disabled', reasons.length === 0);
  attr(button, 'aria-expanded', String(view.open.has(worker.name)));
  attr(button, 'aria-label', reasons.length ? `${button.textContent} refused: reasons` : null);
  text(cells.refused.lastElementChild, reasons.length ? REASONS[reasons[0][0]][0].toLowerCase() : '');
}

function ofBlock(share) {
  const block = difficulty();
  if (!share || !block) return '';
  const ratio = share / block;
  return ratio >= 1 ? `${t.three(ratio)} × a block` : ratio >= 0.001 ? `${t.percent(ratio, ratio < 0.1 ? 1 : 0)} of a block` : `1 in ${t.count(Math.round(1 / ratio))} of a block`;
}

function reasonTable(worker) {
  const reasons = reasonsOf(worker);
  if (!reasons.length) return h('p', { class: 'note' }, 'No share was refused.');
  const all = worker.shares.accepted + reasons.reduce((sum, [, number]) => sum + number, 0);
  return h('dl', { class: 'reasons' }, reasons.map(([key, number]) => h('div', null,
    h('dt', null, REASONS[key][0], h('small', null, `${t.count(number)} of ${t.count(all)}, ${t.percent(number / all, 1)}`)),
    h('dd', null, REASONS[key][1], ' ', h('b', null, REASONS[key][2])))));
}

export function renderDevices() {
  const { status } = state;
  const applies = Boolean(status?.devices) && state.workers.size > 0;
  $('devices').hidden = !applies;
  if (!applies) return;
  if (!view.built) build($('devices'));
  const now = troubled();
  // The reasons of a device with refused shares are open by themselves, once.
  for (const problem of status.problems ?? []) if (problem.kind === 'shares_refused') for (const subject of problem.subjects.slice(0, 3)) if (!bad.has(subject)) view.open.add(subject);
  bad = now;
  const { built } = view;
  const all = sorted();
  const last = Math.max(0, Math.ceil(all.length / PAGE) - 1);
  view.page = Math.min(last, Math.max(0, view.page));
  const shown = all.slice(view.page * PAGE, (view.page + 1) * PAGE);
  const power = t.exponent(Math.max(0, ...shown.map((worker) => worker.hash_rates.hour)), 'devices');
  COLUMNS.forEach((column, index) => {
    attr(built.heads[index], 'aria-sort', view.sort === column.key ? (view.down ? 'descending' : 'ascending') : null);
    const unit = built.heads[index].querySelector('.unit');
    if (unit) text(unit, ` ${t.prefix(power)}H/s`);
  });
  const items = shown.flatMap((worker) => (view.open.has(worker.name) && reasonsOf(worker).length ? [{ worker }, { worker, why: true }] : [{ worker }]));
  rows(built.body, items, ({ worker, why }) => (why ? `?${worker.name}` : `=${worker.name}`),
    ({ worker, why }) => (why ? h('tr', { class: 'reason-row' }, h('td', { colspan: COLUMNS.length })) : makeRow(worker)),
    (row, { worker, why }) => {
      if (why) redraw(row.firstElementChild, worker.shares, () => reasonTable(worker));
      else updateRow(row, worker, power);
    });
  const { active, silent, disconnected } = status.devices;
  text(built.note, [`${t.count(active)} mining`, silent && `${t.count(silent)} silent`, disconnected && `${t.count(disconnected)} gone`].filter(Boolean).join(', '));
  built.none.hidden = all.length > 0;
  text(built.none, `No device is named like “${view.search}”.`);
  built.pages.hidden = last === 0;
  const [previous, where, next] = built.pages.children;
  attr(previous, 'disabled', view.page === 0);
  attr(next, 'disabled', view.page === last);
  text(where, `${view.page * PAGE + 1}–${view.page * PAGE + shown.length} of ${t.count(all.length)}`);
}

// One device by itself.

let single = null;

/** Shows a device, or none. */
export function openDevice(device) {
  if (single?.device === device) return;
  single?.chart.close();
  $('device').replaceChildren();
  single = null;
  if (device === null) return;
  const facts = h('dl', { class: 'facts' });
  const reasons = h('div'), blocks = h('tbody'), noBlocks = h('p', { class: 'empty' }, 'None yet.'), plot = h('div', { id: 'device-plot' });
  const title = h('h1', { id: 'device-title', tabindex: '-1' }, name(device));
  const mark = h('p', { class: 'device-state' }, h('i', { class: 'dot', 'aria-hidden': 'true' }), h('span'));
  $('device').append(h('p', null, h('a', { href: '#devices', class: 'back' }, '← All devices')), title, mark, facts, plot,
    h('div', { class: 'two' }, h('section', null, h('h2', null, 'Refused shares'), reasons), h('section', null, h('h2', null, 'Blocks'), h('table', { class: 'blocks' }, blockHead(), blocks), noBlocks)));
  const chart = new Chart(plot, { path: (span, from) => `history?span=${span}&from_unix_ms=${from * 1000}&worker=${encodeURIComponent(device)}`,
    spans: ['hours', 'week', 'month'], first: 'hours', label: `Chart of the hash rate of ${device}`, expected: () => state.workers.get(device)?.expected_hash_rate ?? null });
  single = { device, facts, reasons, blocks, noBlocks, mark, chart, fetched: 0 };
  title.focus({ preventScroll: true });
}

export function renderDevice() {
  if (!single) return;
  const { device, facts, reasons, blocks, noBlocks, mark, chart } = single;
  const worker = state.workers.get(device);
  if (!worker) { text(mark.lastElementChild, state.status ? 'No device of this name has connected in this run.' : 'Asking the program …'); return; }
  const [word, mood] = STATES[worker.state] ?? [worker.state, 'off'];
  attr(mark, 'class', `device-state ${mood}`);
  text(mark.lastElementChild, `${word}${worker.sessions > 1 ? `, ${worker.sessions} connections` : ''}`);
  const ago = (ms) => (ms ? t.ago((now() - ms) / 1000) : '–');
  const each = [
    ...[['minute', '1 min'], ['quarter_hour', '15 min'], ['hour', '1 h'], ['day', '24 h'], ['week', '7 d']].map(([key, title]) => [`Hash rate, ${title}`, t.rate(worker.hash_rates[key], `${device}-rate`)]),
    ['Expected', worker.expected_hash_rate ? t.rate(worker.expected_hash_rate) : 'not known', { configured: 'from the settings', usual: 'its usual rate' }[worker.expected_hash_rate_source] ?? 'after some hours'],
    ['Share difficulty', worker.difficulty_bits === null ? 'blocks only' : t.large(2 ** worker.difficulty_bits), worker.difficulty_bits === null ? '' : `${worker.difficulty_bits} bits`],
    ['Shares', t.count(worker.shares.accepted), worker.shares.accepted_late ? `${t.count(worker.shares.accepted_late)} of them late` : 'accepted'],
    ['Last share', ago(worker.last_share_unix_ms)],
    ['Best share', worker.best_share_difficulty ? t.large(worker.best_share_difficulty) : '–', ofBlock(worker.best_share_difficulty)],
    ['Blocks found', t.count(worker.blocks_found), worker.expected_blocks === null ? '' : `${t.blocks(worker.expected_blocks)} expected`],
    ['First seen', ago(worker.first_seen_unix_ms), t.moment(worker.first_seen_unix_ms)],
    worker.agent && ['Agent', worker.agent], worker.address && ['Address', worker.address.replace(/:\d+$/, '')],
  ].filter(Boolean);
  rows(facts, each, ([label]) => label, ([label]) => h('div', null, h('dt', null, label), h('dd', null, h('bdi')), h('dd', { class: 'below' })), (row, [, value, below = '']) => {
    text(row.children[1].firstElementChild, value);
    text(row.children[2], below);
  });
  redraw(reasons, worker.shares, () => reasonTable(worker));
  const own = state.blocks.filter((block) => block.worker === device).slice(0, 10);
  rows(blocks, own, (block) => block.id, blockRow, fillBlock);
  noBlocks.hidden = own.length > 0;
  chart.update();
  if (Date.now() - single.fetched > 10_000) {
    single.fetched = Date.now();
    fetchJson(`workers/${encodeURIComponent(device)}`).then((fresh) => state.workers.set(device, fresh), () => soon('workers', 5000));
  }
}
