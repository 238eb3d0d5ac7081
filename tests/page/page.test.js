// The page in a real browser, on a server whose states are chosen; and on the program's demo, if
// DEMO_URL names its address.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { after, before, describe, test } from 'node:test';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { fake } from './fake.js';
import { HOSTILE, PROBLEMS } from './states.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const BROWSERS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const PATIENCE = 60_000;
const PHONE = { width: 390, height: 844 };
let browser;

before(async () => {
  const executablePath = BROWSERS.find((path) => path && existsSync(path));
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
});
after(() => browser.close());

/** Opens a page and notes what must not happen: errors of scripts and of the policy, requests to other servers. */
async function open(url, options = {}) {
  // The policy of the page would refuse axe, which is no part of it.
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, ...options });
  page.setDefaultTimeout(PATIENCE);
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(error.stack));
  page.on('console', (message) => { if (message.type() === 'error' && !page.mayFail) page.wrong.push(message.text()); });
  page.on('dialog', (dialog) => { page.wrong.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => { if (new URL(request.url()).origin !== new URL(url).origin) page.wrong.push(`request to ${request.url()}`); });
  await page.goto(url);
  await page.waitForSelector('.live.on');
  return page;
}

/** Runs a story on a page with a server in a state. */
async function story(state, check, options) {
  const server = await fake(state);
  const page = await open(server.url, options);
  try {
    await check(page, server);
    assert.deepEqual(page.wrong, []);
  } finally {
    await page.close();
    await server.close();
  }
}

const has = (page, selector, words) => page.waitForFunction(([where, text]) => document.querySelector(where)?.innerText.includes(text), [selector, words]);

async function endOf(page, selector) {
  const { y, height } = await page.locator(selector).boundingBox();
  return y + height;
}

async function checkAxe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(grave.map(({ id, nodes }) => [id, nodes.slice(0, 3).map((node) => node.html)]), []);
}

describe('the page', () => {
  test('shows figures as they change, in place', () => story('ok', async (page, server) => {
    await has(page, '#headline', '38');
    const headline = await page.$('#figures');
    const boxes = () => page.evaluate(() => ['figures', 'rate', 'devices', 'chains', 'blocks', 'nodes'].map((id) => Math.round(document.getElementById(id).getBoundingClientRect().top)));
    await page.waitForTimeout(2000);
    const before = await boxes();
    server.state.status.hash_rate.present = 187e12;
    await has(page, '#figures', '187');
    server.tick({ changed: [{ name: 'ka3-1', state: 'silent', hash_rate: 0, accepted: 1, refused: 0 }] });
    await has(page, '.devices', 'Silent');
    server.tick({ tips: [{ chain: 3, height: 6_214_947, changed_unix_ms: Date.now() }] });
    await has(page, '.cut', (6_214_947).toLocaleString('en-US'));
    assert.deepEqual(await boxes(), before, 'nothing moves');
    assert.ok(await headline.evaluate((element) => element.isConnected));
  }, { locale: 'en-US' }));

  test('shows new blocks and events', () => story('ok', async (page, server) => {
    server.state.blocks.unshift({ ...server.state.blocks[0], id: 43, hash: 'NEWBLOCK_Zt8d0KbenE5xu0Vt2sQk0', found_unix_ms: Date.now(), fate: 'found' });
    server.event({ id: '1-77', sequence: 77, time_unix_ms: Date.now(), severity: 'info', name: 'block_found', message: 'block found', fields: { chain: 4, height: 9, device: 'ka3-1' } });
    await has(page, '#events', 'Block found');
    await has(page, '#blocks', 'NEWB');
  }));

  test('fetches the blocks of a fate that are not among the latest', () => story('ok', async (page) => {
    await page.locator('#blocks .choice button', { hasText: 'Lost' }).click();
    await page.waitForFunction(() => document.querySelectorAll('#blocks tbody .lost').length === 8);
    await page.locator('#blocks button', { hasText: 'Show older' }).click();
    await page.waitForFunction(() => document.querySelectorAll('#blocks tbody .lost').length === 12);
    await page.locator('#blocks .choice button', { hasText: 'All' }).click();
    await page.waitForFunction(() => document.querySelectorAll('#blocks tbody .open').length === 3);
  }));

  test('shows on a phone that all is well', () => story('ok', async (page) => {
    await has(page, '#headline h1', 'Earning as expected');
    await has(page, '#odds', '58\u00a0%');
    await has(page, '#odds', '90\u00a0% since the last confirmed one; 3 pending');
    await has(page, '#headline', 'No problems');
    assert.ok(await endOf(page, '#figures') < PHONE.height);
  }, { viewport: PHONE }));

  for (const [title, problem] of Object.entries(PROBLEMS)) {
    test(`names the problem, its cost and its remedy on a phone's first screen: ${title}`, () => story('ok', async (page, server) => {
      server.state.status.problems = [problem, PROBLEMS['clock off']];
      await page.reload();
      await has(page, '#headline h1', problem.what);
      await has(page, '#headline .todo', problem.remedy);
      if (problem.lost_blocks_per_day) await has(page, '#headline .todo', 'block');
      for (const selector of ['#headline h1', '#headline .todo', '#headline .more']) assert.ok(await endOf(page, selector) < PHONE.height, selector);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width, 'nothing is wider than the phone');
    }, { viewport: PHONE }));
  }

  test('shows a node that is down, and the time without work', () => story('node-down', async (page) => {
    await has(page, '#nodes', 'Down');
    await has(page, '#figures', 'no work now');
    await has(page, '#nodes', 'connection refused');
    await has(page, '#rate .readout', 'no work');
    await has(page, '#headline', 'wait');
    assert.equal(await page.locator('.node.unwatched').count(), 20);
  }));

  const nodes = [['ok', ['Serving', 'stands by and insures 1\u00a0job', '3\u00a0blocks', '71', '29', '38'], '1 of 2'], ['node-behind', ['Serving', 'Behind', 'is behind the other nodes, for 2', '12\u00a0blocks'], '0 of 2'],
    ['fork', ['Serving', 'On a fork', 'is on a fork, for'], '0 of 2'], ['flapping', ['Serving', 'lost 12 times'], '1 of 2'], ['all-gone', ['Down', 'does not answer in time', 'connection refused; asked for its network'], '0 of 0']];
  for (const [state, words, insured] of nodes) {
    test(`compares several nodes: ${state}`, () => story(state, async (page) => {
      for (const text of words) await has(page, '#nodes tbody', text);
      await has(page, '#nodes .note', insured);
      await has(page, '#rate .readout', 'our blocks');
      // Another node gives work while one is down.
      assert.equal((await page.locator('#rate .readout').innerText()).includes('no work'), state === 'all-gone');
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width, 'nothing is wider than the phone');
    }, { viewport: PHONE }));
  }

  test('does not compare one node with others', () => story('node-down', async (page) => {
    const heads = await page.locator('.nodes thead').innerText();
    assert.ok(heads.includes('Height') && !heads.includes('Behind'), heads);
  }));

  test('shows what to enter into a device while there is none', () => story('empty', async (page) => {
    await has(page, '#connect', 'stratum+tcp://');
    for (const id of ['rate', 'odds', 'devices']) assert.ok(await page.locator(`#${id}`).isHidden(), id);
  }));

  test('shows what applies to a worker that does not hash, and nothing else', () => story('delay', async (page) => {
    await has(page, '#figures', 'Blocks made');
    for (const id of ['rate', 'odds', 'devices', 'connect']) assert.ok(await page.locator(`#${id}`).isHidden(), id);
    assert.ok(!/H\/s|luck|effort/i.test(await page.locator('#figures').innerText()));
  }));

  test('keeps names and other text of strangers inert', () => story('hostile', async (page) => {
    await has(page, '.devices', HOSTILE[1]);
    const text = await page.locator('.devices tbody').innerText();
    for (const name of HOSTILE) assert.ok(text.includes(name.slice(0, 20)), name);
    assert.equal(await page.locator('main img, main script, main b b, main i i').count(), 0);
    await page.locator('.devices a', { hasText: '../../x?y#z' }).click();
    await has(page, '#device h1', '../../x?y#z');
    await has(page, '#device .facts', '<b>agent</b>');
  }));

  test('finds and sorts among a thousand devices by keyboard', () => story('farm', async (page) => {
    await page.waitForSelector('.devices tbody tr');
    assert.ok(await page.locator('.devices tbody tr').count() <= 60, 'not all at once');
    await page.keyboard.press('/');
    await page.keyboard.type('rig-77');
    await page.waitForFunction(() => document.querySelectorAll('.devices tbody tr').length === 11);
    await page.locator('.devices th button', { hasText: 'Device' }).focus();
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.devices th[aria-sort]').getAttribute('aria-sort'), 'ascending');
    assert.match(await page.locator('.devices tbody tr').first().innerText(), /rig-77\b/);
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.devices th[aria-sort]').getAttribute('aria-sort'), 'descending');
    assert.match(await page.locator('.devices tbody tr').first().innerText(), /rig-779/);
    assert.match(await page.locator('#spoken').innerText(), /descending/);
    await page.locator('.devices tbody a').first().press('Enter');
    await has(page, '#device h1', 'rig-779');
    await page.keyboard.press('Escape');
    await page.waitForSelector('#overview:not([hidden])');
  }));

  test('shows that the stream is lost, how old the figures are, and comes back', () => story('ok', async (page, server) => {
    page.mayFail = true;
    server.isMute = true;
    for (const response of server.streams) response.destroy();
    await has(page, '#live', 'no connection');
    await has(page, '#live', 'old');
    assert.ok(await page.locator('#figures').innerText(), 'the last figures stay');
    await has(page, '#headline h1', 'The program has not answered for');
    await has(page, '#headline', 'It may have stopped');
    server.isMute = false;
    await page.waitForSelector('.live.on');
    await has(page, '#headline h1', 'Earning');
  }));

  test('reloads once after an update of the program', () => story('ok', async (page, server) => {
    page.mayFail = true;
    await page.waitForTimeout(1500);
    server.requests.length = 0;
    Object.assign(server.state.status, { version: '1.1.0', snapshot: 1 });
    for (const response of server.streams) response.destroy();
    await has(page, '#about', '1.1.0');
    await page.waitForSelector('.live.on');
    await page.waitForTimeout(1500);
    assert.equal(server.requests.filter((path) => path === '/').length, 1);
  }));

  test('reads all again after a long sleep', () => story('ok', async (page, server) => {
    await page.evaluate(() => Object.defineProperty(document, 'hidden', { configurable: true, get: () => true }));
    page.mayFail = true;
    for (const response of server.streams) response.destroy();
    await page.waitForTimeout(6000);
    server.requests.length = 0;
    await page.evaluate(() => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => false }); document.dispatchEvent(new Event('visibilitychange')); });
    await page.waitForSelector('.live.on');
    await page.waitForFunction(() => document.querySelector('.live b').innerText === 'live');
    assert.ok(['/api/v1/stream', '/api/v1/status', '/api/v1/workers'].every((path) => server.requests.includes(path)), String(server.requests));
  }));

  test('waits for a slow program', async () => {
    const server = await fake('ok');
    server.delay = 1500;
    const page = await open(server.url);
    await has(page, '#headline', '38');
    assert.deepEqual(page.wrong, []);
    await page.close();
    await server.close();
  });

  test('reads single values of the chart by keyboard, and all as a table', () => story('ok', async (page) => {
    await page.waitForSelector('.plot canvas');
    await page.locator('#rate .plot').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    await has(page, '#rate .readout', 'TH/s');
    assert.match(await page.locator('#rate .readout').innerText(), /^\d+\sTH\/s/);
    await page.locator('#rate summary').click();
    await page.waitForSelector('#rate .figures-table tbody tr');
  }));

  test('marks what a chosen chain waits for', () => story('ok', async (page, server) => {
    const [low, high] = [0, 10];
    server.state.chains[low].height = 6_214_000;
    server.tick({ tips: [{ chain: low, height: 6_214_000, changed_unix_ms: Date.now() }] });
    await page.locator('.cut button', { hasText: /^10$/ }).click();
    await has(page, '.side .chosen', `Waits for chain ${low}`);
    assert.equal(await page.locator('.edges .near').count(), 3, `the edges of chain ${high}`);
  }));

  for (const colorScheme of ['light', 'dark']) {
    for (const state of ['ok', 'rejects', 'node-down', 'all-gone', 'empty']) {
      test(`has nothing that axe finds serious: ${state}, ${colorScheme}`, () => story(state, async (page) => {
        await page.waitForTimeout(1500);
        await checkAxe(page);
        if (state !== 'ok') return;
        await page.locator('.devices a').first().click();
        await page.waitForSelector('#device .facts dd');
        await checkAxe(page);
      }, { colorScheme, bypassCSP: true }));
    }
  }

  test('is small, and keeps within its limits while it runs', () => story('farm', async (page, server) => {
    const files = [...new Set(server.requests.filter((path) => !path.startsWith('/api')))];
    let size = 0;
    for (const path of files) size += gzipSync(Buffer.from(await (await fetch(new URL(path, server.url))).arrayBuffer())).length;
    assert.ok(size <= 120_000, `${size} bytes`);
    assert.ok(files.length > 10, String(files));
  }));
});

test('the page shows the demo of the program', { skip: process.env.DEMO_URL ? false : 'DEMO_URL is not set' }, async () => {
  const page = await open(process.env.DEMO_URL);
  await page.waitForSelector('#blocks tbody tr');
  await page.waitForSelector('.graph .node');
  await page.waitForFunction(() => document.querySelectorAll('.cell.other').length > 20);
  await page.waitForFunction(() => document.querySelectorAll('#blocks .final').length > 0);
  await has(page, '#figures', 'H/s');
  await has(page, '#nodes', 'Ready');
  await has(page, '#rate .windows', '1 min');
  await page.waitForTimeout(3000);
  const size = await page.evaluate(() => performance.getEntries().reduce((sum, { transferSize }) => sum + (transferSize ?? 0), 0));
  assert.ok(size > 40_000 && size <= 120_000, `${size} bytes`);
  assert.deepEqual(page.wrong, []);
  await page.close();
});
