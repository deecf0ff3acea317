// What stands between a node and its chain on a bad day: an HTTP proxy in front of the RPC that answers with 503 or HTML, or passes
// transactions on and loses the answers.
import http from 'node:http';

export class BadNetwork {
  /** 'good', 'busy', 'html', 'deaf' (answers to transactions are lost) */
  mode = 'good';
  questions = 0;
  harmed = 0;

  static async start(target) {
    const network = new BadNetwork();
    network.target = target;
    network.server = http.createServer((request, response) => network.#serve(request, response));
    await new Promise((done) => network.server.listen(0, '127.0.0.1', done));
    network.url = `http://127.0.0.1:${network.server.address().port}`;
    return network;
  }

  async #serve(request, response) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    this.questions += 1;
    if (this.mode === 'busy') return this.#harm(response, 503, 'text/plain', 'slow down');
    if (this.mode === 'html') return this.#harm(response, 200, 'text/html', '<html><body>Welcome to our hotel</body></html>');
    try {
      const answer = await fetch(this.target, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
      const text = await answer.text();
      if (this.mode === 'deaf' && body.includes('eth_sendRawTransaction')) return this.#harm(response, 502, 'text/plain', 'lost');
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
    } catch {
      response.destroy();
    }
  }

  #harm(response, status, type, text) {
    this.harmed += 1;
    response.writeHead(status, { 'content-type': type }).end(text);
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
