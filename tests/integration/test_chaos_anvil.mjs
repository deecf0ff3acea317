// Goal: on a real chain, through a network that fails, with job and node killed by SIGKILL and the chain reorganized under them, nothing
// is done twice, nothing is lost, and the contract's balances are what the sent envelopes make them (CHAOS-001 to CHAOS-003).
// Method: two chains, of 50 ms and of a second a block, five runs on each: envelopes of one day, which are earned when they are
// stored; the job dies at questions that lie in each state of its journal, and is started again until all is settled and paid out.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { strict as assert } from 'node:assert';
import { generatePrivateKey } from 'viem/accounts';
import { Chain, sleep, until } from '../../examples/demo/chain.mjs';
import { makeEnvelopes } from '../../examples/demo/envelopes.mjs';
import { Network, NODE_ID, PROTOCOL_SHARE_BPS, run, TIMERS } from '../../examples/demo/network.mjs';
import { cBuildDir, contractsDir } from '../support/chain/paths.mjs';
import { Weather } from '../support/chain/weather.mjs';

const RUNS = 5; // on each chain
const ENVELOPES = 4; // in each run
const DEPOSIT = 5_000_000n;
const GRAINS_PER_UNIT = 1_000_000n;
const TURNS_MOST = 60;
const CHAOS_TURNS_MOST = 12; // of a run; then, or when the job died often enough, the weather is good
const DEATHS_WANTED = 2; // in a run
const DEATHS_LEAST = 3; // on a chain
const LANE = NODE_ID * 256;
const HUNDREDFOLD = 100_000_000_000; // wei per gas

// Where the job dies, and the state in which its journal has the transaction then.
const DEATHS = [
  { method: 'eth_estimateGas', nth: 1 }, // QUEUED
  { method: 'eth_sendRawTransaction', nth: 1 }, // SIGNED; no node has it
  { method: 'eth_sendRawTransaction', nth: 1, after: true }, // SIGNED; a node has it
  { method: 'eth_getTransactionReceipt', nth: 1 }, // SENT
  { method: 'eth_getTransactionReceipt', nth: 3 }, // SENT or MINED
  { method: 'eth_getTransactionReceipt', nth: 5, after: true }, // MINED
  { method: 'eth_getTransactionByHash', nth: 1 }, // SENT or UNKNOWN
  { method: 'eth_sendRawTransaction', nth: 2 }, // FINAL, and the next one SIGNED
  { method: 'eth_getBlockByNumber', nth: 9 },
  { method: 'eth_call', nth: 12 },
];

class World {
  static async start(name, blockSeconds, seed) {
    const world = new World();
    world.folder = fs.mkdtempSync(path.join(os.tmpdir(), `pennypost-chaos-${name}-`));
    world.name = name;
    world.chain = await Chain.start(world.folder, blockSeconds);
    world.network = new Network(world.folder, cBuildDir, world.chain);
    world.weather = await Weather.start(world.chain.url, seed);
    world.network.rpcUrl = world.weather.url;
    await world.network.deployContracts(contractsDir);
    await world.network.startNode();
    await world.open();
    world.spent = 0n;
    world.deaths = 0;
    world.waiting = [...DEATHS];
    return world;
  }

  async stop() {
    await this.network?.endNode('SIGKILL');
    this.weather?.stop();
    await this.chain?.stop();
  }

  sender(verb, ...args) {
    return this.network.pennypost(verb, ['--wallet', this.network.file('wallet'), ...args]);
  }

  async open() {
    const { network } = this;
    this.payer = await network.makeKey('payer.key');
    await network.fund(this.payer);
    await network.mint(this.payer, DEPOSIT);
    fs.mkdirSync(network.file('wallet'), { mode: 0o700 });
    await network.importKey(path.join('wallet', 'signer.key'), generatePrivateKey());
    const args = ['--node', network.url, '--rpc', this.chain.url, '--payer-key', network.file('payer.key'), '--deposit', '5.00'];
    this.channel = (await this.sender('open', ...args)).channel_id;
    await this.fresh();
  }

  lane() {
    return this.network.get(`/v1/channels/${this.channel}/lanes/${LANE}`);
  }

  /** The node takes stamps again. */
  fresh() {
    return until('the lane is active', async () => (await this.lane()).state === 'ACTIVE', 60);
  }

  async send(seed) {
    await this.fresh();
    const { lines } = makeEnvelopes(this.network.file(seed), ENVELOPES, seed);
    const manifest = this.network.file(`${seed}.list`);
    fs.writeFileSync(manifest, lines.map((line) => `${JSON.stringify({ ...JSON.parse(line), days: 1 })}\n`).join(''));
    const sent = await this.sender('send', '--manifest', manifest, '--batch', 4, '--patience', 60);
    assert.equal(sent.acknowledged, ENVELOPES);
    this.spent += BigInt(sent.postage_grains);
  }

  transactions() {
    return this.chain.read.getTransactionCount({ address: this.network.gasAccount });
  }

  /** One run of the job, which dies where it is told to. The exit status, or the signal. */
  async job(death) {
    const { network, weather } = this;
    const args = ['settle', '--data', network.dataDir, '--journal', network.jobDir, '--rpc', weather.url, '--key', network.file('gas.key'),
      '--passphrase-file', network.passphrase, '--json'];
    const done = await run(path.join(cBuildDir, 'pennypost'), args, {
      onStart: (child) => {
        weather.death = death && { ...death, kill: () => child.kill('SIGKILL') };
      },
    });
    weather.death = null;
    if (done.status === 'SIGKILL') this.deaths += 1;
    else assert.ok([0, 1, 3].includes(done.status), `the job ended with ${done.status}: ${done.stdout}${done.stderr}`);
    return done;
  }

  /** Takes a block away while the job runs, as soon as it has mined something. */
  async reorganizeDuring(job) {
    const before = await this.transactions();
    let over = false;
    job.finally(() => (over = true)).catch(() => {});
    while (!over && (await this.transactions()) === before) await sleep(20);
    if (!over) await this.chain.control.request({ method: 'anvil_reorg', params: [1, []] });
    return job;
  }

  async killNode() {
    await this.network.endNode('SIGKILL');
    await this.network.startNode();
  }

  async settled() {
    const { network } = this;
    const [received, claimed] = await network.call(network.escrow, 'pool');
    return received === this.spent / GRAINS_PER_UNIT && claimed === received;
  }

  /** A death that did not happen, because nothing came that far, is tried again later. */
  async deadlyJob() {
    const before = this.deaths;
    const done = await this.job(this.waiting[0]);
    const [first, ...others] = this.waiting;
    this.waiting = this.deaths > before && others.length > 0 ? others : [...others, first];
    return done;
  }

  async run(number) {
    const died = this.deaths;
    await this.send(`run-${number}`);
    this.weather.faultsPerMille = [0, 20, 50, 100, 200][number % 5];
    await this.chain.forward(TIMERS.epoch + 1);
    for (let turn = 0; !(await this.settled()); turn++) {
      assert.ok(turn < TURNS_MOST, `run ${number}: not settled after ${turn} runs of the job`);
      const calm = turn >= CHAOS_TURNS_MOST || this.deaths >= died + DEATHS_WANTED;
      if (calm) this.weather.faultsPerMille = 0;
      if (turn === 1) await this.killNode();
      if (turn === 2) await this.chain.control.setNextBlockBaseFeePerGas({ baseFeePerGas: BigInt(HUNDREDFOLD) });
      const job = calm ? this.job(null) : this.deadlyJob();
      const { status, stdout, stderr } = await (turn % 2 === 0 ? this.reorganizeDuring(job) : job);
      if (calm) assert.ok(status !== 1, `run ${number}: the job, in calm weather: ${stdout}${stderr}`);
      if (turn > 1) await this.chain.forward(TIMERS.vesting + 1);
      await sleep(200);
    }
    this.weather.faultsPerMille = 0;
    await this.check();
  }

  async check() {
    const { network } = this;
    const earned = this.spent / GRAINS_PER_UNIT;
    const lane = await network.call(network.escrow, 'laneOf', this.channel, LANE);
    assert.ok(lane.vested <= this.spent && lane.vested / GRAINS_PER_UNIT === earned, `vested ${lane.vested} of ${this.spent}`);
    const [operator, protocol] = [await network.balance(network.payee), await network.balance(network.treasury)];
    assert.equal(operator + protocol, earned);
    const share = (earned * BigInt(PROTOCOL_SHARE_BPS)) / 10000n;
    assert.ok(protocol <= share && protocol + 60n > share, `the protocol has ${protocol} of ${earned}`);
    assert.equal(await network.balance(network.escrow.address), DEPOSIT - earned);
    await this.checkEffects();
  }

  /** No report, no credit and no payout twice; every transaction of the account is one that the job knows the end of. */
  async checkEffects() {
    const { network } = this;
    const reports = (await network.events('ReportPosted')).map(({ args }) => args.reportHash);
    assert.equal(new Set(reports).size, reports.length);
    const credits = (await network.events('LaneSettled')).reduce((sum, { args }) => sum + args.credit, 0n);
    const payouts = (await network.events('PayoutClaimed')).reduce((sum, { args }) => sum + args.amount, 0n);
    const [received, claimed] = await network.call(network.escrow, 'pool');
    assert.deepEqual([credits, payouts], [received, claimed]);
    const calm = await this.job(null);
    assert.equal(calm.status, 3, `something is still due, or was left on its way: ${calm.stdout}${calm.stderr}`);
  }

  async end() {
    assert.equal(await this.network.endNode('SIGTERM'), 0);
    await this.network.pennypost('verify', ['--data', this.network.dataDir]);
  }
}

async function chaos(name, blockSeconds, seed) {
  let world;
  try {
    world = await World.start(name, blockSeconds, seed);
    for (let number = 0; number < RUNS; number++) {
      const began = Date.now();
      await world.run(number);
      console.log(`ok chaos_anvil__${name}__run_${number}__balances_as_sent (${((Date.now() - began) / 1000).toFixed(0)} s)`);
    }
    await world.end();
    assert.ok(world.deaths >= DEATHS_LEAST, `only ${world.deaths} deaths`);
    console.log(`ok chaos_anvil__${name}__killed_${world.deaths}_times__folder_verifies`);
    fs.rmSync(world.folder, { recursive: true, force: true });
  } catch (error) {
    console.log(`${error.stack}\nnot ok chaos_anvil__${name} (${world?.folder})`);
    process.exitCode = 1;
  } finally {
    await world?.stop();
  }
}

await Promise.all([chaos('fast_blocks', 0.05, 1), chaos('slow_blocks', 1, 2)]);
