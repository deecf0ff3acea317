// A proxy in front of a chain's RPC that fails as networks and public nodes do, by a seed, and tells when a question passes by: so
// that its asker can be killed before the question arrives, or after.
import http from 'node:http';

/** The same numbers for the same seed (mulberry32): a function of `below`. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const KINDS = ['lost question', 'lost answer', 'late', 'doubled', 'mixed up', 'cut', 'spoiled', 'html', 'busy', 'stale'];

export class Weather {
  faultsPerMille = 0;
  /** { method, nth, after, kill }: kill() is called when the nth question of that method arrives, or when it was passed on. */
  death = null;
  happened = new Map(KINDS.map((kind) => [kind, 0]));

  static async start(target, seed) {
    const weather = new Weather();
    weather.target = target;
    weather.random = randomOf(seed);
    weather.server = http.createServer((request, response) => weather.#serve(request, response).catch(() => response.destroy()));
    await new Promise((done) => weather.server.listen(0, '127.0.0.1', done));
    weather.url = `http://127.0.0.1:${weather.server.address().port}`;
    return weather;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }

  async #forward(question) {
    const answer = await fetch(this.target, { method: 'POST', body: question, headers: { 'content-type': 'application/json' } });
    return answer.text();
  }

  #fault() {
    if (this.random(1000) >= this.faultsPerMille) return null;
    const kind = KINDS[this.random(KINDS.length)];
    this.happened.set(kind, this.happened.get(kind) + 1);
    return kind;
  }

  /** True: its asker is dead, and gets no answer. */
  #dies(method, after) {
    const { death } = this;
    if (!death || death.method !== method || Boolean(death.after) !== after) return false;
    death.nth -= 1;
    if (death.nth > 0) return false;
    this.death = null;
    death.kill();
    return true;
  }

  async #serve(request, response) {
    const parts = [];
    for await (const part of request) parts.push(part);
    let question = Buffer.concat(parts).toString();
    const { method } = JSON.parse(question);
    const kind = this.#fault();
    const send = (status, type, text) => response.writeHead(status, { 'content-type': type }).end(text);
    if (this.#dies(method, false)) return response.destroy();
    if (kind === 'lost question') return response.destroy();
    if (kind === 'html') return send(200, 'text/html', '<html><body>Bad gateway</body></html>');
    if (kind === 'busy') return send(this.random(2) ? 429 : 503, 'text/plain', 'slow down');
    if (kind === 'late') await sleep(50 + this.random(300));
    if (kind === 'stale') question = await this.#older(question, method);
    if (kind === 'doubled') await this.#forward(question);
    const answer = await this.#forward(question);
    if (this.#dies(method, true) || kind === 'lost answer') return response.destroy();
    const earlier = this.earlier ?? answer;
    if (kind === null) this.earlier = answer;
    if (kind === 'mixed up') return send(200, 'application/json', earlier);
    if (kind === 'cut') return send(200, 'application/json', answer.slice(0, this.random(answer.length)));
    if (kind === 'spoiled') return send(200, 'application/json', answer.replace(/[0-9a-f]"/, 'z"'));
    return send(200, 'application/json', answer);
  }

  /** The same question to a node that is two blocks behind. */
  async #older(question, method) {
    if (!['eth_getBlockByNumber', 'eth_getTransactionCount', 'eth_call'].includes(method)) return question;
    const head = JSON.parse(await this.#forward(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] }))).result;
    return question.replace('"latest"', `"0x${Math.max(0, Number(head) - 2).toString(16)}"`);
  }
}
