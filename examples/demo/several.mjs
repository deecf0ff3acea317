// What the demo of several operators runs on: a daemon and a job for each, registered together, joined by wires that can be cut.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { deploy } from '../../settlement/contracts/deploy.mjs';
import { artifact } from '../../settlement/contracts/build.mjs';
import { CHAIN_ID, GivenUp, until } from './chain.mjs';
import { Network, PROTOCOL_SHARE_BPS, RATES, TIMERS } from './network.mjs';
import { Relay } from './relay.mjs';

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Several extends Network {
  /** `isolated`: the operators that can be cut off. */
  constructor(folder, binaries, chain, count, isolated) {
    super(folder, binaries, chain);
    this.ids = Array.from({ length: count }, (_, i) => i + 1);
    this.isolated = new Set(isolated);
    this.operators = new Map();
    this.relays = [];
  }

  /** As the command's answer says: the chain's node did not answer in time, nothing is lost, so once more. */
  async pennypost(verb, args, options = {}) {
    for (let tries = 5; ; tries--) {
      try {
        return await super.pennypost(verb, args, options);
      } catch (error) {
        if (tries === 0 || !error.message.includes('CHAIN_DOWN')) throw error;
      }
    }
  }

  async deployContracts(buildDir) {
    this.treasury = await this.makeKey('treasury.key');
    this.gasAccount = await this.makeKey('gas.key');
    await this.fund(this.gasAccount);
    for (const id of this.ids) {
      const secret = generatePrivateKey();
      await this.importKey(`operator-${id}.key`, secret);
      await this.makeKey(`receipts-${id}.key`, 'ed25519');
      const payee = privateKeyToAccount(generatePrivateKey()).address;
      const account = privateKeyToAccount(secret);
      this.operators.set(id, { id, secret, account, payee, lane: id * 256, port: await freePort(), dataDir: this.file(`node-${id}`) });
    }
    this.contracts = await deploy({
      rpc: this.chain.url,
      buildDir,
      config: {
        treasury: this.treasury,
        protocolShare: PROTOCOL_SHARE_BPS,
        timers: TIMERS,
        operators: [...this.operators.values()].map(({ id, account, payee }) => ({ nodeId: id, operatorKey: account.address, payee })),
      },
    });
    this.escrow = { address: this.contracts.contract, abi: artifact(buildDir, 'Pennypost').abi };
    this.token = { address: this.contracts.token, abi: artifact(buildDir, 'TestDollar').abi };
  }

  /** Where `from` finds `to`: over a wire that can be cut when one of them can be. */
  async #wire(from, to) {
    if (!this.isolated.has(from) && !this.isolated.has(to)) return this.operators.get(to).port;
    const relay = await Relay.start(this.operators.get(to).port);
    this.relays.push(relay);
    return relay.port;
  }

  async #writeConfigs() {
    fs.writeFileSync(this.file('rates.json'), JSON.stringify({ rates: RATES }));
    for (const operator of this.operators.values()) {
      const peers = [];
      for (const id of this.ids) {
        if (id === operator.id) continue;
        const port = await this.#wire(operator.id, id);
        peers.push({ node_id: id, shard: 0, operator: this.operators.get(id).account.address, url: `http://127.0.0.1:${port}` });
      }
      fs.writeFileSync(this.file(`peers-${operator.id}.json`), JSON.stringify({ peers }));
      const config = {
        data_dir: operator.dataDir,
        listen: `127.0.0.1:${operator.port}`,
        rpc_url: this.chain.url,
        chain_id: CHAIN_ID,
        contract: this.contracts.contract,
        start_block: this.contracts.deployBlock,
        token: this.contracts.token,
        node_id: operator.id,
        operator_key: this.file(`operator-${operator.id}.key`),
        receipt_key: this.file(`receipts-${operator.id}.key`),
        passphrase_file: this.passphrase,
        payee: operator.payee,
        treasury: this.treasury,
        rates_file: this.file('rates.json'),
        epoch_seconds: TIMERS.epoch,
        freshness_seconds: TIMERS.freshness,
        protocol_share_bps: PROTOCOL_SHARE_BPS,
        poll_ms: 300,
        tick_ms: 200,
        verify_threads: 1,
        clock_file: this.chain.clockFile,
        peers_file: this.file(`peers-${operator.id}.json`),
        peers_poll_ms: 200,
        epoch_turn_ms: 4000,
      };
      fs.writeFileSync(this.file(`node-${operator.id}.conf`), Object.entries(config).map(([key, value]) => `${key} = ${value}\n`).join(''));
    }
  }

  async startAll() {
    await this.#writeConfigs();
    for (const id of this.ids) await this.startOperator(id);
  }

  async startOperator(id) {
    const operator = this.operators.get(id);
    operator.log = this.file(`node-${id}.log`);
    const log = fs.openSync(operator.log, 'a');
    const node = spawn(path.join(this.binaries, 'pennypostd'), [this.file(`node-${id}.conf`)], { stdio: ['ignore', 'pipe', log] });
    fs.closeSync(log);
    operator.node = node;
    let said = '';
    node.stdout.on('data', (data) => (said += data));
    await until(`operator ${id} listens`, () => {
      if (node.exitCode !== null) throw new GivenUp(`pennypostd of operator ${id} ended with status ${node.exitCode}:\n${fs.readFileSync(operator.log, 'utf8')}`);
      return /^listening /m.test(said);
    }, 60);
    operator.url = `http://127.0.0.1:${operator.port}`;
  }

  endOperator(id, signal) {
    const { node } = this.operators.get(id);
    return new Promise((resolve) => {
      if (!node || node.exitCode !== null || node.signalCode) return resolve(node?.exitCode);
      node.once('exit', (status) => resolve(status));
      node.kill(signal);
    });
  }

  async endAll(signal) {
    const statuses = [];
    for (const id of this.operators.keys()) statuses.push(await this.endOperator(id, signal));
    for (const relay of this.relays) relay.stop();
    return statuses;
  }

  cut() {
    for (const relay of this.relays) relay.cut();
  }

  mend() {
    for (const relay of this.relays) relay.mend();
  }

  /** What an operator answers. */
  async ask(id, pathOf) {
    const response = await fetch(this.operators.get(id).url + pathOf);
    if (!response.ok) throw new Error(`GET ${pathOf} of operator ${id}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** One run of an operator's scheduled job. */
  settle(id) {
    const { dataDir } = this.operators.get(id);
    // 1: another operator's job was first, and the chain refused this one's; 4: it waits for the other's. The next run goes on.
    return this.pennypost('settle', ['--data', dataDir, '--journal', this.file(`job-${id}`), '--rpc', this.chain.url, '--key', this.file('gas.key')], { allowed: [0, 1, 3, 4] });
  }
}
