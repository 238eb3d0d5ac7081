// The page: starts to read, draws what changed, and shows the overview or one device.

import { $, attr, text } from './dom.js';
import { listen, staleness, start, state } from './data.js';
import { renderConnect, renderFigures, renderHeadline } from './headline.js';
import { renderRate } from './rate.js';
import { renderOdds } from './odds.js';
import { openDevice, renderDevice, renderDevices } from './devices.js';
import { renderChains } from './chains.js';
import { renderBlocks, renderEvents } from './blocks.js';
import { renderNodes } from './nodes.js';
import * as t from './text.js';

let device = null;
let isDue = false;
let isPlaced = false;

function renderLive() {
  const { live, status } = state;
  const known = Boolean(status?.version);
  const old = known ? staleness() : 0;
  const words = live ? 'live' : known ? `no connection, figures ${t.age(Math.max(1, old))} old` : 'connecting';
  attr($('live'), 'class', live ? 'live on' : known ? 'live off' : 'live');
  // Spoken when it is lost, not every second.
  const label = $('live').lastElementChild;
  if (label.textContent !== words) text(label, words);
  attr($('live'), 'aria-live', live ? 'polite' : 'off');
  attr(document.body, 'class', known && !live ? 'stale' : null);
  text($('network'), state.nodes.find((node) => node.network)?.network ?? '');
  if (known) text($('about'), `Version ${status.version}, running for ${t.age(status.uptime_seconds)}. Times are local. This page loads nothing from other servers.`);
}

function render() {
  isDue = false;
  renderLive();
  renderHeadline();
  if (device === null) {
    renderConnect();
    for (const draw of [renderFigures, renderRate, renderOdds, renderDevices, renderChains, renderBlocks, renderEvents, renderNodes]) draw();
  } else {
    renderDevice();
  }
  // The place in the address is there only now.
  if (!isPlaced && state.chains.length) {
    isPlaced = true;
    if (device === null && location.hash.length > 1) document.getElementById(location.hash.slice(1))?.scrollIntoView({ behavior: 'instant' });
  }
}

function schedule() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(render);
}

/** `#device/NAME` is the view of a device; any other hash a place in the overview. */
function route() {
  const [, encoded] = location.hash.match(/^#device\/(.+)$/) ?? [];
  let next = null;
  try { next = encoded ? decodeURIComponent(encoded) : null; } catch { /* not a name */ }
  const returns = device !== null && next === null;
  device = next;
  $('overview').hidden = device !== null;
  $('device').hidden = device === null;
  openDevice(device);
  if (device !== null) scrollTo({ top: 0 });
  schedule();
  if (returns && location.hash.length > 1) requestAnimationFrame(() => document.getElementById(location.hash.slice(1))?.scrollIntoView());
}

function renderTheme() {
  attr($('theme'), 'aria-pressed', String(document.documentElement.dataset.theme === 'dark'));
}

$('theme').addEventListener('click', () => {
  const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem('theme', next); } catch { /* for this visit only */ }
  renderTheme();
});
document.addEventListener('keydown', (event) => {
  const isTyping = /^(input|textarea|select)$/i.test(event.target.tagName);
  if (event.key === '/' && !isTyping && device === null) {
    const search = document.querySelector('#devices input');
    if (search) { event.preventDefault(); search.focus(); }
  }
  if (event.key === 'Escape' && device !== null) location.hash = '#devices';
});
addEventListener('hashchange', route);
listen(schedule);
setInterval(schedule, 1000);
renderTheme();
route();
start();
