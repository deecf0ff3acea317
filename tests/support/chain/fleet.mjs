// Several pennypostd on loopback over one chain, with keys made of their names, each the others' peer; and pennypost beside them.
// Everything stands in one folder, which goes with the process unless it failed; so do the processes.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPublicClient, createWalletClient, http, keccak256, stringToHex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { artifact } from '../../../settlement/contracts/build.mjs';
import { deploy } from '../../../settlement/contracts/deploy.mjs';
import { receiptOf } from '../../../settlement/contracts/receipt.mjs';
import { cBuildDir, contractsDir } from './paths.mjs';

export const addressOf = (key) => privateKeyToAccount(key).address;

export async function until(what, look, seconds = 120) {
  for (const end = Date.now() + seconds * 1000; ; ) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((done) => setTimeout(done, 30));
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

export class Fleet {
  // name: of the test, and what its keys are made of. ids: the nodes. timers: the contract's, beside what all have.
  constructor(name, ids, timers = {}) {
    this.name = name;
    this.ids = ids;
    this.timers = { freshness: 30, replication: 5, epoch: 60, missedEpochs: 1, signing: 20, vesting: 100, claimMargin: 30, challenge: 600, ...timers };
    this.folder = mkdtempSync(join(tmpdir(), `pennypost-${name}-`));
    this.children = new Set();
    this.ports = {};
    this.nodes = {};
    process.on('exit', () => {
      for (const child of this.children) child.kill('SIGKILL');
      if (!process.exitCode) rmSync(this.folder, { recursive: true, force: true });
    });
  }

  file(name) {
    return join(this.folder, name);
  }

  keyOf(name) {
    return keccak256(stringToHex(`${this.name}: ${name}`));
  }

  // ---- programs

  start(program, args) {
    const child = spawn(join(cBuildDir, program), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const run = { child, out: '', err: '' };
    this.children.add(child);
    child.stdout.on('data', (data) => (run.out += data));
    child.stderr.on('data', (data) => (run.err += data));
    run.ended = new Promise((done) => child.on('close', (status, signal) => {
      this.children.delete(child);
      done({ status, signal, out: run.out, err: run.err });
    }));
    return run;
  }

  async command(verb, ...args) {
    const end = await this.start('pennypost', [verb, ...args, '--json', '--passphrase-file', this.file('pass')]).ended;
    return { ...end, answer: end.out ? JSON.parse(end.out) : undefined };
  }

  async pennypost(verb, ...args) {
    const end = await this.command(verb, ...args);
    if (end.status !== 0) throw new Error(`pennypost ${verb} ${args.join(' ')}: ${end.out}${end.err}`);
    return end.answer;
  }

  async importKey(path, kind, name) {
    writeFileSync(this.file('hex'), this.keyOf(name).slice(2), { mode: 0o600 });
    await this.pennypost('keygen', '--kind', kind, '--quick', '--import', this.file('hex'), this.file(path));
    rmSync(this.file('hex'));
  }

  // ---- the chain, and what the nodes need before they start

  async prepare(anvil) {
    const operatorOf = (id) => addressOf(this.keyOf(`operator ${id}`));
    this.anvil = anvil;
    this.deployment = await deploy({
      rpc: anvil.url,
      buildDir: contractsDir,
      config: {
        treasury: addressOf(this.keyOf('treasury')), protocolShare: 500, timers: this.timers,
        operators: this.ids.map((id) => ({ nodeId: id, operatorKey: operatorOf(id), payee: operatorOf(id) })),
      },
    });
    const chain = { id: this.deployment.chainId, name: 'test', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [anvil.url] } } };
    this.reading = createPublicClient({ chain, transport: http(anvil.url), pollingInterval: 50, cacheTime: 0 });
    this.wallet = createWalletClient({ account: this.deployment.deployer, chain, transport: http(anvil.url) });
    this.token = { address: this.deployment.token, abi: artifact(contractsDir, 'TestDollar').abi };
    this.escrow = { address: this.deployment.contract, abi: artifact(contractsDir, 'Pennypost').abi };
    writeFileSync(this.file('pass'), 'a local chain needs no secrets\n', { mode: 0o600 });
    writeFileSync(this.file('rates.json'), JSON.stringify({ rates: [{ version: 1, start_ms: 0, base: '1000', storage: '2', congestion: '0', target_per_minute: 100000, bonds: [] }] }));
    for (const id of this.ids) {
      await this.importKey(`operator-${id}.key`, 'secp256k1', `operator ${id}`);
      await this.importKey(`receipt-${id}.key`, 'ed25519', `receipt ${id}`);
      this.ports[id] = await freePort();
    }
  }

  // An account with gas, whose key is in NAME.key.
  async account(name) {
    const address = addressOf(this.keyOf(name));
    await this.anvil.rpc('anvil_setBalance', address, '0xde0b6b3a7640000');
    await this.importKey(`${name}.key`, 'secp256k1', name);
    return address;
  }

  async mint(address) {
    await receiptOf(this.reading, await this.wallet.writeContract({ ...this.token, functionName: 'mint', args: [address, 10n ** 12n] }));
  }

  // peers: node ids, or [node id, operator] where it is to be taken for another's. more: keys of the configuration beside what all have.
  writeConfig(id, { peers = this.ids.filter((other) => other !== id), ...more } = {}) {
    writeFileSync(this.file(`peers-${id}.json`), JSON.stringify({
      peers: peers.map((peer) => {
        const [node, operator] = Array.isArray(peer) ? peer : [peer, addressOf(this.keyOf(`operator ${peer}`))];
        return { node_id: node, shard: 0, operator, url: `http://127.0.0.1:${this.ports[node] ?? 1}` };
      }),
    }));
    const keys = {
      data_dir: this.file(`data-${id}`), listen: `127.0.0.1:${this.ports[id]}`, rpc_url: this.anvil.url,
      chain_id: this.deployment.chainId, contract: this.deployment.contract, token: this.deployment.token, node_id: id,
      operator_key: this.file(`operator-${id}.key`), receipt_key: this.file(`receipt-${id}.key`), passphrase_file: this.file('pass'),
      payee: addressOf(this.keyOf(`operator ${id}`)), treasury: addressOf(this.keyOf('treasury')), rates_file: this.file('rates.json'),
      epoch_seconds: this.timers.epoch, freshness_seconds: this.timers.freshness, protocol_share_bps: 500,
      map_mib: 256, poll_ms: 100, tick_ms: 100, verify_threads: 1,
      peers_file: this.file(`peers-${id}.json`), peers_poll_ms: 30, peers_map_mib: 256, ...more,
    };
    writeFileSync(this.file(`node-${id}.conf`), Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`).join(''));
  }

  // ---- nodes

  async startNode(id) {
    const node = this.start('pennypostd', [this.file(`node-${id}.conf`)]);
    node.ended.then((end) => { if (end.status) console.log(`pennypostd ${id} ended with status ${end.status}: ${end.err.slice(-3000)}`); });
    await Promise.race([
      until('listening', () => node.out.includes('\n')),
      node.ended.then((end) => { throw new Error(`pennypostd ${id} ended with status ${end.status}: ${end.err}`); }),
    ]);
    node.url = `http://${node.out.trim().split(' ')[1]}`;
    this.nodes[id] = node;
    return node;
  }

  async killNode(id) {
    this.nodes[id].child.kill('SIGKILL');
    await this.nodes[id].ended;
  }
}
