// The time to a block, effort, and luck with its interval.

import { $, attr, h, redraw, rows, svg, text } from './dom.js';
import { state } from './data.js';
import { hasHashed, kind, luckOf, pendingOf } from './headline.js';
import * as t from './text.js';

const WIDTH = 392, CURVE = 96;
const SPANS = { day: '24 h', week: '7 d', month: '30 d' };
let built = null;

function build(root) {
  const points = [[0.5, 0.693], [0.9, 2.303], [0.99, 4.605]];
  const x = (times) => (times / 5) * WIDTH, y = (part) => CURVE - part * (CURVE - 8);
  const curve = Array.from({ length: 61 }, (_, step) => { const times = step / 12; return `${x(times).toFixed(1)} ${y(1 - Math.exp(-times)).toFixed(1)}`; });
  built = {
    mean: h('b'), within: h('dl', { class: 'within' }),
    effort: h('b'), open: h('p', { class: 'note' }), bar: h('i'), track: h('div', { class: 'track', role: 'img' }),
    luck: h('table', { class: 'luck' }), words: h('p', { class: 'note' }), ticks: h('p', { class: 'scale ratios', 'aria-hidden': 'true' }, ['25 %', '100 %', '400 %'].map((tick) => h('span', null, tick))), luckBox: h('div', { class: 'part' }), effortBox: h('div', { class: 'part' }),
  };
  built.track.append(built.bar, h('u'));
  root.append(
    h('div', { class: 'head' }, h('h2', { id: 'odds-title' }, 'Time to a block')),
    h('div', { class: 'part' },
      h('p', { class: 'pair' }, h('span', null, 'Chance of a block within …'), built.mean),
      svg('svg', { viewBox: `0 0 ${WIDTH} ${CURVE + 2}`, preserveAspectRatio: 'none', class: 'curve', 'aria-hidden': 'true' },
        svg('path', { class: 'area', d: `M${curve.join('L')}L${WIDTH} ${CURVE}L0 ${CURVE}z` }), svg('path', { class: 'line', d: `M${curve.join('L')}` }),
        svg('path', { class: 'base', d: `M0 ${CURVE}H${WIDTH}` }),
        points.map(([part, times]) => svg('path', { class: 'drop', d: `M${x(times)} ${y(part)}V${CURVE}` })),
        points.map(([part, times]) => svg('path', { class: 'dot', d: `M${x(times)} ${y(part)}h.01` }))),
      built.within, h('p', { class: 'note' }, 'Time already spent does not change these odds.')),
    built.effortBox, built.luckBox);
  built.effortBox.append(
    h('p', { class: 'pair' }, h('span', null, 'Effort since our last block'), built.effort), built.track,
    h('p', { class: 'scale', 'aria-hidden': 'true' }, h('span', null, '0'), h('span', null, '100 % = a block on average'), h('span', null, '200 %')), built.open);
  built.luckBox.append(h('h3', null, 'Luck: blocks found per block expected'), built.luck, built.ticks, built.words);
}

/** Where a ratio stands on the logarithmic scale from 1/4 to 4. */
const place = (ratio) => `${((Math.log2(Math.min(4, Math.max(0.25, ratio))) + 2) / 4) * 100}%`;

export function renderOdds() {
  const { status } = state;
  const shown = Boolean(status?.version) && kind() === 'hashed' && hasHashed() && status.work.expected_blocks !== null;
  $('odds').hidden = !shown;
  attr($('earning'), 'class', shown ? 'two' : 'one');
  if (!shown) return;
  if (!built) build($('odds'));
  const { next_block: next, work } = status;
  text(built.mean, next ? `${t.span(next.mean_seconds)} on average` : 'not known yet');
  const within = ['50 %', '90 %', '99 %'].map((part, index) => [part, next?.quantiles_seconds[index]]);
  redraw(built.within, within.map(([, seconds]) => seconds && t.span(seconds)), () => within.map(([part, seconds]) => h('div', null, h('dt', null, part), h('dd', null, seconds ? t.span(seconds) : '–'))));
  const effort = work.effort_since_found;
  built.effortBox.hidden = effort === null || effort === undefined;
  if (!built.effortBox.hidden) {
    text(built.effort, t.percent(effort));
    built.bar.style.width = `${Math.min(100, effort * 50)}%`;
    attr(built.track, 'aria-label', `Effort ${t.percent(effort)}; 100 % is the work of one block on average`);
    const open = pendingOf(state.fates);
    text(built.open, open ? `${t.percent(work.effort)} since the last confirmed one; ${t.count(open)} pending.` : 'No block of ours waits to be confirmed.');
  }
  const each = luckOf().map(({ span, luck, luck_interval: [low, high] }) => ({ span: SPANS[span], ratio: luck, low, high }));
  rows(built.luck, each, (luck) => luck.span, (luck) => h('tr', null, h('th', { scope: 'row' }, luck.span), h('td', { class: 'range' }, h('s'), h('i'), h('u')), h('td', { class: 'number' })), (row, { ratio, low, high }) => {
    const [, interval, point] = row.children[1].children;
    interval.style.left = place(low);
    interval.style.right = `calc(100% - ${place(high)})`;
    point.style.left = place(ratio);
    redraw(row.lastElementChild, [ratio, low, high].map((value) => t.percent(value)), () => [h('b', null, t.percent(ratio)), ` (${t.fixed(low * 100, 0)}–${t.fixed(high * 100, 0)})`]);
  });
  built.ticks.hidden = each.length === 0;
  const unusual = each.filter(({ low, high }) => low > 1 || high < 1);
  text(built.words, each.length === 0 && work.expected_blocks >= 1 ? 'Known after the first minutes.'
    : each.length === 0 ? `Too early to say: ${t.blocks(work.expected_blocks)} blocks expected so far. After work for one block, 37 % have none.`
    : unusual.length === 0 ? `95 % ${each.length === 1 ? 'interval. It includes' : 'intervals. All include'} 100 %: nothing unusual.`
      : unusual.some(({ low }) => low > 1) ? '95 % intervals. More blocks than expected: good luck.' : '95 % intervals. Fewer blocks than luck explains: look for lost blocks and stale work.');
}
