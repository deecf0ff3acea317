// What the demo runs on: keys, the contracts on the chain, the node's daemon, and the `pennypost` command.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { createWalletClient, http } from 'viem';
import { deploy } from '../../settlement/contracts/deploy.mjs';
import { artifact } from '../../settlement/contracts/build.mjs';
import { receiptOf } from '../../settlement/contracts/receipt.mjs';
import { CHAIN_ID, GivenUp, until } from './chain.mjs';

export const NODE_ID = 1;
export const PROTOCOL_SHARE_BPS = 250;

// Seconds; the contract checks that they leave everybody enough time.
export const TIMERS = { freshness: 60, replication: 5, epoch: 30, missedEpochs: 1, signing: 900, vesting: 20, claimMargin: 30, challenge: 1200 };

// Grains (a million millionth of a dollar): 0.0002 a message, 0.000000002 a byte and day.
export const RATES = [{ version: 1, start_ms: 0, base: '200000000', storage: '2000', congestion: '50000', target_per_minute: 3000, bonds: [] }];

/** Runs a program to its end: { status, stdout, stderr }. */
export function run(program, args, { onStart } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status: status ?? signal, stdout, stderr }));
    onStart?.(child);
  });
}

export class Network {
  constructor(folder, binaries, chain) {
    this.folder = folder;
    this.binaries = binaries;
    this.chain = chain;
    this.passphrase = path.join(folder, 'passphrase');
    this.dataDir = path.join(folder, 'node');
    this.jobDir = path.join(folder, 'job');
    fs.writeFileSync(this.passphrase, 'a local chain needs no secrets\n', { mode: 0o600 });
  }

  file(name) {
    return path.join(this.folder, name);
  }

  /** `pennypost VERB ... --json`, parsed. Throws unless it ends with one of `allowed`. */
  async pennypost(verb, args, { allowed = [0], ...options } = {}) {
    const all = [verb, ...args, '--json', '--passphrase-file', this.passphrase];
    const done = await run(path.join(this.binaries, 'pennypost'), all, options);
    if (!allowed.includes(done.status)) {
      throw new Error(`pennypost ${all.join(' ')}\nended with ${done.status}:\n${done.stdout}${done.stderr}`);
    }
    return { status: done.status, ...(done.stdout.trim() ? JSON.parse(done.stdout) : {}) };
  }

  async makeKey(name, kind = 'secp256k1') {
    const made = await this.pennypost('keygen', ['--kind', kind, '--quick', this.file(name)]);
    return made.address ?? made.public_key;
  }

  /** A key file of a secret that the demo knows. */
  async importKey(name, secret) {
    const plain = this.file(`secret-of-${name.replaceAll('/', '-')}`);
    fs.writeFileSync(plain, `${secret}\n`, { mode: 0o600 });
    const made = await this.pennypost('keygen', ['--quick', '--import', plain, this.file(name)]);
    fs.rmSync(plain);
    return made.address;
  }

  /** operatorSecret: where the operator's key must do more than the node does with it. */
  async deployContracts(buildDir, operatorSecret) {
    this.operator = operatorSecret ? await this.importKey('operator.key', operatorSecret) : await this.makeKey('operator.key');
    this.treasury = await this.makeKey('treasury.key');
    this.payee = await this.makeKey('payee.key');
    this.gasAccount = await this.makeKey('gas.key');
    await this.makeKey('receipts.key', 'ed25519');
    await this.fund(this.gasAccount);
    this.contracts = await deploy({
      rpc: this.chain.url,
      buildDir,
      config: {
        treasury: this.treasury,
        protocolShare: PROTOCOL_SHARE_BPS,
        timers: TIMERS,
        operators: [{ nodeId: NODE_ID, operatorKey: this.operator, payee: this.payee }],
      },
    });
    this.escrow = { address: this.contracts.contract, abi: artifact(buildDir, 'Pennypost').abi };
    this.token = { address: this.contracts.token, abi: artifact(buildDir, 'TestDollar').abi };
  }

  /** Test dollars. */
  async mint(to, amount) {
    const wallet = createWalletClient({ account: this.contracts.deployer, transport: http(this.chain.url) });
    const hash = await wallet.writeContract({ ...this.token, functionName: 'mint', args: [to, amount], chain: null });
    await receiptOf(this.chain.read, hash);
  }

  /** A call to the escrow by anybody, mined. */
  async write(functionName, ...args) {
    const wallet = createWalletClient({ account: this.contracts.deployer, transport: http(this.chain.url) });
    const hash = await wallet.writeContract({ ...this.escrow, functionName, args, chain: null });
    const receipt = await receiptOf(this.chain.read, hash);
    if (receipt.status !== 'success') throw new Error(`${functionName}: transaction ${hash} reverted`);
  }

  async fund(address) {
    await this.chain.control.setBalance({ address, value: 10n ** 18n });
  }

  /** What a contract answers at the latest block. */
  call(contract, functionName, ...args) {
    return this.chain.read.readContract({ ...contract, functionName, args });
  }

  balance(address) {
    return this.call(this.token, 'balanceOf', address);
  }

  events(eventName, args = {}) {
    return this.chain.read.getContractEvents({ ...this.escrow, eventName, args, fromBlock: 0n });
  }

  writeConfig() {
    fs.writeFileSync(this.file('rates.json'), JSON.stringify({ rates: RATES }));
    const config = {
      data_dir: this.dataDir,
      listen: `127.0.0.1:${this.port ?? 0}`,
      rpc_url: this.rpcUrl ?? this.chain.url,
      chain_id: CHAIN_ID,
      contract: this.contracts.contract,
      start_block: this.contracts.deployBlock,
      token: this.contracts.token,
      node_id: NODE_ID,
      operator_key: this.file('operator.key'),
      receipt_key: this.file('receipts.key'),
      passphrase_file: this.passphrase,
      payee: this.payee,
      treasury: this.treasury,
      rates_file: this.file('rates.json'),
      epoch_seconds: TIMERS.epoch,
      freshness_seconds: TIMERS.freshness,
      protocol_share_bps: PROTOCOL_SHARE_BPS,
      poll_ms: 200,
      tick_ms: 100,
      clock_file: this.chain.clockFile,
    };
    fs.writeFileSync(this.file('pennypostd.conf'), Object.entries(config).map(([key, value]) => `${key} = ${value}\n`).join(''));
  }

  /** Starts the daemon; again on the same port, so that senders find it. */
  async startNode() {
    this.writeConfig();
    const log = fs.openSync(this.file('pennypostd.log'), 'a');
    const node = spawn(path.join(this.binaries, 'pennypostd'), [this.file('pennypostd.conf')], { stdio: ['ignore', 'pipe', log] });
    fs.closeSync(log);
    this.node = node;
    let said = '';
    node.stdout.on('data', (data) => (said += data));
    this.port = await until('pennypostd listens', () => {
      if (node.exitCode !== null) throw new GivenUp(`pennypostd ended with status ${node.exitCode}:\n${fs.readFileSync(this.file('pennypostd.log'), 'utf8')}`);
      return said.match(/^listening .*:(\d+)$/m)?.[1];
    }, 30);
    this.url = `http://127.0.0.1:${this.port}`;
  }

  endNode(signal) {
    return new Promise((resolve) => {
      if (!this.node || this.node.exitCode !== null || this.node.signalCode) return resolve(this.node?.exitCode);
      this.node.once('exit', (status) => resolve(status));
      this.node.kill(signal);
    });
  }

  async get(pathOf) {
    const response = await fetch(this.url + pathOf);
    if (!response.ok) throw new Error(`GET ${pathOf}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}
