// The braided chains: their graph, and the latest heights of each with our blocks.

import { $, attr, h, redraw, rows, say, svg, text } from './dom.js';
import { difficulty, now, state } from './data.js';
import * as t from './text.js';
import { isLost } from './rate.js';

const SIZE = 424, MIDDLE = SIZE / 2, RADIUS = 16;
/** From this many chains on, the graph is too dense to be read. */
const MOST_DRAWN = 39;
const HEIGHTS = 12;
/** The seconds after which the ring of a chain is full. */
const OLD = 120;

const view = { built: null, graph: '', chosen: null, seen: new Map(), nodes: new Map(), edges: [] };
const polar = (radius, turn) => [MIDDLE + radius * Math.sin(turn * 2 * Math.PI), MIDDLE - radius * Math.cos(turn * 2 * Math.PI)];
const point = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;

/** Returns [radius, turn] of each chain, so that the symmetry of the known graphs can be seen. */
function layout(chains) {
  const adjacents = (chain) => JSON.stringify(chains.find((known) => known.chain === chain)?.adjacents);
  const ring = (radius, list, shift = 0) => list.map((chain, at) => [chain, [radius, (at + shift) / list.length]]);
  const number = chains.length;
  if (number === 20 && adjacents(0) === '[5,10,15]' && adjacents(10) === '[0,11,19]') {
    return new Map([...ring(190, [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]), ...ring(122, [0, 2, 4, 1, 3]), ...ring(60, [5, 7, 9, 6, 8])]);
  }
  if (number === 10 && adjacents(0) === '[2,3,5]' && adjacents(5) === '[0,6,9]') {
    return new Map([...ring(185, [5, 6, 7, 8, 9]), ...ring(95, [0, 1, 2, 3, 4])]);
  }
  const radius = number === 1 ? 0 : Math.min(190, 60 + 12 * number);
  return new Map(ring(radius, chains.map(({ chain }) => chain)));
}

/** A line between two places: an arc along a ring, a spiral between rings far apart, else straight. */
function edge([radius, turn], [otherRadius, otherTurn], isRing) {
  const around = ((otherTurn - turn + 1.5) % 1) - 0.5;
  if (radius === otherRadius ? !isRing : Math.abs(around) < 0.02) return `M${point(polar(radius, turn))}L${point(polar(otherRadius, otherTurn))}`;
  const steps = Array.from({ length: 25 }, (_, step) => {
    const part = step / 24;
    // Half a turn may go either way: always clockwise, so that all look the same.
    const way = Math.abs(Math.abs(around) - 0.5) < 1e-6 ? 0.5 : around;
    return point(polar(radius + (otherRadius - radius) * part, turn + way * part));
  });
  return `M${steps.join('L')}`;
}

function buildGraph(chains) {
  view.nodes.clear();
  view.edges = [];
  const places = layout(chains);
  const rings = new Map();
  for (const [, [radius]] of places) rings.set(radius, (rings.get(radius) ?? 0) + 1);
  const lines = svg('g', { class: 'edges' }), dots = svg('g');
  for (const { chain, adjacents } of chains) {
    for (const other of adjacents) {
      if (other < chain || !places.has(other)) continue;
      const [from, to] = [places.get(chain), places.get(other)];
      // From the inner ring outwards, so that spirals all turn the same way.
      const ends = from[0] <= to[0] ? [from, to] : [to, from];
      const next = Math.abs(((from[1] - to[1] + 1.5) % 1) - 0.5) * rings.get(from[0]);
      const line = svg('path', { d: edge(...ends, Math.abs(next - 1) < 0.01 && rings.get(from[0]) > 3) });
      view.edges.push([chain, other, line]);
      lines.append(line);
    }
    const [x, y] = polar(...places.get(chain));
    const age = svg('circle', { class: 'age', r: RADIUS, pathLength: 1, transform: 'rotate(-90)' });
    const node = svg('g', { class: 'node', transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, onclick: () => choose(chain) },
      svg('circle', { class: 'pulse', r: RADIUS }), svg('circle', { class: 'job', r: RADIUS + 5 }), svg('circle', { class: 'disc', r: RADIUS }), age,
      svg('text', { y: -1, class: 'id' }, String(chain)), svg('text', { y: 10, class: 'above' }));
    view.nodes.set(chain, { node, age, above: node.lastChild });
    dots.append(node);
  }
  return svg('svg', { viewBox: `0 0 ${SIZE} ${SIZE}`, 'aria-hidden': 'true' }, lines, dots);
}

function choose(chain) {
  view.chosen = view.chosen === chain ? null : chain;
  renderChains();
  if (view.chosen !== null) say(view.built.chosen.textContent);
}

const legend = (sign, items) => h('ul', { class: 'legend', 'aria-hidden': 'true' }, items.map(([kind, words]) => h('li', null, h('i', { class: `${sign} ${kind}` }), words)));

function build(root) {
  const built = view.built = {
    note: h('p', { class: 'note' }), graph: h('div', { class: 'graph' }), body: h('tbody'), heads: h('tr'),
    jobs: h('ul', { class: 'jobs' }), chosen: h('div', { class: 'chosen' }),
  };
  root.append(h('div', { class: 'head' }, h('h2', { id: 'chains-title' }, 'Chains'), built.note), h('div', { class: 'braid' },
    h('div', { class: 'drawn' }, built.graph, legend('mini', [['ring', 'age of the last block; full is 2 min'], ['full', 'last block is ours'], ['dashed', 'job in hand'], ['plus', 'height above the lowest']])),
    h('div', { class: 'cut' }, h('table', null, h('caption', { class: 'spoken' }, 'The chains with their heights'), h('thead', null, built.heads), built.body),
      legend('cell', [['other', 'other miners'], ['ours', 'ours'], ['pending', 'ours, not final'], ['orphan', 'orphaned'], ['job', 'job in hand']])),
    h('div', { class: 'side' }, h('h3', null, 'Jobs in hand'), built.jobs, h('h3', null, 'Chosen chain'), built.chosen)));
}

/** Whether our block of a height is final, pending or lost. */
const cellKind = (fate) => (isLost(fate) ? 'orphan' : fate === 'confirmed' ? 'ours' : 'pending');

function makeRow({ chain }) {
  return h('tr', { onclick: () => choose(chain) },
    h('th', { scope: 'row' }, h('button', { type: 'button', 'aria-pressed': 'false', onclick: (event) => { event.stopPropagation(); choose(chain); } }, String(chain))),
    h('td', { class: 'cells' }, Array.from({ length: HEIGHTS + 1 }, () => h('i', { class: 'cell' })), h('span', { class: 'spoken' })),
    h('td', { class: 'number height' }), h('td', { class: 'number age' }));
}

function describe(chain, lowest) {
  const { height, adjacents, changed_unix_ms: changed } = chain;
  const behind = state.chains.filter((other) => adjacents.includes(other.chain) && other.height !== null && height !== null && other.height < height);
  const parts = [h('p', null, h('b', null, `Chain ${chain.chain}, height ${height === null ? 'not known' : t.count(height)}`),
    changed ? `, last block ${t.ago((now() - changed) / 1000)}.` : '.')];
  if (adjacents.length) parts.push(h('p', null, `Adjacent: ${adjacents.join(', ')}. `, height === null ? '' : behind.length ? `Waits for ${behind.length > 1 ? 'chains' : 'chain'} ${t.list(behind.map((other) => String(other.chain)))}.` : 'Ready for its next block.'));
  if (chain.difficulty) parts.push(h('p', null, `Difficulty ${t.large(chain.difficulty)}.`));
  if (height !== null && lowest !== null) parts.push(h('p', null, height === lowest ? 'The lowest chain.' : `${height - lowest} above the lowest chain.`));
  if (!chain.is_watched) parts.push(h('p', { class: 'warn' }, 'No update stream reports its blocks now.'));
  return parts;
}

export function renderChains() {
  const { chains, jobs, blocks } = state;
  $('chains').hidden = chains.length === 0;
  if (!chains.length) return;
  if (!view.built) build($('chains'));
  const { built } = view;
  const isDrawn = chains.length <= MOST_DRAWN && (chains.length === 1 || chains.some(({ adjacents }) => adjacents.length > 0));
  built.graph.parentElement.hidden = !isDrawn;
  attr(built.graph.closest('.braid'), 'class', isDrawn ? 'braid' : 'braid rows-only');
  const shape = JSON.stringify(chains.map(({ chain, adjacents }) => [chain, adjacents]));
  if (isDrawn && view.graph !== shape) {
    built.graph.replaceChildren(buildGraph(chains));
    view.graph = shape;
  }
  const known = chains.map(({ height }) => height).filter((height) => height !== null);
  const [lowest, highest] = known.length ? [Math.min(...known), Math.max(...known)] : [null, null];
  const from = Math.max(0, (highest ?? 0) + 1 - HEIGHTS);
  const ours = new Map(blocks.map((block) => [`${block.chain}/${block.height}`, block.fate]));
  const working = new Map(jobs.map((job) => [job.chain, job]));
  const network = state.status?.network_hash_rate, mean = difficulty();
  text(built.note, [known.length ? `Cut ${t.count(lowest)}${highest > lowest ? ` to ${t.count(highest)}` : ''}.` : 'Heights are not known yet.',
    network && `Network ${t.rate(network, 'network')}.`, mean && `Difficulty ${t.large(mean)}.`].filter(Boolean).join(' '));
  redraw(built.heads, [from, highest], () => [h('th', { scope: 'col' }, h('span', { class: 'spoken' }, 'Chain')),
    h('th', { class: 'scale' }, h('span', null, t.count(from)), h('span', null, highest === null ? '' : t.count(from + HEIGHTS))), h('th', { scope: 'col', class: 'number' }, 'Height'), h('th', { scope: 'col', class: 'number' }, 'Age')]);
  const chosen = chains.find(({ chain }) => chain === view.chosen);
  for (const chain of chains) drawNode(chain, { lowest, ours, working, chosen });
  for (const [one, other, line] of view.edges) attr(line, 'class', chosen && (one === chosen.chain || other === chosen.chain) ? 'near' : null);
  rows(built.body, chains, ({ chain }) => chain, makeRow, (row, { chain, height, changed_unix_ms: changed }) => {
    const isNear = chosen?.adjacents.includes(chain);
    attr(row, 'class', chosen?.chain === chain ? 'chosen' : isNear ? 'near' : null);
    attr(row.querySelector('button'), 'aria-pressed', String(chosen?.chain === chain));
    const cells = row.children[1].children;
    const own = [];
    for (let at = 0; at <= HEIGHTS; at++) {
      const of = from + at, fate = ours.get(`${chain}/${of}`);
      const isInCut = height !== null && of <= height;
      const kind = fate && !(isLost(fate) && !isInCut) ? cellKind(fate) : isInCut ? 'other' : working.get(chain)?.height === of ? 'job' : 'none';
      attr(cells[at], 'class', `cell ${kind}`);
      if (fate) own.push(`ours at ${t.count(of)} ${fate}`);
    }
    text(cells[HEIGHTS + 1], own.join(', '));
    text(row.children[2], height === null ? '–' : t.count(height));
    text(row.children[3], changed ? t.age((now() - changed) / 1000) : '–');
  });
  const each = [...jobs].sort((one, other) => one.chain - other.chain).slice(0, 6);
  rows(built.jobs, each.length ? each : [null], (job) => job?.id ?? 'none', (job) => (job ? h('li', null, h('b', null, `Chain ${job.chain}`), h('span'), h('p', null, `height ${t.count(job.height)}`)) : h('li', null, 'None: there is nothing to mine on now.')),
    (row, job) => job && text(row.children[1], `${t.age((now() - job.received_unix_ms) / 1000)} old${job.insured_by?.length ? ', insured' : ''}`));
  redraw(built.chosen, chosen ? [chosen, Math.floor(now() / 1000), known] : [], () => (chosen ? describe(chosen, lowest) : h('p', { class: 'note' }, 'Choose a chain to see its adjacent chains and what it waits for.')));
}

function drawNode(chain, { lowest, ours, working, chosen }) {
  const drawn = view.nodes.get(chain.chain);
  if (!drawn) return;
  const { height, changed_unix_ms: changed } = chain;
  const seconds = changed ? (now() - changed) / 1000 : OLD;
  attr(drawn.age, 'stroke-dasharray', `${Math.min(1, Math.max(0, seconds) / OLD).toFixed(3)} 1`);
  text(drawn.above, height === null || height === lowest ? '' : `+${height - lowest}`);
  const fate = ours.get(`${chain.chain}/${height}`);
  const last = view.seen.get(chain.chain);
  const isNew = last !== undefined && height > last && seconds < 5;
  const classes = ['node', fate && !isLost(fate) && 'ours', working.has(chain.chain) && 'working', chosen?.chain === chain.chain && 'chosen', chosen?.adjacents.includes(chain.chain) && 'near', !chain.is_watched && 'unwatched'];
  if (isNew) drawn.fresh = Date.now();
  if (Date.now() - (drawn.fresh ?? 0) < 1500) classes.push('fresh');
  attr(drawn.node, 'class', classes.filter(Boolean).join(' '));
  view.seen.set(chain.chain, height);
}
