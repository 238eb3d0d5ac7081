// The documents of the program, kept up to date by its stream.
//
// The stream has the figures of each second, the devices and tips that changed, and events. What it
// does not have is fetched again now and then. After a pause, such as a phone's sleep, all is.

const PATIENCE = 10_000;
const LOST = 4_000;

export const state = {
  /** `/api/v1/status` with the figures of the last message. `null` before the first. */
  status: null,
  nodes: [], jobs: [], chains: [], workers: new Map(), events: [],
  /** The latest blocks of ours, and the numbers of all by fate. */
  blocks: [], fates: {},
  /** What the last day, week and 30 days brought. */
  spans: [],
  /** Why nothing is known, if a request failed. */
  error: null,
  /** Whether the stream is open. */
  live: false,
};

/** When figures last came, and when the last message of the stream. */
let lastFigures = 0;
let lastMessage = 0;
/** How far the clock of this machine is ahead of the program's. */
let offset = 0;
let stream = null;
let pause = 1000;
let opening = null;
const listeners = new Set();

/** Calls a function after each change. */
export const listen = (listener) => listeners.add(listener);
const changed = () => listeners.forEach((listener) => listener());

/** The time by the program's clock. It stands still while the stream is lost. */
export const now = () => (state.live ? Date.now() : lastFigures) - offset;
/** How long ago the figures were true, in seconds. */
export const staleness = () => (Date.now() - lastFigures) / 1000;

/** The difficulty of a block now. */
export const difficulty = () => state.jobs[0]?.difficulty ?? state.chains[0]?.difficulty ?? null;
/** The rate expected of all devices together, if it is known of each that is connected. */
export function expectedRate() {
  const each = [...state.workers.values()].filter((worker) => worker.state !== 'disconnected').map((worker) => worker.expected_hash_rate);
  return each.length && each.every(Boolean) ? each.reduce((sum, rate) => sum + rate, 0) : null;
}
/** What the last day brought. */
export const day = () => state.spans.find(({ span }) => span === 'day') ?? { fates: {}, expected_blocks: null };

/** Fetches a document of the API. */
export async function fetchJson(path) {
  const answer = await fetch(`api/v1/${path}`, { signal: AbortSignal.timeout(PATIENCE), cache: 'no-store' });
  if (!answer.ok) throw Object.assign(new Error(`${answer.status} ${answer.statusText}`), { status: answer.status });
  return answer.json();
}

async function read(path, take) {
  try {
    take(await fetchJson(path));
    changed();
    return true;
  } catch (error) {
    if (path === 'status') { state.error = error.message; changed(); }
    return false;
  }
}

function takeFigures(figures) {
  lastFigures = Date.now();
  offset = lastFigures - figures.time_unix_ms;
  Object.assign(state.status ??= {}, figures);
  state.error = null;
}

function takeStatus(status) {
  // The page is a part of the program: another version has another page.
  const known = state.status?.version;
  if (known && known !== status.version) {
    let reloaded = null;
    try { reloaded = sessionStorage.getItem('reloaded'); sessionStorage.setItem('reloaded', status.version); } catch { /* not kept */ }
    if (reloaded !== status.version) location.reload();
  }
  takeFigures(status);
}

const byFate = (fates) => Object.fromEntries(fates.map(({ fate, blocks }) => [fate, blocks]));

/** The documents: after how many seconds each is fetched again, and what takes it. */
const documents = {
  status: [20, takeStatus],
  nodes: [15, ({ nodes, chains }) => Object.assign(state, { nodes, chains })],
  jobs: [20, ({ jobs }) => { state.jobs = jobs; }],
  events: [600, ({ events }) => { state.events = events.toReversed(); }],
  'blocks?limit=60': [300, ({ blocks, fates }) => Object.assign(state, { blocks, fates: byFate(fates) })],
  // Those that are new since then.
  'blocks?limit=6': [Infinity, ({ blocks, fates }) => {
    const ids = new Set(blocks.map(({ id }) => id));
    Object.assign(state, { blocks: [...blocks, ...state.blocks.filter(({ id }) => !ids.has(id))].slice(0, 200), fates: byFate(fates) });
  }],
  earnings: [120, ({ spans }) => { state.spans = spans.map((span) => ({ ...span, fates: byFate(span.fates) })); }],
  workers: [60, ({ workers }) => { state.workers = new Map(workers.map((worker) => [worker.name, worker])); }],
};
const due = new Map();
const fetched = new Map();
const busy = new Set();

/** How much less often than others a document is fetched: a thousand devices are much to read. */
const slower = (path) => (path === 'workers' ? Math.max(1, state.workers.size / 40) : 1);

/** Fetches a document soon; at most every few seconds, however often this is called. */
export function soon(path, milliseconds = 300) {
  const at = Math.max(Date.now() + milliseconds, (fetched.get(path) ?? 0) + ({ jobs: 5000, nodes: 2000 }[path] ?? 10_000 * slower(path)));
  due.set(path, Math.min(due.get(path) ?? Infinity, at));
}

async function refresh(path) {
  // Never twice at a time: the program may be slow.
  if (busy.has(path)) return;
  busy.add(path);
  due.set(path, Infinity);
  fetched.set(path, Date.now());
  const isRead = await read(path, documents[path][1]);
  busy.delete(path);
  if (!isRead) {
    due.set(path, Date.now() + 3000);
    return;
  }
  soon(path, documents[path][0] * 1000 * slower(path));
}

function takeTick(tick) {
  const { changed: devices = [], tips = [], ...figures } = tick;
  const before = state.status;
  if (figures.snapshot < before?.snapshot) refreshAll();
  else if (figures.snapshot > before?.snapshot + 1) soon('workers', 2000);
  takeFigures(figures);
  for (const change of devices) {
    const worker = state.workers.get(change.name);
    if (!worker) { soon('workers'); continue; }
    const accepted = worker.shares.accepted;
    if (change.accepted > accepted) worker.last_share_unix_ms = figures.time_unix_ms;
    Object.assign(worker, { state: change.state, hash_rate: change.hash_rate });
    worker.hash_rates.quarter_hour = change.hash_rate;
    worker.shares.accepted = change.accepted;
  }
  for (const tip of tips) {
    const chain = state.chains.find((known) => known.chain === tip.chain);
    if (chain) Object.assign(chain, tip);
    else soon('nodes');
  }
  if (tips.length) soon('jobs', 1500);
  changed();
}

function takeEvent(event) {
  if (state.events.some((known) => known.id === event.id)) return;
  state.events = [event, ...state.events].slice(0, 256);
  const [, fate] = event.name.match(/^block_(submitted|accepted|displaced|confirmed|orphaned|rejected|stale)$/) ?? [];
  const block = fate && state.blocks.find(({ hash }) => hash && hash === event.fields.block);
  if (block) Object.assign(block, { fate, depth: event.fields.depth ?? block.depth });
  if (fate || event.name === 'block_found') { soon('blocks?limit=6', 1000); soon('earnings', 1000); }
  if (event.severity !== 'info') soon('status', 1000);
  if (event.name.startsWith('device')) soon('workers', 1000);
  if ('node' in event.fields) soon('nodes', 500);
}

async function refreshAll() {
  await Promise.all(Object.keys(documents).filter((path) => documents[path][0] < Infinity).map(refresh));
}

function close() {
  stream?.close();
  stream = null;
}

function open() {
  clearTimeout(opening);
  opening = null;
  close();
  lastMessage = Date.now();
  stream = new EventSource('api/v1/stream');
  stream.addEventListener('open', () => { pause = 1000; if (!state.live) refreshAll(); });
  stream.addEventListener('status', ({ data }) => {
    lastMessage = Date.now();
    state.live = true;
    takeTick(JSON.parse(data));
  });
  stream.addEventListener('event', ({ data }) => takeEvent(JSON.parse(data)));
  stream.addEventListener('error', () => {
    state.live = false;
    close();
    again();
    changed();
  });
}

function again() {
  opening ??= setTimeout(() => {
    opening = null;
    if (document.hidden) again(); else open();
  }, pause);
  pause = Math.min(pause * 1.6, 15_000);
}

/** Starts to read, and goes on. */
export async function start() {
  await refreshAll();
  open();
  setInterval(() => {
    if (document.hidden) return;
    const silent = Date.now() - lastMessage;
    if (state.live && silent > LOST) { state.live = false; changed(); }
    if (stream && silent > 2 * PATIENCE) { close(); again(); }
    if (state.live || !state.status?.version) for (const [path, at] of due) if (at <= Date.now()) refresh(path);
  }, 500);
  const wake = () => {
    if (document.hidden || Date.now() - lastMessage < LOST) return;
    pause = 1000;
    state.live = false;
    open();
    changed();
  };
  document.addEventListener('visibilitychange', wake);
  addEventListener('online', wake);
  addEventListener('pageshow', wake);
}
