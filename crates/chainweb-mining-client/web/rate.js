// The hash rate over time, with what is expected, our blocks and outages; and as a table.

import { $, attr, choice, h, redraw, text } from './dom.js';
import { expectedRate, fetchJson, now, state } from './data.js';
import { hasHashed } from './headline.js';
import * as t from './text.js';

const SPANS = {
  hour: { title: '1 h', span: 'minute', seconds: 3600, every: 20 },
  day: { title: '24 h', span: 'minute', seconds: 86400, every: 60 },
  hours: { title: '24 h', span: 'hour', seconds: 86400, every: 300, inBars: true },
  week: { title: '7 d', span: 'hour', seconds: 7 * 86400, every: 300 },
  month: { title: '30 d', span: 'day', seconds: 30 * 86400, every: 600, inBars: true },
};
const colour = (variable) => getComputedStyle(document.documentElement).getPropertyValue(variable).trim();

/** Merges neighbouring rows until there are few enough to be drawn. */
function fewer(rows, most) {
  const size = Math.ceil(rows.length / most);
  if (size < 2) return rows;
  const merged = [];
  for (let at = 0; at < rows.length; at += size) {
    const part = rows.slice(at, at + size);
    const known = part.filter((row) => row.rate !== null);
    merged.push({ ...part[0], rate: known.length ? known.reduce((sum, row) => sum + row.rate, 0) / known.length : null });
  }
  return merged;
}

/** Returns the times without work: of several nodes those in which all are out. */
function withoutWork(outages) {
  const each = state.nodes.map(({ address }) => outages.filter(({ node }) => node === address));
  const both = (one, other) => ({ since_unix_ms: Math.max(one.since_unix_ms, other.since_unix_ms), until_unix_ms: Math.min(one.until_unix_ms ?? Infinity, other.until_unix_ms ?? Infinity) });
  const overlaps = (some, others) => some.flatMap((one) => others.map((other) => both(one, other))).filter(({ since_unix_ms: since, until_unix_ms: until }) => since < until);
  return each.length > 1 ? each.reduce(overlaps) : outages;
}

/** A chart with its table. `path` returns what to fetch of a span from a time on. */
export class Chart {
  constructor(root, { path, spans, first, label, expected, blocks, windows }) {
    Object.assign(this, { path, spans, expected, blocks, chosen: first, rows: [], outages: [], fetched: 0 });
    this.readout = h('p', { class: 'readout' });
    this.plot = h('div', { class: 'plot', tabindex: 0, role: 'img', 'aria-label': `${label}. Arrow keys read single values.` });
    this.table = h('details', { class: 'figures-table' }, h('summary', null, 'Figures as a table'), h('div', { class: 'scroll' }));
    this.table.addEventListener('toggle', () => this.drawTable());
    const choose = (value) => { this.chosen = value; this.fetched = 0; this.rows = []; this.rebuild(); this.update(); };
    root.append(
      h('div', { class: 'head' }, h('h2', { id: `${root.id}-title` }, 'Hash rate'), choice('Span of the chart', spans.map((span) => [span, SPANS[span]?.title]), first, choose)),
      this.readout, this.plot, windows ?? '', this.table);
    this.plot.addEventListener('keydown', (event) => this.step(event));
    this.observers = [new ResizeObserver(() => this.resize()), new MutationObserver(() => this.rebuild())];
    this.observers[0].observe(this.plot);
    this.observers[1].observe(document.documentElement, { attributeFilter: ['data-theme'] });
  }

  /** Fetches rows when they are due, and draws them. To be called about once a second. */
  async update() {
    // New blocks are beyond the end of the chart.
    if (this.uplot && this.blocks?.() !== this.drawn) this.scale(this.uplot.data[0]);
    this.drawn = this.blocks?.();
    const { chosen } = this, { span, seconds, every } = SPANS[chosen];
    if (!state.status?.version || !state.nodes.length || Date.now() - this.fetched < every * 1000) return;
    const isFirst = this.fetched === 0;
    this.fetched = Date.now();
    const length = { minute: 60, hour: 3600, day: 86400 }[span];
    const end = now() / 1000;
    // Only what may have changed since the last time.
    const last = isFirst ? 0 : (this.rows.at(-1)?.start ?? 0) - length;
    const from = Math.floor(Math.max(end - seconds, last));
    try {
      const answer = await fetchJson(this.path(span, from));
      if (chosen !== this.chosen) return;
      // The rate over the span, or the part of it that is over.
      const rateOf = (hashes, start) => (hashes === null ? null : hashes / Math.max(1, Math.min(length, end - start)));
      const news = answer.totals.map((row) => ({ ...row, start: row.start_unix_ms / 1000, rate: rateOf(row.hashes, row.start_unix_ms / 1000) })).filter((row) => span !== 'minute' || row.start + length <= end);
      const kept = this.rows.filter((row) => row.start < from && row.start >= end - seconds);
      this.rows = isFirst ? news : [...kept, ...news.filter((row) => row.start >= from)];
      this.outages = withoutWork(answer.outages ?? []);
      this.length = length;
      this.draw();
    } catch { this.fetched = Date.now() - (every - 5) * 1000; }
  }

  data() {
    const points = fewer(this.rows.filter((row) => row.rate !== null || this.length), Math.max(60, Math.floor((this.plot.clientWidth - 60) / 2)));
    const times = [], rates = [];
    let before = null;
    for (const { start, rate } of points) {
      // Time without the program is a gap.
      if (before !== null && start - before > 2.5 * this.length * Math.max(1, this.rows.length / points.length)) { times.push(before + this.length); rates.push(null); }
      times.push(start); rates.push(rate);
      before = start;
    }
    const expected = this.expected?.() ?? null;
    return [times, rates, times.map(() => expected)];
  }

  draw() {
    const data = this.data();
    const known = data[1].filter((rate) => rate !== null);
    const top = Math.max(...known, this.expected?.() ?? 0, 0);
    this.power = t.exponent(top, `chart-${this.plot.parentElement.id}`);
    attr(this.plot, 'data-empty', known.length ? null : 'No figures of this time yet: the first come after a minute.');
    if (this.uplot) {
      this.uplot.setData(data, false);
      this.scale(data[0]);
    } else { this.build(data); }
    this.read(null);
    if (this.table.open) this.drawTable();
  }

  scale(times) {
    const end = now() / 1000;
    const { seconds, inBars } = SPANS[this.chosen];
    const start = inBars ? end - seconds : Math.max(end - seconds, Math.min(times[0] ?? end - seconds, end - seconds / 6));
    this.uplot.setScale('x', { min: start, max: end });
  }

  build(data) {
    const font = '12px system-ui, sans-serif';
    const axis = { stroke: colour('--ink-3'), font, grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
    const ours = colour('--ours');
    this.uplot = new uPlot({
      width: this.plot.clientWidth || 300, height: this.plot.clientHeight || 300, padding: [8, 20, 0, 0],
      legend: { show: false }, cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(max, 1e-9) * 1.12] } },
      axes: [
        { ...axis, space: 84, grid: { show: false }, size: 44, gap: 22, values: (_, ticks) => ticks.map((tick) => (this.chosen === 'month' ? t.date : t.time)(tick * 1000)) },
        { ...axis, size: 52, values: (plot, ticks) => ticks.map((tick) => (plot.scales.y.max < 1e-6 && tick ? '' : t.fixed(tick / 1000 ** this.power, tick / 1000 ** this.power < 10 && tick % 1000 ** this.power ? 1 : 0))) },
      ],
      series: [{}, {
        stroke: ours, width: 1.75, fill: `${ours}18`, points: { show: data[0].length < 3, size: 4 },
        ...(SPANS[this.chosen].inBars ? { paths: uPlot.paths.bars({ size: [0.7, 40], align: 1 }), fill: `${ours}aa` } : {}),
      }, { stroke: colour('--line-2'), width: 1.5, dash: [5, 4], points: { show: false } }],
      hooks: { draw: [(plot) => this.marks(plot)], setCursor: [(plot) => this.read(plot.cursor.idx)] },
    }, data, this.plot);
    this.scale(data[0]);
  }

  /** Draws our blocks under the axis, and outages as bands. */
  marks(plot) {
    const { ctx, bbox } = plot, ratio = devicePixelRatio || 1;
    const place = (seconds) => Math.round(plot.valToPos(seconds, 'x', true));
    const { min, max } = plot.scales.x;
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = colour('--bad');
    ctx.font = `600 ${12 * ratio}px system-ui, sans-serif`;
    for (const outage of this.outages) {
      const from = Math.max(min, outage.since_unix_ms / 1000), until = Math.min(max, (outage.until_unix_ms ?? now()) / 1000);
      if (until <= from) continue;
      const left = place(from), width = Math.max(2 * ratio, place(until) - left);
      ctx.globalAlpha = 0.12;
      ctx.fillRect(left, bbox.top, width, bbox.height);
      ctx.globalAlpha = 1;
      if (width > 70 * ratio) ctx.fillText('no work', left + 6 * ratio, bbox.top + 16 * ratio);
    }
    const y = bbox.top + bbox.height + 13 * ratio, size = 4.5 * ratio;
    ctx.lineWidth = 1.5 * ratio;
    for (const block of this.found()) {
      const seconds = block.found_unix_ms / 1000;
      if (seconds < min || seconds > max) continue;
      const x = place(seconds), lost = isLost(block.fate);
      ctx.fillStyle = lost ? colour('--bg') : colour('--ours');
      ctx.strokeStyle = lost ? colour('--bad') : colour('--ours');
      ctx.beginPath();
      ctx.moveTo(x, y - size); ctx.lineTo(x + size, y); ctx.lineTo(x, y + size); ctx.lineTo(x - size, y);
      ctx.closePath(); ctx.fill(); ctx.stroke();
    }
    ctx.restore();
  }

  /** Our blocks; before the oldest of them that are known, the spans with blocks. */
  found() {
    if (!this.blocks || this.chosen === 'month') return [];
    const blocks = this.blocks(), oldest = blocks.at(-1)?.found_unix_ms ?? Infinity;
    const spans = this.rows.filter((row) => row.blocks_found).map((row) => ({ found_unix_ms: (row.start + this.length / 2) * 1000 }));
    return [...spans.filter(({ found_unix_ms: found }) => found < oldest), ...blocks];
  }

  read(index) {
    const data = this.uplot?.data;
    const rate = data?.[1][index ?? -1];
    const unit = `${t.prefix(this.power ?? 0)}H/s`;
    const key = (kind) => h('i', { class: `key ${kind}`, 'aria-hidden': 'true' });
    const expected = this.expected?.();
    redraw(this.readout, [index, rate, unit, Boolean(expected), this.chosen], () => (rate === undefined || rate === null ? [
      h('span', null, key('line'), unit), expected && h('span', null, key('dashed'), 'expected'),
      this.blocks && this.chosen !== 'month' && h('span', null, key('diamond'), 'our blocks'),
      this.outages.length > 0 && h('span', null, key('band'), 'no work'),
    ] : [h('b', null, t.rate(rate)), h('span', null, this.chosen === 'month' ? t.date(data[0][index] * 1000) : t.moment(data[0][index] * 1000))]));
  }

  /** Moves the cursor by the arrow keys. */
  step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    const times = this.uplot?.data[0];
    if (!by || !times?.length) return;
    event.preventDefault();
    const from = this.uplot.cursor.idx ?? (by < 0 ? times.length : -1);
    const index = Math.min(times.length - 1, Math.max(0, from + by));
    this.uplot.setCursor({ left: this.uplot.valToPos(times[index], 'x'), top: 10 });
    attr(this.readout, 'aria-live', 'polite');
    this.read(index);
  }

  drawTable() {
    const rows = fewer(this.rows, 60).toReversed();
    redraw(this.table.lastElementChild, rows, () => h('table', { class: 'small' },
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'From'), h('th', { scope: 'col', class: 'number' }, 'Hash rate'), h('th', { scope: 'col', class: 'number' }, 'Blocks'))),
      h('tbody', null, rows.map((row) => h('tr', null, h('td', null, this.chosen === 'month' ? t.date(row.start * 1000) : t.moment(row.start * 1000)),
        h('td', { class: 'number' }, row.rate === null ? 'not known' : t.rate(row.rate)), h('td', { class: 'number' }, row.blocks_found ?? ''))))));
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (this.uplot && width && (width !== this.uplot.width || height !== this.uplot.height)) this.uplot.setSize({ width, height });
  }

  close() {
    for (const observer of this.observers) observer.disconnect();
    this.uplot?.destroy();
  }

  rebuild() {
    this.uplot?.destroy();
    this.uplot = null;
    if (this.rows.length) this.draw();
  }
}

export const isLost = (fate) => ['orphaned', 'rejected', 'stale', 'lost'].includes(fate);

const WINDOWS = [['minute', '1 min'], ['quarter_hour', '15 min'], ['hour', '1 h'], ['day', '24 h'], ['week', '7 d']];
let chart = null;

export function renderRate() {
  const { status } = state;
  const hashes = status?.version && hasHashed();
  $('rate').hidden = !hashes;
  if (!hashes) return;
  const windows = h('dl', { class: 'windows' });
  chart ??= new Chart($('rate'), {
    path: (span, from) => `history?span=${span}&from_unix_ms=${from * 1000}`,
    spans: ['hour', 'day', 'month'], first: status.uptime_seconds < 7200 ? 'hour' : 'day',
    label: 'Chart of the hash rate', expected: expectedRate, blocks: () => state.blocks, windows,
  });
  chart.update();
  const { hash_rates: rates } = status.work;
  const stale = status.work?.stale_percent;
  const shown = rates ? WINDOWS.map(([key, title]) => [title, t.rate(rates[key], `window-${key}`)]) : [];
  if (stale !== null && stale !== undefined) shown.push(['Stale work', t.percent(stale / 100, 1)]);
  redraw($('rate').querySelector('.windows'), shown, () => shown.map(([title, value]) => h('div', null, h('dt', null, title), h('dd', null, value))));
}
