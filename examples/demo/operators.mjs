// The main job among operators that do not trust each other: ./dev demo --operators 5. A line a step; the last is "demo: ok".
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { generatePrivateKey } from 'viem/accounts';
import { CHAIN_ID, Chain, sleep, until } from './chain.mjs';
import { makeEnvelopes } from './envelopes.mjs';
import { Liar } from './liar.mjs';
import { TIMERS } from './network.mjs';
import { Several } from './several.mjs';

const GRAINS_PER_UNIT = 1000000n;
const DAY = 86400;
const DEPOSIT = 5_000_000n; // 5.00 each
const AT_ONCE = 4; // commands that run side by side: the machine has few cores, and the daemons need them

const dollars = (units) => `${units / 1000000n}.${String(units % 1000000n).padStart(6, '0')}`;
const money = (grains) => `${dollars(grains / GRAINS_PER_UNIT)}${String(grains % GRAINS_PER_UNIT).padStart(6, '0')}`;
const sum = (list, of) => list.reduce((total, entry) => total + of(entry), 0n);

function same(what, ...values) {
  const [first, ...others] = values.map(String);
  if (others.some((other) => other !== first)) throw new Error(`${what}: ${values.map(String).join(' is not ')}`);
}

/** All of `list`, AT_ONCE at a time. */
async function each(list, work) {
  const waiting = [...list];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

class Demo {
  constructor(options) {
    this.operatorCount = options.operators;
    this.senderCount = options.senders;
    this.envelopes = options.envelopes;
    this.options = options;
    this.began = Date.now();
    this.steps = 0;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pennypost-demo-'));
  }

  step(text) {
    this.steps += 1;
    console.log(`${String(this.steps).padStart(2)}  ${text}  (${((Date.now() - this.began) / 1000).toFixed(0)} s)`);
  }

  wallet(sender, verb, args = [], more = {}) {
    return this.network.pennypost(verb, ['--wallet', this.network.file(sender.name), ...args], more);
  }

  // ------------------------------------------------------------------------------------------------ beginning

  async begin() {
    this.chain = await Chain.start(this.folder);
    // The last two can be cut off from all others.
    const ids = Array.from({ length: this.operatorCount }, (_, i) => i + 1);
    this.cutOff = ids.slice(-2);
    this.network = new Several(this.folder, this.options.build, this.chain, this.operatorCount, this.cutOff);
    await this.network.deployContracts(this.options.contracts);
    await this.network.startAll();
    this.step(`a chain, the contracts and ${this.operatorCount} operators are up, each with a registered key and the others as peers`);
  }

  async openChannels() {
    const { network } = this;
    this.senders = Array.from({ length: this.senderCount }, (_, i) => ({ name: `sender-${i}`, operator: 1 + (i % this.operatorCount), postage: 0n }));
    await each(this.senders, async (sender) => {
      sender.payer = await network.makeKey(`${sender.name}-payer.key`);
      await network.fund(sender.payer);
      fs.mkdirSync(network.file(sender.name), { mode: 0o700 });
      await network.importKey(path.join(sender.name, 'signer.key'), generatePrivateKey());
    });
    for (const sender of this.senders) await network.mint(sender.payer, DEPOSIT); // one account mints: in order
    await each(this.senders, async (sender) => {
      const { url, lane } = network.operators.get(sender.operator);
      const opened = await this.wallet(sender, 'open', ['--node', url, '--rpc', this.chain.url, '--payer-key', network.file(`${sender.name}-payer.key`), '--deposit', dollars(DEPOSIT), '--lane', lane]);
      Object.assign(sender, { id: opened.channel_id, lane });
    });
    this.step(`${this.senderCount} senders opened a channel with ${dollars(DEPOSIT)} each, with one operator each`);
  }

  // ------------------------------------------------------------------------------------------------ sending

  manifest(name, lines) {
    const file = this.network.file(name);
    fs.writeFileSync(file, lines.join('\n') + '\n');
    return file;
  }

  async send(part) {
    await each(this.senders, async (sender) => {
      const lines = sender.lines[part];
      if (lines.length === 0) return;
      const receipts = this.network.file(`${sender.name}-receipts`);
      const sent = await this.wallet(sender, 'send', ['--manifest', this.manifest(`${sender.name}-${part}`, lines), '--stamp', 'batch', '--batch', 64, '--receipts', receipts, '--patience', 120]);
      same(`acknowledged to ${sender.name}`, sent.acknowledged, lines.length);
      sender.postage += BigInt(sent.postage_grains);
    });
  }

  async exchange() {
    const made = makeEnvelopes(this.network.file('envelopes'), this.envelopes, 'operators');
    const share = (i, lines) => lines.filter((_, k) => k % this.senderCount === i);
    const half = Math.floor(this.envelopes / 2);
    this.senders.forEach((sender, i) => {
      sender.lines = [share(i, made.lines.slice(0, half)), share(i, made.lines.slice(half))];
    });
    await this.send(0);
    this.step(`sent ${half} of ${this.envelopes} XMTP client envelopes, ${(made.bytes / 1e6).toFixed(1)} MB in all; the operators pull each other's journals`);

    this.network.cut();
    const epochOfCut = Math.floor((await this.chain.nowSeconds()) / TIMERS.epoch);
    await this.send(1);
    await this.chain.forward(2 * TIMERS.epoch);
    await sleep(3000);
    await this.network.settle(1);
    const posted = await this.network.events('ReportPosted');
    if (posted.some(({ args }) => Number(args.epoch) >= epochOfCut)) throw new Error('a report of an epoch in which two operators were cut off from the others');
    this.step(`operators ${this.cutOff.join(' and ')} were cut off while the rest was sent: no epoch of that time found the quorum of ${this.quorum()}`);
    this.network.mend();
    await this.settleUntil('a report after the partition', async () => (await this.network.events('ReportPosted')).some(({ args }) => Number(args.epoch) >= epochOfCut));
    const [report] = (await this.network.events('ReportPosted')).slice(-1);
    this.step(`they are back: the report of epoch ${report.args.epoch} was computed alike and signed by ${report.args.signers} of ${this.operatorCount}, and posted by whoever came first`);
  }

  quorum() {
    return Math.floor((2 * this.operatorCount) / 3) + 1;
  }

  /** Every operator's scheduled job, as timers would run them, with time moving in between, until `done` says so. */
  async settleUntil(what, done, turns = 40) {
    for (let turn = 0; turn < turns; turn++) {
      for (const id of this.network.ids) await this.network.settle(id);
      const answer = await done();
      if (answer) return answer;
      await this.chain.forward(TIMERS.vesting + 1);
      await sleep(2000);
    }
    throw new Error(`${what}: not after ${turns} runs of the jobs`);
  }

  // ------------------------------------------------------------------------------------------------ refunds

  async deleteEarly() {
    await this.chain.forward(3 * DAY);
    for (const id of this.network.ids) await until(`operator ${id} follows`, async () => (await this.network.ask(id, '/v1/status')).chain.fresh, 60);
    let deleted = 0;
    let refunded = 0n;
    await each(this.senders, async (sender) => {
      const receipts = fs.readFileSync(this.network.file(`${sender.name}-receipts`), 'utf8').trim().split('\n');
      const chosen = receipts.filter((line) => JSON.parse(line).days > 4).slice(0, Math.ceil(receipts.length / 20));
      if (chosen.length === 0) return;
      const done = await this.wallet(sender, 'delete', ['--list', this.manifest(`${sender.name}-deletions`, chosen)]);
      same(`deleted by ${sender.name}`, done.deleted, chosen.length);
      deleted += chosen.length;
      refunded += BigInt(done.refunded_grains);
    });
    this.step(`three days later deleted ${deletedText(deleted)} early and got the unused days back: ${money(refunded)}`);
  }

  // ------------------------------------------------------------------------------------------------ the liar

  async convictLiar() {
    const { network } = this;
    const operator = network.operators.get(this.operatorCount);
    const others = network.ids.filter((id) => id !== operator.id).map((id) => network.operators.get(id));
    const liar = new Liar({ operator, chainId: CHAIN_ID, contract: network.contracts.contract });
    const honest = await until(`a report that operator ${operator.id} signed`, async () => {
      const epoch = Math.floor((await this.chain.nowSeconds()) / TIMERS.epoch) - 1;
      return (await liar.honest(others[0].url, epoch)) ?? liar.honest(others[0].url, epoch - 1);
    }, 120, 500);
    const lie = await liar.lie(honest.report);
    const answers = [];
    for (const { url } of others) answers.push(await liar.propose(url, honest, lie));
    if (answers.some((answer) => ['READY', 'SIGNED'].includes(answer))) throw new Error(`somebody takes the lie: ${answers.join(', ')}`);
    same('signatures of others on the lie', await this.signaturesOf(lie.digest, honest.report.epoch, operator.id), 0);
    const file = network.file('liar.proof');
    await liar.proof(honest, lie, file);
    const convicted = await network.pennypost('evidence', ['verify', file]);
    same('whom the proof convicts', convicted.node_id, operator.id);
    this.step(`operator ${operator.id} signed and proposed another report of epoch ${honest.report.epoch}, with more for itself: the others answered ${[...new Set(answers)].join(', ')}, and its own two signatures convict it, offline`);
  }

  /** How many other operators signed that report. */
  async signaturesOf(digest, epoch, liar) {
    let found = 0;
    for (const id of this.network.ids) {
      const response = await fetch(`${this.network.operators.get(id).url}/v1/epochs/${epoch}`);
      const state = await response.json();
      for (const { report, signed_by: by } of state.reports ?? []) if (report === digest) found += by.filter((node) => node !== liar).length;
    }
    return found;
  }

  // ------------------------------------------------------------------------------------------------ leaving

  async leave() {
    const { network } = this;
    await this.settleUntil('the lanes', async () => (await network.events('LaneSettled')).length >= this.senderCount);
    const [received] = await network.call(network.escrow, 'pool');
    this.step(`reports vested, every lane settled: ${dollars(received)} in the pool`);
    const open = new Set(this.senders);
    const close = (sender) => this.wallet(sender, 'close', ['--rpc', this.chain.url, '--payer-key', network.file(`${sender.name}-payer.key`)], { allowed: [0, 3] });
    await each(this.senders, async (sender) => void (await close(sender)));
    await this.settleUntil('the releases', async () => {
      await each([...open], async (sender) => {
        if ((await close(sender)).status === 0) open.delete(sender);
      });
      return open.size === 0;
    });
    same('channels closed', (await network.events('ChannelClosed')).length, this.senderCount);
    this.step('all senders left together with their operators, and their channels closed at once');
    await this.settleUntil('the payouts', async () => {
      const [all, claimed] = await network.call(network.escrow, 'pool');
      return all === claimed;
    });
    this.step('every operator and the protocol withdrew');
  }

  // ------------------------------------------------------------------------------------------------ accounts

  /** One sender's numbers, as the sender, the operator and the chain have them. */
  async accountOf(sender) {
    const { network } = this;
    const { wallet, node } = await this.wallet(sender, 'status', [sender.id, '--rpc', this.chain.url]);
    const lane = await network.call(network.escrow, 'laneOf', sender.id, sender.lane);
    const [closed] = await network.events('ChannelClosed', { channelId: sender.id });
    const settled = (await network.events('LaneSettled', { channelId: sender.id })).at(-1).args;
    const spent = BigInt(wallet.spent_grains);
    const refunded = BigInt(wallet.refunded_grains);
    const back = await network.balance(sender.payer);
    same(`${sender.name}: spent`, spent, sender.postage, node.spent_grains, lane.spent);
    same(`${sender.name}: refunded`, refunded, node.refunded_grains, lane.refunded);
    same(`${sender.name}: earned`, spent - refunded, node.earned_grains, settled.earned, lane.vested);
    same(`${sender.name}: to the pool`, (spent - refunded) / GRAINS_PER_UNIT, closed.args.toPool);
    same(`${sender.name}: back`, DEPOSIT - closed.args.toPool, closed.args.toPayer, back);
    return { sender, spent, refunded, earned: spent - refunded, toPool: closed.args.toPool, back };
  }

  async reckon() {
    const { network } = this;
    const accounts = [];
    for (const sender of this.senders) accounts.push(await this.accountOf(sender));
    const [received, claimed] = await network.call(network.escrow, 'pool');
    same('the pool received', received, sum(accounts, ({ toPool }) => toPool));
    same('the pool paid out', claimed, received);
    same('what is left in the escrow', await network.balance(network.contracts.contract), 0);
    const payouts = new Map();
    for (const id of network.ids) {
      const { payouts: rows } = await network.pennypost('payout', ['--data', network.operators.get(id).dataDir], { allowed: [0, 3] });
      for (const row of rows) payouts.set(row.node_id, [...(payouts.get(row.node_id) ?? []), BigInt(row.cumulative_units)]);
    }
    const rows = [];
    for (const { id, payee } of network.operators.values()) {
      const own = accounts.filter(({ sender }) => sender.operator === id);
      const paid = await network.balance(payee);
      same(`operator ${id}: paid, as all operators and the chain have it`, paid, payouts.get(id).reduce((a, b) => (a > b ? a : b)));
      rows.push([`operator ${id}`, own.length, ...['spent', 'refunded', 'earned', 'toPool', 'back'].map((key) => sum(own, (account) => account[key])), paid]);
    }
    const protocol = await network.balance(network.treasury);
    same('the payouts make the pool', sum(rows, (row) => row.at(-1)) + protocol, received);
    return { accounts, rows, protocol };
  }

  print({ accounts, rows, protocol }) {
    const line = (cells, widths) => console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : String(cell).padStart(widths[i]))).join(''));
    const widths = [14, 9, 18, 18, 18, 14, 16, 14];
    console.log('');
    line(['', 'operator', 'spent', 'refunded', 'earned', 'to the pool', 'back'], widths);
    for (const { sender, spent, refunded, earned, toPool, back } of accounts) line([sender.name, sender.operator, money(spent), money(refunded), money(earned), dollars(toPool), dollars(back)], widths);
    console.log('');
    line(['', 'senders', 'spent', 'refunded', 'earned', 'to the pool', 'back', 'paid'], widths);
    for (const [name, count, spent, refunded, earned, toPool, back, paid] of rows) line([name, count, money(spent), money(refunded), money(earned), dollars(toPool), dollars(back), dollars(paid)], widths);
    line(['protocol', '', '', '', '', '', '', dollars(protocol)], widths);
    console.log('');
  }

  async end() {
    const statuses = await this.network.endAll('SIGTERM');
    same('the operators end with', statuses.join(), this.network.ids.map(() => 0).join());
    for (const id of this.network.ids) {
      const verified = await this.network.pennypost('verify', ['--data', this.network.operators.get(id).dataDir]);
      same(`findings of pennypost verify at operator ${id}`, verified.findings_count ?? 0, 0);
    }
    this.step(`pennypost verify: the journals of all ${this.operatorCount} operators recomputed, every invariant holds`);
  }

  async run() {
    await this.begin();
    await this.openChannels();
    await this.exchange();
    await this.deleteEarly();
    await this.convictLiar();
    await this.leave();
    this.print(await this.reckon());
    await this.end();
  }

  async stop(failed) {
    await this.network?.endAll('SIGKILL');
    await this.chain?.stop();
    if (this.options.keep || failed) console.log(`what it left: ${this.folder}`);
    else fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

const deletedText = (count) => `${count} envelope${count === 1 ? '' : 's'}`;

/** Returns the exit status. */
export async function runOperators(options) {
  const demo = new Demo(options);
  let status = 0;
  try {
    await demo.run();
  } catch (error) {
    status = 1;
    console.error(`demo: failed after step ${demo.steps}: ${error.message}`);
    if (process.env.DEMO_TRACE) console.error(error.stack);
  } finally {
    await demo.stop(status !== 0);
  }
  if (status === 0) console.log('demo: ok');
  return status;
}
