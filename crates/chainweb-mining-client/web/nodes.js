// The nodes: what each is good for and why, and figures to compare them by.

import { $, attr, h, name, redraw, rows, text } from './dom.js';
import { now, state } from './data.js';
import * as t from './text.js';

const REQUESTS = { info: 'its network', work: 'work', cut: 'the cut', updates: 'updates' };
/** The standings of one of several nodes: their mood, and their name. */
const STANDINGS = {
  unknown: ['off', 'Waiting'], no_work: ['warn', 'No work'], unauthorized: ['warn', 'Key refused'], mining_disabled: ['warn', 'Mining is off'],
  behind: ['warn', 'Behind'], forked: ['bad', 'On a fork'], other_network: ['bad', 'Other network'], unreachable: ['bad', 'Down'],
};
const lasting = (ms) => t.age((now() - ms) / 1000);

/** Returns mood, name and reason of what a node is good for. */
function nodeState(node) {
  const { failures: [failure], standing } = node;
  const why = failure && `${failure.error}; asked for ${node.failures.map(({ request }) => REQUESTS[request] ?? request).join(', ')} for ${lasting(failure.since_unix_ms)}`;
  const often = node.losses > 1 ? `; lost ${node.losses} times in ten minutes` : '', mood = node.losses > 3 ? 'warn' : 'good';
  if (standing && standing !== 'ready') return [...(STANDINGS[standing] ?? ['off', standing]), `${why ?? `${node.standing_reason}, for ${lasting(node.standing_since_unix_ms ?? now())}`}${often}`];
  if (failure) return ['bad', node.failures.some(({ request }) => request === 'work' || request === 'info') ? 'Down' : 'Impaired', why + often];
  if (!node.up) return ['off', 'Waiting', 'has not answered yet'];
  if (!standing || node.is_serving) return [mood, standing ? 'Serving' : 'Ready', `gives work${often}`];
  const insures = state.jobs.filter(({ insured_by: nodes = [] }) => nodes.includes(node.address)).length;
  return [mood, node.is_submit_only ? 'Insuring' : 'Ready', `${node.is_submit_only ? 'only takes solutions' : 'stands by'}${insures ? ` and insures ${t.plural(insures, 'job')}` : ''}${often}`];
}

/** What a node is measured by: the heads of columns, and their figures. */
const FIGURES = [
  ['Latency', ({ latency_seconds: seconds }) => seconds !== null && (seconds < 1 ? `${t.three(seconds * 1000)}\u00a0ms` : t.span(seconds))],
  ['Height', ({ cut_height: height, chains }) => height !== null && chains > 0 && t.count(Math.floor(height / chains)), false],
  ['Behind', ({ lag_blocks: lag }) => Number.isInteger(lag) && t.plural(lag, 'block'), true],
  ['Clock skew', ({ clock_skew_seconds: skew }) => skew !== null && `${skew < 0 ? '−' : '+'}${t.fixed(Math.abs(skew), 2)}\u00a0s`],
  ['Streams', ({ streams_open: open, chains }) => `${open} of ${chains ?? '?'}`],
  ['First with news', ({ first_events: first }, all) => all > 0 && t.percent(first / all)],
  ['Blocks taken', ({ blocks_taken: blocks }) => Number.isInteger(blocks) && t.count(blocks), true],
];

export function renderNodes() {
  const root = $('nodes');
  if (!state.nodes.length) return;
  if (!root.body) {
    root.figures = FIGURES.filter(([, , areSeveral]) => areSeveral === undefined || areSeveral === state.nodes.length > 1);
    const heads = ['State', 'Node', 'Reason', ...root.figures.map(([title]) => title)];
    root.append(h('div', { class: 'head' }, h('h2', { id: 'nodes-title' }, 'Nodes'), root.note = h('p', { class: 'note' })), h('table', { class: 'nodes' },
      h('thead', null, h('tr', null, heads.map((title, index) => h('th', { scope: 'col', class: index > 2 ? 'number' : null }, title)))), root.body = h('tbody')));
  }
  if (state.nodes.length > 1) text(root.note, `${state.jobs.filter((job) => job.insured_by?.length).length} of ${t.plural(state.jobs.length, 'job')} insured by another node`);
  const all = state.nodes.reduce((sum, node) => sum + (node.first_events ?? 0), 0);
  rows(root.body, state.nodes, (node) => node.address, (node) => h('tr', null, h('td', { class: 'c-state' }, h('i', { class: 'dot', 'aria-hidden': 'true' }), h('span')), h('th', { scope: 'row' }, name(t.host(node.address))), h('td', { class: 'reason' }),
    root.figures.map(([title]) => h('td', { class: 'number', 'data-label': title }))), (row, node) => {
    const [mood, word, reason] = nodeState(node);
    attr(row.firstElementChild, 'class', `c-state ${mood}`);
    text(row.firstElementChild.lastElementChild, word);
    redraw(row.children[2], reason, () => name(reason));
    root.figures.forEach(([, figure], index) => text(row.children[index + 3], figure(node, all) || '–'));
  });
}
