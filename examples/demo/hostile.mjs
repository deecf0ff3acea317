// ./dev demo --hostile: the sender, the operator, the quorum, the network and the chain each do their worst, one after the other.
// Every attempt is a real call to the real parts; what the contract or the node answers is compared, and so is every balance.
import fs from 'node:fs';
import { decodeErrorResult, encodeFunctionData } from 'viem';
import { generatePrivateKey } from 'viem/accounts';
import { BadNetwork } from './bad_network.mjs';
import { sleep, until } from './chain.mjs';
import { makeEnvelopes } from './envelopes.mjs';
import { NODE_ID, TIMERS } from './network.mjs';
import { lanesRoot, NO_REFUND, payoutRoot, Signer } from './villains.mjs';

const GRAINS_PER_UNIT = 1000000n;
const DAY = 86400;
const DEPOSIT = 5_000_000n; // 5.00
const ENVELOPES = 60;
const DELETED = 6;

export const operatorSecret = generatePrivateKey();

export async function hostile({ chain, network, step, same, dollars, money, openChannel, manifestPart }) {
  const attempt = (who, what) => console.log(`\n    ${who} ${what}`);
  const defense = (text) => console.log(`      -> ${text}`);

  const sender = (name, verb, args = [], more = {}) => network.pennypost(verb, ['--wallet', network.file(name), ...args], more);
  const look = (channel) => network.get(`/v1/channels/${channel.id}/lanes/${channel.lane}`);
  const pool = async () => {
    const [received, claimed] = await network.call(network.escrow, 'pool');
    return { received, claimed };
  };
  const transactions = () => chain.read.getTransactionCount({ address: network.gasAccount });
  const mined = (eventName, channel) => network.events(eventName, channel ? { channelId: channel.id } : {});

  /** What the contract answers to this call from anybody: the name and the values of its error, or "taken". */
  async function asked(functionName, ...args) {
    const data = encodeFunctionData({ abi: network.escrow.abi, functionName, args });
    try {
      await chain.read.call({ account: network.payee, to: network.escrow.address, data });
      return 'taken';
    } catch (error) {
      const raw = error.walk?.((e) => typeof e.data === 'string')?.data;
      if (!raw) throw error;
      const { errorName, args: values = [] } = decodeErrorResult({ abi: network.escrow.abi, data: raw });
      return `${errorName}(${values.join(', ')})`;
    }
  }

  function refused(answer, errorName) {
    if (!answer.startsWith(`${errorName}(`)) throw new Error(`the contract answered ${answer}, not ${errorName}`);
    defense(`the contract: ${answer}`);
  }

  const settleArgs = () => ['--data', network.dataDir, '--journal', network.jobDir, '--rpc', network.rpcUrl, '--key', network.file('gas.key')];
  const settle = (more = [], allowed = [0, 3]) => network.pennypost('settle', [...settleArgs(), ...more], { allowed });

  async function settleUntil(what, done) {
    for (let turn = 0; turn < 40; turn++) {
      await settle();
      const answer = await done();
      if (answer) return answer;
      await chain.forward(TIMERS.vesting + 1);
      await sleep(1500);
    }
    throw new Error(`${what}: not after 40 runs of the job`);
  }

  async function opened(name) {
    const channel = await openChannel(name, DEPOSIT);
    channel.config = { payer: channel.payer, signer: (await mined('ChannelOpened', channel))[0].args.signer, nonce: 0n };
    await until('the node sees the channel final', async () => (await look(channel)).state === 'ACTIVE');
    return channel;
  }

  async function send(name, count, seed) {
    const made = makeEnvelopes(network.file(`${seed}-envelopes`), count, seed);
    const receipts = network.file(`${name}-receipts`);
    await sender(name, 'send', ['--manifest', manifestPart(`${seed}-list`, made.lines), '--receipts', receipts, '--batch', 16]);
    return receipts;
  }

  /** A sender takes all that it can, then leaves without paying. */
  async function closeInDebt() {
    step(`alice opens a channel with ${dollars(DEPOSIT)} and sends ${ENVELOPES} envelopes`);
    const alice = await opened('alice');
    await send('alice', ENVELOPES, 'alice');
    const debt = BigInt((await look(alice)).spent);
    const close = (allowed) => sender('alice', 'close', ['--alone', '--rpc', chain.url, '--payer-key', network.file('alice-payer.key')], { allowed });

    attempt('alice', `owes ${money(debt)} and closes alone, to have all of her deposit back`);
    await close([0, 3]);
    await until('the node hears of it', async () => (await look(alice)).state === 'DRAINING');
    defense('the node saw the request in the latest block, and admits nothing more');
    attempt('alice', 'takes her deposit at once');
    refused(await asked('finalizeClose', alice.config), 'CloseTooEarly');

    await settleUntil('what alice owes', async () => (await mined('LaneSettled', alice)).length > 0);
    const { vested } = await network.call(network.escrow, 'laneOf', alice.id, alice.lane);
    defense(`the challenge period is long enough: the job reported, waited and settled ${money(vested)} before it was over`);
    await chain.forward(TIMERS.challenge + 1);
    await close([0]);
    alice.earned = vested;
    same('what alice has back', await network.balance(alice.payer), DEPOSIT - vested / GRAINS_PER_UNIT);
    defense(`she closed with ${dollars(await network.balance(alice.payer))}: the unused days are hers, what was stored is not`);
    return alice;
  }

  /** An operator deletes, signs the refund, and then acts as if it had not. */
  async function hideRefund() {
    step(`bob opens a channel with ${dollars(DEPOSIT)}, sends ${ENVELOPES} envelopes, and deletes ${DELETED} of them three days later`);
    const bob = await opened('bob');
    const receipts = await send('bob', ENVELOPES, 'bob');
    await chain.forward(3 * DAY);
    await until('the node follows', async () => (await network.get('/v1/status')).chain.fresh, 30);
    const days = fs.readFileSync(receipts, 'utf8').trim().split('\n').filter((line) => JSON.parse(line).days > 4);
    await sender('bob', 'delete', ['--list', manifestPart('bob-deletions', days.slice(0, DELETED))]);
    await send('bob', 1, 'bob-more');
    const { wallet } = await sender('bob', 'status', [bob.id, '--rpc', chain.url]);
    bob.spent = BigInt(wallet.spent_grains);
    bob.refunded = BigInt(wallet.refunded_grains);
    const place = { channelId: bob.id, lane: bob.lane };
    const signer = new Signer(network.escrow.address, bob.signerKey);
    bob.operator = new Signer(network.escrow.address, operatorSecret);
    bob.voucher = await signer.voucher({ ...place, spent: bob.spent, refundAck: bob.refunded });

    attempt('the operator', `keeps the refund of ${money(bob.refunded)} to itself and posts bob's newest voucher alone`);
    refused(await asked('postVoucher', bob.config, bob.lane, bob.voucher, NO_REFUND), 'RefundMissing');
    attempt('the operator', 'posts it with a smaller refund, signed with its own key');
    const smaller = await bob.operator.refund({ ...place, refunded: bob.refunded - 1n });
    refused(await asked('postVoucher', bob.config, bob.lane, bob.voucher, smaller), 'RefundMissing');
    attempt('the operator', "changes what bob's voucher acknowledges");
    const changed = { ...bob.voucher, refundAck: 0n };
    refused(await asked('postVoucher', bob.config, bob.lane, changed, NO_REFUND), 'InvalidSignature');
    defense('a voucher counts only together with the refund that it acknowledges');
    return bob;
  }

  async function failNetwork(bob) {
    step('the RPC fails under node and job');
    const before = await transactions();
    attempt('the RPC', 'answers everything with 503, then with a hotel\'s login page, while the job runs');
    for (const mode of ['busy', 'html']) {
      network.rpc.mode = mode;
      const { status, error } = await settle(['--chain-wait', 0], [1]);
      defense(`the job: ${error?.name ?? error ?? `status ${status}`}; nothing sent`);
    }
    same('transactions sent meanwhile', await transactions(), before);
    attempt('time', `goes on for longer than a view may be old (${TIMERS.freshness} s)`);
    await chain.forward(TIMERS.freshness + 1);
    await until('the node knows that its view is old', async () => !(await network.get('/v1/status')).chain.fresh, 30);
    defense('the node froze its lanes: it admits nothing on a view of yesterday');
    network.rpc.mode = 'deaf';
    await until('the node is back', async () => (await network.get('/v1/status')).chain.fresh, 90);

    attempt('the RPC', 'is back, but takes transactions and loses every answer to them');
    const [sentBefore, settledBefore] = [await transactions(), (await mined('LaneSettled', bob)).length];
    await settleUntil("bob's lane", async () => (await mined('LaneSettled', bob)).length > settledBefore);
    const events = await chain.read.getContractEvents({ ...network.escrow, fromBlock: 0n });
    const [sent, told] = [(await transactions()) - sentBefore, network.rpc.harmed];
    const own = new Set(events.filter(({ eventName }) => ['ReportPosted', 'LaneSettled', 'PayoutClaimed'].includes(eventName)).map(({ transactionHash }) => transactionHash));
    same('transactions, and those with an effect', await transactions(), own.size);
    defense(`${told} answers were lost; ${sent} transactions, each sent again byte for byte until it was found mined, each with its effect once`);
    network.rpc.mode = 'good';
  }

  async function reorganizeChain(bob) {
    step('the chain reorganizes under node and job');
    await send('bob', 4, 'bob-late');
    const before = await transactions();
    for (let turn = 0, undone = 0; undone === 0; turn++) {
      if (turn === 40) throw new Error('the job sent nothing to reorganize');
      const running = settle();
      let over = false;
      running.finally(() => (over = true)).catch(() => {});
      while (!over && undone === 0) {
        if ((await transactions()) > before) {
          attempt('the chain', 'drops the block with the transaction that the job has just seen mined');
          await chain.control.request({ method: 'anvil_reorg', params: [1, []] });
          undone = before + 1 - (await transactions());
        }
        await sleep(20);
      }
      await running;
      if (undone === 0) {
        await chain.forward(TIMERS.vesting + 1);
        await sleep(1500);
      }
    }
    if ((await transactions()) <= before) throw new Error('what the reorganization took was not sent again');
    const own = await mined('ReportPosted');
    same('reports, and different ones', own.length, new Set(own.map(({ args }) => args.reportHash)).size);
    defense('the job found its block gone, sent the same bytes again, and called it done only when it was final');
    const state = (await look(bob)).state;
    same("bob's lane", state, 'ACTIVE');
    defense('the node believes money when its block is final, so it had nothing to take back');
  }

  /** More than two thirds of the operators, here the only one, sign what they like. */
  async function overclaim(bob) {
    step('the quorum turns dishonest; the honest node and job are stopped');
    const { wallet } = await sender('bob', 'status', [bob.id, '--rpc', chain.url]);
    bob.spent = BigInt(wallet.spent_grains);
    bob.refunded = BigInt(wallet.refunded_grains);
    same('the node ends with', await network.endNode('SIGTERM'), 0);
    const verified = await network.pennypost('verify', ['--data', network.dataDir]);
    defense(`pennypost verify: ${verified.records ?? 'all'} records recomputed, every invariant holds`);

    const signer = new Signer(network.escrow.address, bob.signerKey);
    const place = { channelId: bob.id, lane: bob.lane };
    const wanted = 1_000_000_000_000n;
    const leaf = { spent: bob.spent, refunded: bob.refunded, earned: DEPOSIT * GRAINS_PER_UNIT, forfeited: 0n, owed: 0n };
    const last = await network.call(network.escrow, 'lastReport');
    const [setHash, nodeIds, keys] = await network.call(network.escrow, 'operatorSet');
    await chain.forward(2 * TIMERS.epoch);
    const block = await chain.read.getBlock({ blockTag: 'finalized' });
    const report = {
      epoch: block.timestamp / BigInt(TIMERS.epoch), previous: last.reportHash, blockNumber: block.number, lanesRoot: lanesRoot({ ...place, leaf }),
      payoutRoot: payoutRoot({ nodeId: NODE_ID, payee: network.payee, amount: wanted }), payoutTotal: wanted, operatorSet: setHash, endTime: block.timestamp,
    };
    if (report.epoch <= last.epoch || report.blockNumber <= last.blockNumber || report.endTime <= last.endTime) throw new Error('the forged report is too old');
    const signatures = [await bob.operator.report(report)];
    attempt('the quorum', `signs that it earned all of bob's ${dollars(DEPOSIT)}, and that ${dollars(wanted)} are to be paid out`);
    await network.write('postReport', report, nodeIds, keys, signatures);
    const claim = {
      config: bob.config, lane: bob.lane, leaf, proof: [],
      voucher: await signer.voucher({ ...place, spent: bob.spent, refundAck: bob.refunded }),
      refund: await bob.operator.refund({ ...place, refunded: bob.refunded }),
    };
    refused(await asked('settle', report, [claim]), 'ReportNotVested');
    defense('for the length of the window everybody can see it, and leave');
    await chain.forward(TIMERS.vesting + 1);
    await network.write('settle', report, [claim]);
    const { vested } = await network.call(network.escrow, 'laneOf', bob.id, bob.lane);
    same('what the quorum gets of bob', vested, bob.spent - bob.refunded);
    bob.earned = vested;
    defense(`the contract credits ${money(vested)}: what bob signed less his refunds, and not a grain more`);
    attempt('the quorum', `withdraws ${dollars(wanted)}`);
    refused(await asked('claimPayout', report, NODE_ID, network.payee, wanted, []), 'PoolExceeded');
    const { received, claimed } = await pool();
    defense(`the pool pays what it received, ${dollars(received)}, of which ${dollars(received - claimed)} are left`);

    const close = (allowed) => sender('bob', 'close', ['--alone', '--rpc', chain.url, '--payer-key', network.file('bob-payer.key')], { allowed });
    await close([0, 3]);
    await chain.forward(TIMERS.challenge + 1);
    await close([0]);
    same('what bob has back', await network.balance(bob.payer), DEPOSIT - vested / GRAINS_PER_UNIT);
    defense(`bob left alone, with ${dollars(await network.balance(bob.payer))}`);
  }

  async function reckon(alice, bob) {
    const { received, claimed } = await pool();
    const rows = [
      ['alice: back', DEPOSIT - alice.earned / GRAINS_PER_UNIT, await network.balance(alice.payer)],
      ['bob: back', DEPOSIT - bob.earned / GRAINS_PER_UNIT, await network.balance(bob.payer)],
      ['pool: received', alice.earned / GRAINS_PER_UNIT + bob.earned / GRAINS_PER_UNIT, received],
      ['operator and protocol', claimed, (await network.balance(network.payee)) + (await network.balance(network.treasury))],
      ['left in the escrow', received - claimed, await network.balance(network.escrow.address)],
    ];
    console.log(`\n${''.padEnd(26)}${'predicted'.padStart(16)}${'on the chain'.padStart(16)}`);
    for (const [name, predicted, actual] of rows) {
      console.log(`${name.padEnd(26)}${dollars(predicted).padStart(16)}${dollars(actual).padStart(16)}`);
      same(name, actual, predicted);
    }
    same('all that was paid in', (await network.balance(alice.payer)) + (await network.balance(bob.payer)) + received, 2n * DEPOSIT);
    console.log('');
  }

  const alice = await closeInDebt();
  const bob = await hideRefund();
  await failNetwork(bob);
  await reorganizeChain(bob);
  await overclaim(bob);
  await reckon(alice, bob);
}

/** The node's and the job's way to the chain goes through what can fail. */
export async function prepare(chain, network) {
  network.rpc = await BadNetwork.start(chain.url);
  network.rpcUrl = network.rpc.url;
}
