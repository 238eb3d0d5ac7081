// Stages states of the program with simulated networks and a device, and checks that the page's headline
// names each problem and its remedy on a phone's first screen:
// `node stages.js PROGRAM FOLDER [STATE …]` leaves pictures in FOLDER. All states begin at once. Stale
// work is judged after half an hour, the others are there within minutes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [program, pictures, ...wanted] = process.argv.slice(2);
const PATIENCE_MINUTES = 45;
const PHONE = { width: 390, height: 844 };
/** The zero bits of a share, and how often the device sends one. */
const BITS = 8;
const INTERVAL = 500;
const KEY = '11'.repeat(32);

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Starts the program; returns what waits for a line of its log with this event. */
function start(running, args, shell = []) {
  const [first, ...rest] = [...shell, program, ...args, '--log-format', 'json'];
  const child = spawn(first, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  running.push(child);
  const lines = [];
  createInterface({ input: child.stderr }).on('line', (line) => { lines.push(line); if (lines.length > 500) lines.shift(); });
  /** Returns a field of the first events of a kind, in their order. */
  const fields = async (event, name, count) => {
    for (;;) {
      const all = lines.map((text) => { try { return JSON.parse(text).fields; } catch { return {}; } }).filter((found) => found?.event === event);
      if (all.length >= count) return all.slice(0, count).map((found) => found[name]);
      if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended:\n${lines.join('\n')}`);
      await sleep(100);
    }
  };
  const field = async (event, name) => (await fields(event, name, 1))[0];
  return { child, field, fields, lines };
}

/** A device: a share each half second, in what way it goes wrong, and whether it has stopped. */
class Device {
  constructor(port, name, fault = 'none') {
    Object.assign(this, { name, fault, id: 3, sent: 0, wrong: 0, job: null, old: null, replaced: 0, nonce: 0 });
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => {});
    createInterface({ input: this.socket }).on('line', (line) => this.take(JSON.parse(line)));
    this.write('mining.subscribe', ['stage/1.0', null], 1);
    this.write('mining.authorize', [name, 'x'], 2);
    this.timer = setInterval(() => this.share(), INTERVAL);
  }

  write(method, params, id) { this.socket.write(`${JSON.stringify({ id, method, params })}\n`); }

  take({ id, method, params, result }) {
    if (id === 1) this.nonce1 = result[1];
    if (method !== 'mining.notify') return;
    const [job, header] = params;
    // Bytes 16 to 48 are the parent: a job with another one replaces the work before.
    const next = { job, header: Buffer.from(header, 'hex'), parent: header.slice(32, 96) };
    if (this.job && next.parent !== this.job.parent) Object.assign(this, { old: this.job, replaced: Date.now() });
    this.job = next;
  }

  /** Searches a nonce whose hash has enough zero bits, or has not. */
  search({ header }, isGood) {
    for (;;) {
      const nonce2 = (this.nonce += 1).toString(16).padStart(12, '0');
      Buffer.from(nonce2 + this.nonce1, 'hex').reverse().copy(header, header.length - 8);
      const isShare = createHash('blake2s256').update(header).digest()[31] === 0;
      if (isShare === isGood) return nonce2;
    }
  }

  share() {
    if (!this.job || this.fault === 'silent') return;
    const isDue = (part) => this.wrong < part * (this.sent + 1);
    const isLow = this.fault === 'low' && isDue(0.08);
    const isLate = this.fault === 'late' && isDue(0.15) && this.old && Date.now() - this.replaced < 4000;
    const of = isLate ? this.old : this.job;
    this.sent += 1;
    if (isLow || isLate) this.wrong += 1;
    this.write('mining.submit', [this.name, of.job, this.search(of, !isLow)], this.id++);
  }

  end() { clearInterval(this.timer); this.socket.destroy(); }
}

/** The states: flags of the network, the kind of the problem, and what goes wrong. */
const STATES = {
  'all well': {},
  'node down': { kind: 'node_down', then: ({ network }) => network.child.kill() },
  'streams mute': { kind: 'streams_silent', network: ['--fault', 'event=hang'] },
  'key refused': { kind: 'key_refused', network: ['--mining-public-key', '22'.repeat(32)] },
  'device silent': { kind: 'device_silent', then: ({ devices }) => { devices[0].fault = 'silent'; } },
  'rejects 8 %': { kind: 'shares_refused', fault: 'low' },
  'stale 5 %': { kind: 'work_stale', fault: 'late', network: ['--block-delay', '5s'] },
  'clock off': { kind: 'clock_off', network: ['--clock-offset', '2m'] },
  // A small disk of its own, which fills up. Needs the right to mount.
  'disk full': { kind: 'disk_failing', shell: ['unshare', '--mount', 'sh', '-c', 'cd "$1"; shift; mount -t tmpfs -o size=1m none "$PWD"; (sleep 10; dd if=/dev/zero of="$PWD/full" bs=4k status=none) & exec "$@"', 'sh'] },
  'node behind': { kind: 'node_behind', nodes: 3, table: 'Behind', network: ['--fault', 'node1=freeze:40s'] },
  fork: { kind: 'node_forked', nodes: 3, table: 'On a fork', network: ['--block-delay', '5s', '--fault', 'node1=fork:60s'] },
  'all gone': { kind: 'all_nodes_gone', nodes: 3, table: 'Down', then: ({ network }) => network.child.kill() },
  flapping: { kind: 'node_flapping', nodes: 3, table: 'times in ten minutes', network: [30, 45, 60, 75, 90, 105].flatMap((second) => ['--fault', `node1=close:${second}s:3s`]) },
  'all orphaned': { kind: 'blocks_late', network: ['--fault', 'solved=delay:20s', '--block-delay', '2s', '--start-difficulty', '2k', '--foreign-hash-rate', '10k'] },
};

async function stage(title, { kind, nodes = 1, table, network: faults = [], fault = 'none', shell, then }) {
  const folder = mkdtempSync(join(tmpdir(), 'stage-'));
  const running = [], devices = [];
  let browser = null;
  try {
    const chains = ['--graph', 'petersen', '--block-delay', '15s', '--start-difficulty', '20k', '--foreign-hash-rate', '10k', '--listen', '127.0.0.1:0'];
    const given = new Set(faults);
    const kept = chains.filter((flag, index) => !given.has(index % 2 ? chains[index - 1] : flag));
    const network = start(running, ['simnet', ...kept, ...faults, '--nodes', String(nodes)]);
    const addresses = await network.fields(nodes > 1 ? 'simnet_node_started' : 'simnet_started', 'address', nodes);
    const miner = start(running, ['--worker', 'stratum', ...addresses.flatMap((address) => ['--node', address]), '--public-key', KEY, '--api-listen', '127.0.0.1:0',
      '--stratum-interface', '127.0.0.1', '--stratum-port', '0', '--stratum-difficulty', String(BITS), '--stratum-min-difficulty', String(BITS), '--data-dir', folder], shell && [...shell, folder]);
    const url = `http://${await miner.field('api_ready', 'address')}/`;
    const [, port] = (await miner.field('worker_ready', 'address')).split(/:(?=\d+$)/);
    for (const name of ['rig-1', 'rig-2', 'rig-3']) devices.push(new Device(Number(port), name, name === 'rig-1' || fault === 'late' ? fault : 'none'));
    const problems = async () => (await (await fetch(`${url}api/v1/status`)).json()).problems;
    if (!kind || then) await sleep(60_000);
    then?.({ network, devices });
    const deadline = Date.now() + PATIENCE_MINUTES * 60_000;
    const began = Date.now();
    let found = await problems();
    while (kind && found[0]?.kind !== kind) {
      if (Date.now() > deadline) throw new Error(`${title}: ${JSON.stringify(found)}\n${miner.lines.slice(-5).join('\n')}`);
      await sleep(1000);
      found = await problems();
    }
    const seconds = Math.round((Date.now() - began) / 1000);
    const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.newPage({ viewport: PHONE, deviceScaleFactor: 2, colorScheme });
      await page.goto(url);
      await page.waitForSelector('.live.on');
      await page.waitForTimeout(2000);
      await page.screenshot({ path: join(pictures, `${title.replace(/\W+/g, '-')}-${colorScheme}.png`) });
      const headline = await page.locator('#headline').innerText();
      if (colorScheme === 'light') console.log(`== ${title} (${seconds} s)\n${headline}\n`);
      // The numbers in a sentence move on.
      const words = (text) => text.replaceAll('http://', '').replaceAll(/[\d.,]+/g, '0');
      found = await problems();
      for (const text of kind ? [found[0].what, found[0].remedy] : ['No problems']) assert.ok(words(headline).includes(words(text)), `${title}: ${text}`);
      for (const selector of kind ? ['#headline h1', '#headline .todo'] : ['#headline', '#figures']) {
        const { y, height } = await page.locator(selector).boundingBox();
        assert.ok(y + height < PHONE.height, `${title}: ${selector} ends below the first screen`);
      }
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width);
      if (table) {
        assert.ok((await page.locator('#nodes tbody').innerText()).includes(table), `${title}: the table of nodes`);
        await page.locator('#nodes').screenshot({ path: join(pictures, `${title.replace(/\W+/g, '-')}-nodes-${colorScheme}.png`) });
      }
      await page.close();
    }
  } finally {
    await browser?.close();
    for (const device of devices) device.end();
    for (const child of running) child.kill();
    await sleep(1000);
    rmSync(folder, { recursive: true, force: true });
  }
}

mkdirSync(pictures, { recursive: true });
const states = Object.entries(STATES).filter(([title]) => !wanted.length || wanted.includes(title));
const ended = await Promise.allSettled(states.map(([title, state]) => stage(title, state)));
for (const { reason } of ended) if (reason) console.error(reason);
process.exitCode = ended.some(({ status }) => status === 'rejected') ? 1 : 0;
