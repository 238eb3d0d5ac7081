// Whether it earns, in one sentence; if not, why, what that costs, and what to do. Then four figures.

import { $, attr, h, name, redraw, rows, say, svg, text } from './dom.js';
import { day, expectedRate, now, staleness, state } from './data.js';
import * as t from './text.js';

const GLYPHS = {
  ok: () => [svg('circle', { cx: 20, cy: 20, r: 18, class: 'solid' }), svg('path', { d: 'm12 21 6 6 11-13', class: 'on' })],
  wait: () => [svg('circle', { cx: 20, cy: 20, r: 17 }), svg('path', { d: 'M20 10v10l6 5' })],
  warn: () => [svg('path', { d: 'M20 4 38 35H2z', class: 'solid' }), svg('path', { d: 'M20 15v10m0 5v.5', class: 'on' })],
  bad: () => [svg('path', { d: 'M12.500 2h15L38 12.500v15L27.500 38h-15L2 27.500v-15z', class: 'solid' }), svg('path', { d: 'm14 14 12 12m0-12L14 26', class: 'on' })],
};

export const pendingOf = (fates) => ['found', 'submitted', 'uncertain', 'accepted', 'displaced'].reduce((sum, fate) => sum + (fates[fate] ?? 0), 0);
export const deviceLink = (device) => `#device/${encodeURIComponent(device)}`;

/** The subjects of a sentence: names that others have chosen, links where they are devices. */
function sentence(words, subjects) {
  let parts = [words];
  for (const subject of subjects.filter(Boolean)) {
    const split = (part) => {
      const at = typeof part === 'string' ? part.indexOf(subject) : -1;
      if (at < 0) return [part];
      const link = state.workers.has(subject) ? h('a', { href: deviceLink(subject) }, name(subject)) : name(t.host(subject));
      return [part.slice(0, at), link, part.slice(at + subject.length)];
    };
    parts = parts.flatMap(split);
  }
  return parts;
}

/** What a problem costs, if that is known beyond what its sentence says. */
function costs({ lost_hash_rate: lost, lost_blocks_per_day: perDay, severity }) {
  if (!lost) return severity === 'stopped' ? 'Nothing is earned while this lasts.' : '';
  const work = `${t.rate(lost)} of work`;
  if (!perDay) return `${work}.`;
  const often = perDay >= 0.95 ? `about ${t.blocks(perDay)} blocks a day` : `about one block in ${t.span(86400 / perDay)}`;
  return `${work}: ${often}.`;
}

export const kind = () => state.status?.hash_rate?.kind ?? 'unknown';

/** The luck of each span of which it is known. A longer span with the same work has no more to say. */
export const luckOf = () => state.spans.filter(({ luck, expected_blocks: expected }, at) => luck !== null && expected !== state.spans[at - 1]?.expected_blocks);

/** Whether the program has not answered for so long that nothing is known of it. */
const isUnanswered = () => !state.live && Boolean(state.status?.version) && staleness() > 20;

/** What kind of state it is, and the sentence for it. */
function verdict() {
  const { status } = state;
  if (isUnanswered()) return ['bad', `The program has not answered for ${t.age(staleness())}.`];
  if (!status?.version) return state.error ? ['bad', 'The program does not answer.'] : ['wait', 'Asking the program …'];
  const [worst] = status.problems ?? [];
  if (worst) return [worst.severity === 'stopped' ? 'bad' : 'warn', worst.what];
  if (status.devices && state.workers.size === 0) return ['wait', 'Ready. No device has connected yet.'];
  if (!status.ready) return ['wait', `Not mining yet: ${status.reason}.`];
  if (kind() === 'none' || kind() === 'simulated') return ['ok', `Making blocks: ${t.count(status.blocks.found)} in this run.`];
  const { fates } = day();
  const confirmed = fates.confirmed ?? 0;
  const last = 'in the last 24 hours';
  if (confirmed > 0) {
    const known = luckOf();
    const usual = known.length > 0 && known.every(({ luck_interval: [low, high] }) => low <= 1 && high >= 1);
    return ['ok', `Earning${usual ? ' as expected' : ''}: ${t.plural(confirmed, 'block')} confirmed ${last}.`];
  }
  const found = pendingOf(fates);
  if (found > 0) return ['ok', `Earning: ${t.plural(found, 'block')} found ${last}, not confirmed yet.`];
  const mean = status.next_block?.mean_seconds;
  const none = status.uptime_seconds < 86400 ? 'No block yet' : `No block ${last}`;
  return ['ok', mean ? `Mining. ${none}: one comes every ${t.span(mean)} on average.` : `Mining. ${none}.`];
}

/** Whether hashes are counted that made any difference lately: else there is nothing to draw. */
export const hasHashed = () => ['hashed', 'simulated'].includes(kind()) && (state.status.hash_rate.present > 0 || state.status.work.hash_rates?.week > 0);

/** Who mines what for whom, and where. */
function facts() {
  const { status } = state;
  if (!status?.version || isUnanswered()) return [state.error || isUnanswered() ? 'It may have stopped, or the network to it is down. The page asks again by itself.' : '\u00a0'];
  const rate = ['hashed', 'simulated'].includes(kind()) && status.hash_rate.present !== null
    ? [' at ', h('b', null, t.rate(status.hash_rate.present, 'present'))] : [];
  const devices = status.devices ? status.devices.active + status.devices.silent : null;
  const who = devices === null ? `The worker ${status.worker}` : devices === 0 ? 'No device' : t.plural(devices, 'device');
  const isOne = devices === null || devices < 2;
  const verb = status.ready ? 'mine' : 'wait';
  const others = state.nodes.filter((node) => node.standing === 'ready' && !node.is_serving && !node.is_submit_only).length;
  const serving = state.nodes.find((node) => node.is_serving) ?? state.nodes[0];
  return [
    h('b', null, who), ` ${verb}${isOne ? 's' : ''}`, ...(status.ready && devices !== 0 ? rate : []),
    ...(status.account ? [' for ', h('b', { title: status.account }, t.short(status.account))] : []),
    ...(serving ? [' on node ', h('b', null, t.host(serving.address)), others ? `, ${t.count(others)} more ready` : ''] : []), '.',
    ...((status.problems ?? []).length ? [] : [' No problems.']),
  ];
}

let spokenMood = 'wait';

export function renderHeadline() {
  const [mood, words] = verdict();
  if (mood !== spokenMood) { spokenMood = mood; say(words); }
  const problems = isUnanswered() ? [] : state.status?.problems ?? [];
  const box = $('headline');
  attr(box, 'class', `headline ${mood}`);
  const line = facts();
  // Numbers in the second line change often: only what differs is drawn again.
  redraw(box, [mood, words, problems.map((problem) => [problem.what, problem.remedy, costs(problem)])], () => [
    svg('svg', { viewBox: '0 0 40 40', class: 'glyph', 'aria-hidden': 'true' }, GLYPHS[mood]()),
    h('h1', null, sentence(words, problems[0]?.subjects ?? [])),
    h('p', { class: 'who' }),
    problems.length > 0 && h('dl', { class: 'todo' },
      costs(problems[0]) && h('div', null, h('dt', null, 'What it costs'), h('dd', null, costs(problems[0]))),
      h('div', null, h('dt', null, 'What to do'), h('dd', null, sentence(problems[0].remedy, problems[0].subjects)))),
    problems.length > 1 && h('details', { class: 'more' }, h('summary', null, `and ${problems.length - 1} more`),
      h('ul', null, problems.slice(1).map((problem) => h('li', null,
        h('b', null, sentence(problem.what, problem.subjects)), ' ', costs(problem), ' ', sentence(problem.remedy, problem.subjects))))),
  ]);
  const who = box.querySelector('.who');
  if (who) redraw(who, line.map((part) => part.textContent ?? part), () => line);
  const mark = { ok: '', wait: '', warn: '⚠ ', bad: '✕ ' }[mood];
  const title = `${mark}${words.replace(/[.:].*$/s, '')} – chainweb-mining-client`;
  if (document.title !== title) document.title = title;
}

/** The figures: label, number, unit, and what stands below. What does not apply is left out. */
function figures() {
  const { status, blocks } = state;
  const { fates, expected_blocks: expected } = day();
  const found = blocks[0];
  const last = ['Last block', ...(found ? t.spanParts(Math.max(0, Math.floor((now() - found.found_unix_ms) / 1000))) : ['–', '']),
    found ? [found.worker && 'by ', found.worker && name(found.worker), `${found.worker ? ', ' : ''}${found.fate}`] : ['none yet'], found ? ' ago' : ''];
  const kept = status.blocks;
  if (kind() === 'none' || kind() === 'unknown' || kind() === 'simulated') {
    return [
      kind() === 'simulated' && ['Simulated hash rate', ...t.parts(status.hash_rate.present ?? 0, 'H/s', 'present'), ['no hashes are computed']],
      ['Blocks made', t.count(kept.found), '', [`in ${t.age(status.uptime_seconds)}`]],
      ['In the cut', t.count(kept.accepted), '', [`${t.count(kept.pending)} not looked up yet`]],
      kind() !== 'simulated' && ['Lost', t.count(kept.orphaned + kept.stale + kept.rejected), '', ['orphaned, too late or rejected']],
      last,
    ].filter(Boolean);
  }
  const usual = expectedRate();
  const confirmed = [`${t.count(pendingOf(fates))}\u00a0pending, ${t.count(fates.orphaned ?? 0)}\u00a0orphaned`];
  if (expected > 0) confirmed.unshift(`${t.blocks(expected)}\u00a0expected, `);
  return [
    [`Hash rate, ${status.devices ? '15 min' : '10 s'}`, ...t.parts(status.hash_rate.present ?? 0, 'H/s', 'present'),
      [usual ? `expected ${t.rate(usual)}` : `mean ${t.rate(status.hash_rate.mean ?? 0)}`]],
    ['Blocks confirmed, 24 h', t.count(fates.confirmed ?? 0), '', confirmed],
    status.next_block && status.ready ? ['Next block in about', ...t.spanParts(status.next_block.mean_seconds), [`even odds within ${t.span(status.next_block.quantiles_seconds[0])}`]]
      : ['Next block in about', '–', '', [!status.ready ? 'no work now' : status.uptime_seconds < 60 ? 'known once there are shares' : 'not known']],
    last,
  ];
}

export function renderFigures() {
  if (!state.status?.version) return;
  rows($('figures'), figures(), ([label]) => label, ([label]) => h('div', null,
    h('dt', null, label), h('dd', { class: 'figure' }, h('span'), h('small')), h('dd', { class: 'below' })),
  (row, [, number, unit, below, after = '']) => {
    text(row.querySelector('span'), number);
    text(row.querySelector('small'), unit + after);
    redraw(row.lastElementChild, below.map((part) => part?.textContent ?? part), () => below);
  });
}

/** What to enter into a device, while there is none. */
export function renderConnect() {
  const { status } = state;
  const shown = Boolean(status?.devices) && state.workers.size === 0;
  $('connect').hidden = !shown;
  if (!shown) return;
  const local = ['127.0.0.1', '::1', 'localhost', '[::1]'].includes(location.hostname);
  const host = local ? 'the address of this machine' : location.hostname;
  const pool = `stratum+tcp://${local ? 'ADDRESS' : location.hostname}:${status.stratum_port ?? 1917}`;
  const field = (label, value, note) => [h('dt', null, label), h('dd', null,
    h('code', null, value), h('button', { type: 'button', class: 'plain', onclick: ({ target }) => copy(target, value) }, 'Copy'), h('p', null, note))];
  redraw($('connect-fields'), [pool], () => [
    h('dl', null,
      field('Pool (URL)', pool, local ? `ADDRESS is ${host} in your network, such as 10.0.0.2.` : 'If the device has a field for the port, it goes there.'),
      field('Worker (user)', 'my-device', 'Any name. The page, the log and the metrics show the device by it.'),
      field('Password', 'x', 'Any. d=40 asks for a share difficulty in bits.')),
    h('p', null, 'Choose Kadena (Blake2s) as the algorithm. A device appears here within seconds. If none has after two minutes: is the port open in the firewall, and is the device in the same network?'),
  ]);
}

async function copy(button, value) {
  try {
    await navigator.clipboard.writeText(value);
    text(button, 'Copied');
  } catch { text(button, 'Mark it to copy'); }
  setTimeout(() => text(button, 'Copy'), 2000);
}
