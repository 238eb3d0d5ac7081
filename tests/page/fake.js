// A server with the page's own files and the API in a chosen state, for tests and for work on the page:
// `node fake.js [PORT]`, then http://127.0.0.1:PORT/?state=node-down.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { documents, history, NAMES } from './states.js';

const WEB = new URL('../../crates/chainweb-mining-client/web/', import.meta.url);
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
const HEADERS = { 'content-security-policy': "default-src 'self'; frame-ancestors 'none'", 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' };

/** Starts a server in a state. Its state may be changed while it runs. */
export async function fake(name = 'ok', port = 0) {
  const it = { state: documents(name), isMute: false, delay: 0, streams: new Set(), bytes: 0, requests: [] };
  const send = (response, message) => { it.bytes += message.length; response.write(message); };
  const tick = (change = {}) => {
    const { status } = it.state;
    Object.assign(status, { snapshot: status.snapshot + 1, uptime_seconds: status.uptime_seconds + 1, time_unix_ms: Date.now() });
    const { version, worker, account, is_history_kept, started_unix_ms, ...figures } = status;
    const message = `event: status\ndata: ${JSON.stringify({ ...figures, changed: [], tips: [], ...change })}\n\n`;
    for (const response of it.streams) send(response, message);
  };
  const event = (message) => { for (const response of it.streams) send(response, `id: ${message.id}\nevent: event\ndata: ${JSON.stringify(message)}\n\n`); };
  const answers = (path, query) => {
    const { state } = it;
    if (path === 'history') return history(state, query.get('span'), Number(query.get('from_unix_ms')) / 1000, query.has('worker') ? 0.2 : 1);
    if (path === 'blocks') {
      const of = query.has('fate') ? [...state.blocks, ...state.older].filter(({ fate }) => fate === query.get('fate')) : state.blocks;
      return { blocks: of.filter(({ id }) => id < (query.get('before') ?? Infinity)), next_before: null, fates: state.fates };
    }
    if (path === 'earnings') return { spans: state.spans };
    if (path === 'nodes') return { nodes: state.nodes, chains: state.chains };
    if (path.startsWith('workers/')) return state.workers.find((worker) => worker.name === decodeURIComponent(path.slice(8)));
    if (path === 'workers') return { snapshot: state.status.snapshot, workers: state.workers };
    if (path === 'status') return state.status;
    return ['jobs', 'events'].includes(path) ? { [path]: state[path] } : undefined;
  };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    it.requests.push(url.pathname);
    if (it.isMute) return request.socket.destroy();
    if (it.delay) await new Promise((done) => setTimeout(done, it.delay));
    if (url.pathname === '/api/v1/stream') {
      response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
      it.streams.add(response);
      request.on('close', () => it.streams.delete(response));
      send(response, 'retry: 2000\n\n');
      return tick();
    }
    const [, path] = url.pathname.match(/^\/api\/v1\/(.*)$/) ?? [];
    const answer = path && answers(path, url.searchParams);
    if (answer) {
      response.writeHead(200, { ...HEADERS, 'content-type': 'application/json' });
      return response.end(JSON.stringify(answer));
    }
    const state = url.searchParams.get('state');
    if (url.pathname === '/' && NAMES.includes(state)) it.state = documents(state);
    const file = url.pathname === '/' ? 'index.html' : url.pathname.replace(/^\/page\//, '');
    try {
      const content = await readFile(new URL(file, WEB));
      response.writeHead(200, { ...HEADERS, 'content-type': TYPES[file.split('.').pop()] });
      return response.end(content);
    } catch {
      response.writeHead(404, HEADERS);
      return response.end();
    }
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  const ticking = setInterval(tick, 1000);
  const close = () => { clearInterval(ticking); server.closeAllConnections(); return new Promise((done) => server.close(done)); };
  return Object.assign(it, { tick, event, close, url: `http://127.0.0.1:${server.address().port}/` });
}

if (process.argv[1] === new URL(import.meta.url).pathname) console.log((await fake('ok', Number(process.argv[2] ?? 8080))).url);
