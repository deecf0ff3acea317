// A private test chain: anvil on loopback, on a port that the system chose, gone when the test is.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

// The binary of a chain tool (anvil, forge), from the npm package for this machine.
export function toolBinary(name) {
  const machine = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return join(dirname(require.resolve(`@foundry-rs/${name}-${machine}/package.json`)), 'bin', name);
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function rpcCall(url, method, params = []) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const { result, error } = await response.json();
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

async function started(child, url) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`anvil ended with status ${child.exitCode}`);
    try {
      await rpcCall(url, 'eth_chainId');
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((done) => setTimeout(done, 25));
    }
  }
}

export async function startAnvil(options = []) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(toolBinary('anvil'), ['--host', '127.0.0.1', '--port', String(port), '--silent', ...options], {
    stdio: 'ignore',
  });
  const stop = () => child.exitCode === null && child.kill('SIGTERM');
  process.once('exit', stop);
  await started(child, url);
  return {
    url,
    rpc: (method, ...params) => rpcCall(url, method, params),
    stop() {
      process.removeListener('exit', stop);
      if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
      const gone = new Promise((done) => child.once('exit', done));
      stop();
      return gone;
    },
  };
}
