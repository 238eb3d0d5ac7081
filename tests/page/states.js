// The answers of the program in several states, in the form of its API, with invented figures.

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const GRAPH = [[5, 10, 15], [6, 11, 16], [7, 12, 17], [8, 13, 18], [9, 14, 19], [0, 7, 8], [1, 8, 9], [2, 5, 9], [3, 5, 6], [4, 6, 7],
  [0, 11, 19], [1, 10, 12], [2, 11, 13], [3, 12, 14], [4, 13, 15], [0, 14, 16], [1, 15, 17], [2, 16, 18], [3, 17, 19], [4, 10, 18]];
const HEIGHT = 6_214_930, DIFFICULTY = 4.68e17;
export const HOSTILE = ['<img src=x onerror=alert(1)>', '"><script>alert(2)</script>', '\u202eevil\u202c-rig', 'é'.repeat(60), '🐙'.repeat(8), "a'b\"c&amp;", '__proto__', '../../x?y#z'];

/** Numbers that look random and are always the same. */
function random(seed) {
  let value = seed;
  return () => { value = (value * 16807) % 2147483647; return value / 2147483647; };
}

function worker(name, terahashes, now, change = {}) {
  const rate = terahashes * 1e12;
  return {
    name, state: 'active', sessions: 1, first_seen_unix_ms: now - 12 * DAY * 1000, last_seen_unix_ms: now, last_share_unix_ms: now - 4000,
    hash_rate: rate, hash_rates: { minute: rate * 0.96, quarter_hour: rate, hour: rate * 1.01, day: rate, week: rate },
    expected_blocks: rate / 5e12, expected_hash_rate: rate * 1.01, expected_hash_rate_source: 'usual', difficulty_bits: Math.round(Math.log2(rate * 5)),
    accepted_difficulty: rate * DAY, best_share_difficulty: rate * 1e5, session_best_share_difficulty: rate * 1e5, blocks_found: Math.round(terahashes / 9),
    shares: { accepted: 98_000, accepted_late: 120, stale: 290, unknown_job: 3, duplicate: 0, low_difficulty: 12, malformed: 0, not_subscribed: 0, unauthorized: 0 },
    agent: 'cgminer/4.10.0', address: '10.0.0.23:51122', ...change,
  };
}

const DEVICES = [['ka3-1', 165], ['kd6-1', 29.1], ['kd5-1', 18], ['box-pro', 2.6]];

function block(id, now, change) {
  const secondsAgo = id === 42 ? 4 : id === 41 ? 36 : (42 - id) * 1500;
  const chain = (id * 7) % 20;
  const fate = id === 42 ? 'submitted' : id > 39 ? 'accepted' : id === 37 ? 'orphaned' : id === 33 ? 'stale' : 'confirmed';
  return { id, network: 'mainnet01', node: '10.0.0.5:1848', chain, height: HEIGHT + 11 - Math.floor(secondsAgo / 30), hash: `b8WdQkXy${id}Zt8d0KbenE5xu0Vt2sQk0b8Wd9fMJ6s0`, difficulty: DIFFICULTY,
    worker: DEVICES[id % 3][0], found_unix_ms: now - secondsAgo * 1000, expected_blocks: id, fate, fate_unix_ms: now, depth: fate === 'confirmed' ? 42 - id : fate === 'accepted' ? 1 : null,
    replaced_by: fate === 'orphaned' ? 'R7czH0Zt8d0KbenE5xu0Vt2sQk0b8Wd9fMJ6s0b1A' : null, detail: null, ...change };
}

const fates = (each) => each.map(([fate, blocks]) => ({ fate, blocks }));
/** What three spans brought; no luck before one block was expected. */
const spans = (each, expected) => [['day', 1.06, 0.76, 1.43], ['week', 1.03, 0.92, 1.16], ['month', 0.99, 0.93, 1.05]].map(([span, luck, ...ends]) => ({
  span, fates: fates(each), found: 42, expected_blocks: expected, luck: expected > 1 ? luck : null, luck_interval: expected > 1 ? ends : null }));

const problem = (kind, severity, subjects, what, remedy, perDay = null) => ({ kind, severity, subjects, what, remedy, lost_hash_rate: perDay && perDay * 5e12, lost_blocks_per_day: perDay });

const NODE = '10.0.0.5:1848', OTHER = '10.0.0.6:1848';
/** Problems in the words of the program, by the state that has them. */
export const PROBLEMS = {
  'node down': problem('node_down', 'stopped', [NODE], `Node ${NODE} cannot be reached.`, 'Start the node, and check the address and port in --node (1848 by default).', 40),
  'streams mute': problem('streams_silent', 'losing', [NODE], `Node ${NODE} reports no new blocks, so work is outdated for longer.`, 'A proxy before the node may hold its streams back: in nginx, set proxy_buffering off for /chainweb/.'),
  'key refused': problem('key_refused', 'stopped', [NODE], `Node ${NODE} refuses to mine for your key.`, 'Start the node with --mining-public-key and your key, or set --public-key and --account to those of the node.', 40),
  'device silent': problem('device_silent', 'losing', ['ka3-1'], 'Device ka3-1 is connected, but sending no shares.', 'Restart the device, and look at its own page for a fault.', 30),
  'rejects 8 %': problem('shares_refused', 'losing', ['kd6-1'], 'Device kd6-1 has 8 % of all shares refused, most because they are for old work.', 'Check the network of the device: its answers come seconds too late.', 0.4),
  'stale 5 %': problem('work_stale', 'losing', [], '5.0 % of the work goes into outdated jobs.', 'Measure the way to the node with the command doctor, and move this program closer to the node and the devices.', 2),
  'node behind': problem('node_behind', 'losing', [OTHER], `Node ${OTHER} is 12 blocks behind the other nodes: it is not used.`, 'Look at its peers, its disk and its load; it is used again when it has caught up.'),
  fork: problem('node_forked', 'losing', [OTHER], `Node ${OTHER} is on a fork: its blocks differ from those of the other nodes.`, 'Look at its peers and its log; it is used again when it has the blocks of the others.'),
  'all gone': problem('all_nodes_gone', 'stopped', [NODE, OTHER], 'None of the 2 nodes can be reached.', 'Look at the network between them and this machine, and start the nodes that are down.', 40),
  flapping: problem('node_flapping', 'losing', [OTHER], `Node ${OTHER} comes and goes: it was lost 12 times in ten minutes.`, 'Look at its log, its load and the network to it; until it stays, the others serve.'),
  'clock off': problem('clock_off', 'losing', [NODE], `The clock of node ${NODE} is 2 min behind: the network may refuse its blocks.`, 'Set the clocks of the node and of this machine by NTP.'),
  'disk full': problem('disk_failing', 'losing', [], 'The disk does not take the history: a block that waits for the node is lost if the program ends.', 'Free space on the disk of --data-dir, and check that it is writable.'),
  'all orphaned': problem('blocks_late', 'stopped', [NODE], `The last 12 blocks on node ${NODE} came too late or were orphaned.`, "Compare the height of the node with another node's, and measure the way to it with the command doctor.", 40),
};

/** Changes of the ordinary state. */
/** Outages of nodes that last. */
const outages = ({ now }, ...nodes) => nodes.map((node, index) => ({ node, since_unix_ms: now - 95_000 - 60_000 * index, until_unix_ms: null, cause: 'unreachable' }));

/** The second node is of no use. */
function setAside(it, standing, reason, change = {}) {
  it.status.problems = [PROBLEMS[standing === 'behind' ? 'node behind' : 'fork']];
  Object.assign(it.nodes[1], { standing, standing_reason: reason, standing_since_unix_ms: it.now - 95_000, ...change });
  for (const job of it.jobs) job.insured_by = [];
}

const STATES = {
  ok: () => {},
  early: (it) => {
    Object.assign(it.status, { uptime_seconds: 1500, work: { ...it.status.work, expected_blocks: 0.7, effort: 0.7, effort_since_found: 0.7 } });
    Object.assign(it, { blocks: [], fates: [], spans: spans([], 0.7) });
  },
  empty: (it) => {
    Object.assign(it.status, { devices: { active: 0, silent: 0, disconnected: 0 }, next_block: null, uptime_seconds: 20 });
    Object.assign(it.status.hash_rate, { present: 0, mean: 0 });
    it.status.work = { expected_blocks: 0, effort: 0, effort_since_found: 0, stale_percent: null, hash_rates: { minute: 0, quarter_hour: 0, hour: 0, day: 0, week: 0 } };
    Object.assign(it, { workers: [], blocks: [], fates: [], spans: spans([], null), none: true });
  },
  rejects: (it) => {
    it.status.problems = [PROBLEMS['rejects 8 %'], PROBLEMS['clock off']];
    it.workers[1].shares.stale = 8200;
  },
  silent: (it) => {
    it.status.problems = [PROBLEMS['device silent']];
    Object.assign(it.workers[0], { state: 'silent', last_share_unix_ms: it.now - 600_000 });
    Object.assign(it.status.devices, { active: 3, silent: 1 });
  },
  'node-down': (it) => {
    it.status.problems = [PROBLEMS['node down']];
    Object.assign(it.status, { ready: false, reason: 'node 10.0.0.5:1848: connection refused' });
    Object.assign(it, { jobs: [], nodes: it.nodes.slice(0, 1) });
    Object.assign(it.nodes[0], { up: false, standing: null, standing_reason: null, standing_since_unix_ms: null, lag_blocks: null, latency_seconds: null, streams_open: 0, failures: [{ request: 'work', cause: 'unreachable', error: 'connection refused', since_unix_ms: it.now - 95_000 }] });
    it.chains.forEach((chain) => { chain.is_watched = false; });
    it.outages = outages(it, NODE);
  },
  'node-behind': (it) => setAside(it, 'behind', 'is behind the other nodes', { lag_blocks: 12 }),
  fork: (it) => setAside(it, 'forked', 'is on a fork', { lag_blocks: null }),
  flapping: (it) => {
    it.status.problems = [PROBLEMS.flapping];
    Object.assign(it.nodes[1], { losses: 12 });
    it.outages = outages(it, OTHER);
  },
  'all-gone': (it) => {
    it.status.problems = [PROBLEMS['all gone']];
    Object.assign(it.status, { ready: false, reason: 'no node gives work' });
    Object.assign(it, { jobs: [], outages: outages(it, NODE, OTHER) });
    for (const node of it.nodes) Object.assign(node, { up: false, standing: 'unreachable', standing_reason: 'does not answer in time', standing_since_unix_ms: it.now - 95_000, latency_seconds: null, streams_open: 0 });
    it.nodes[1].failures = [{ request: 'info', cause: 'unreachable', error: 'connection refused', since_unix_ms: it.now - 95_000 }];
  },
  farm: (it) => {
    const next = random(7);
    it.workers = Array.from({ length: 1000 }, (_, index) => worker(`rig-${index + 1}`, 10 + 20 * next(), it.now, index % 90 === 7 ? { state: 'disconnected', last_seen_unix_ms: it.now - 5e6 } : {}));
    Object.assign(it.status.devices, { active: 988, silent: 0, disconnected: 12 });
    it.status.hash_rate.present = it.status.hash_rate.mean = it.workers.reduce((sum, { hash_rate: rate }) => sum + rate, 0);
  },
  hostile: (it) => {
    it.workers = HOSTILE.map((name, index) => worker(name, 10 + index, it.now, { agent: '<b>agent</b>', address: '<i>x</i>' }));
    it.status.problems = [problem('device_silent', 'losing', [HOSTILE[0]], `Device ${HOSTILE[0]} is connected, but sending no shares.`, 'Restart the device.', 3)];
    it.blocks = HOSTILE.map((name, index) => block(42 - index, it.now, { worker: name, detail: '<b>detail</b>' }));
    it.events = HOSTILE.map((name, index) => ({ id: `1-${index}`, sequence: index, time_unix_ms: it.now - index * 1000, severity: 'warn', name: 'devices_connected', message: 'device connected', fields: { devices: name } }));
    it.nodes[0].failures = [{ request: 'cut', cause: 'malformed', error: '<script>alert(3)</script>', since_unix_ms: it.now - 95_000 }];
  },
  cpu: (it) => {
    Object.assign(it.status, { worker: 'cpu', account: null, devices: null });
    Object.assign(it.status.hash_rate, { present: 61e6, mean: 60e6 });
    it.workers = [];
  },
  delay: (it) => {
    Object.assign(it.status, { worker: 'constant-delay', account: null, devices: null, next_block: null, work: { expected_blocks: null, effort: null, effort_since_found: null, stale_percent: null, hash_rates: null } });
    Object.assign(it.status.hash_rate, { kind: 'none', present: null, mean: null });
    it.workers = [];
  },
};
export const NAMES = Object.keys(STATES);

/** Returns all documents of a state. */
export function documents(name, now = Date.now()) {
  const next = random(11);
  const workers = DEVICES.map(([device, rate]) => worker(device, rate, now));
  const rate = 214e12;
  const it = {
    now, workers, outages: [], none: false,
    status: {
      version: '1.0.0', worker: 'stratum', account: 'k:f89ef46927f506c70b6a58fd322450a936311dc6ac91f4ec3d8ef949608dbf1f', is_history_kept: true, started_unix_ms: now - 12 * DAY * 1000,
      snapshot: 1, time_unix_ms: now, uptime_seconds: 12 * DAY, ready: true, reason: 'a node gives work', jobs: 2, devices: { active: 4, silent: 0, disconnected: 0 },
      hash_rate: { kind: 'hashed', present: rate, mean: rate },
      blocks: { found: 42, open: 0, submitted: 42, accepted: 38, orphaned: 1, pending: 3, unknown: 0, stale: 1, rejected: 0 },
      work: { expected_blocks: 480, effort: 0.9, effort_since_found: 0.58, stale_percent: 0.4, hash_rates: { minute: 208e12, quarter_hour: rate, hour: rate, day: 215e12, week: rate } }, network_hash_rate: 3.12e17,
      next_block: { mean_seconds: 2187, quantiles_seconds: [1516, 5036, 10_071], probabilities: [1, 1, 1, 1] },
      problems: [], stratum_port: 1917,
    },
    nodes: [['10.0.0.5:1848', 0.0021, 71], ['10.0.0.6:1848', 0.0034, 29]].map(([address, latency, first]) => ({
      address, up: true, standing: 'ready', standing_reason: 'issues work', standing_since_unix_ms: now - 4 * HOUR * 1000, losses: 0, is_serving: address === NODE, network: 'mainnet01', chains: 20, is_evm: false, failures: [],
      latency_seconds: latency, clock_skew_seconds: 0.02, cut_height: 20 * (HEIGHT + 11), streams_open: 20, first_events: first, lag_blocks: address === NODE ? 0 : 3, jobs: first, blocks_taken: address === NODE ? 38 : 4 })),
    jobs: [[4, 12], [13, 12]].map(([chain, above], index) => ({ id: 900 + index, node: '10.0.0.5:1848', chain, height: HEIGHT + above, parent: 'b8Wd', difficulty: DIFFICULTY, received_unix_ms: now - 9000 + 3000 * index, insured_by: index ? [] : ['10.0.0.6:1848'] })),
    chains: GRAPH.map((adjacents, chain) => ({ chain, adjacents, height: HEIGHT + 10 + Math.floor(next() * 2.4), changed_unix_ms: now - Math.floor(next() * 50_000), is_watched: true, difficulty: DIFFICULTY })),
    blocks: Array.from({ length: 42 }, (_, index) => block(42 - index, now)),
    // Lost ones of earlier runs.
    older: Array.from({ length: 10 }, (_, index) => block(index + 1, now, { id: -index, fate: 'orphaned', depth: 9 })),
    fates: fates([['submitted', 1], ['accepted', 2], ['confirmed', 1157], ['orphaned', 11], ['stale', 4]]),
    spans: spans([['submitted', 1], ['accepted', 2], ['confirmed', 38], ['orphaned', 1]], 39.7),
    events: [['block_submitted', 'block submitted', { chain: 4, height: HEIGHT + 11, device: 'ka3-1' }, 4, 'info'], ['block_orphaned', 'block orphaned', { chain: 2, height: HEIGHT, reason: 'another block took its height' }, 480, 'warn'],
      ['block_confirmed', 'block confirmed', { chain: 18, height: HEIGHT - 20 }, 900, 'info'], ['devices_connected', 'device connected', { devices: 'box-pro' }, 3600, 'info'], ['updates_resumed', 'updates resumed', { node: '10.0.0.5:1848' }, 30_000, 'info']]
      .map(([event, message, fields, secondsAgo, severity], index) => ({ id: `1-${9 - index}`, sequence: 9 - index, time_unix_ms: now - secondsAgo * 1000, severity, name: event, message, fields })).toReversed(),
  };
  STATES[name](it);
  return it;
}

/** Returns the totals of spans from a time on, as the history has them. */
export function history(it, span, from, part = 1) {
  const next = random(3);
  const length = { minute: MINUTE, hour: HOUR, day: DAY }[span];
  const end = it.now / 1000;
  const first = Math.ceil(Math.max(from, end - { minute: DAY, hour: 7 * DAY, day: 30 * DAY }[span]) / length) * length;
  const totals = [];
  for (let start = first; start < end && !it.none; start += length) {
    const over = Math.min(length, end - start);
    totals.push({ start_unix_ms: start * 1000, hashes: it.status.hash_rate.mean * part * over * (0.97 + 0.06 * next()), expected_blocks: 0.03, stale_hashes: 0, shares_accepted: 500, shares_stale: 2, shares_rejected: 1, blocks_found: next() < 0.03 ? 1 : 0 });
  }
  return { totals, outages: it.outages };
}
