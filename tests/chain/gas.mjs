// Goal: specs/gas.md tells what every call costs, to the unit.
// Method: each call on a fresh private chain whose time and keys repeat from run to run, in the state that the row
// names; gas is the receipt's. `node tests/chain/gas.mjs --write` makes the table anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { laneTree } from '../support/vectors/lane_tree.mjs';
import { payoutTree } from '../support/vectors/payout_tree.mjs';
import { Network, noRefund } from '../support/chain/network.mjs';
import { root } from '../support/chain/paths.mjs';
import { check } from '../support/chain/suite.mjs';

const UNIT = 1_000_000n;
const file = join(root, 'specs/gas.md');
const rows = [];
const note = (name, gas, count = 1) => rows.push({ name, gas: BigInt(gas), each: BigInt(gas) / BigInt(count) });
const lanes4 = [256, 257, 258, 259];
const parts = [];

// Where the gas goes, of a receipt: 16 gas a byte of calldata that is not zero and 4 a zero byte, 375 an event, 375 a topic and 8 a byte
// of its data, 3,000 a signature that the contract recovers; the rest is storage, hashing, memory and the token.
async function split(net, name, receipt, signatures, count = 1) {
  const { input } = await net.client.getTransaction({ hash: receipt.transactionHash });
  const bytes = Buffer.from(input.slice(2), 'hex');
  const zeros = bytes.filter((byte) => byte === 0).length;
  const calldata = 16 * (bytes.length - zeros) + 4 * zeros;
  const events = receipt.logs.reduce((sum, log) => sum + 375 * (1 + log.topics.length) + 4 * (log.data.length - 2), 0);
  const all = Number(receipt.gasUsed), recovered = 3000 * signatures;
  const rest = all - 21000 - calldata - events - recovered;
  parts.push({ name, figures: [all, 21000, calldata, recovered, events, rest].map((gas) => Math.round(gas / count)) });
}

async function channelsAndLanes(net) {
  const open = async (name, lanes, caps, from = net.payer) => {
    const config = net.config(await net.read('nonceOf', [from]), from);
    const receipt = await net.send(from, 'open', [config, 100n * UNIT, lanes, caps]);
    if (name) note(name, receipt.gasUsed);
    if (name === 'open, 1 lane') await split(net, name, receipt, 0);
    return { config, id: net.channelId(config) };
  };
  await open(null, [256], [25n * UNIT], net.accounts[2]); // the escrow holds some of the token already
  await open("open, 1 lane, the payer's first channel", [256], [25n * UNIT]);
  const { config, id } = await open('open, 1 lane', [256], [25n * UNIT]);
  await open('open, 4 lanes', lanes4, lanes4.map(() => 25n * UNIT));

  const one = async (name, functionName, args, from = net.payer) =>
    note(name, (await net.send(from, functionName, args)).gasUsed);
  await one('topUp, no caps', 'topUp', [config, UNIT, [], []]);
  await one('topUp, raises 1 cap', 'topUp', [config, UNIT, [256], [26n * UNIT]]);
  await one('allocate, 1 new lane', 'allocate', [config, [257], [25n * UNIT]]);
  await one('postVoucher, first of the lane', 'postVoucher', [config, 256, await net.voucher(id, 256, 5n * UNIT), noRefund]);
  await one('postVoucher, later', 'postVoucher', [config, 256, await net.voucher(id, 256, 6n * UNIT), noRefund]);
  const refund = await net.refund(id, 256, UNIT);
  await one('postVoucher, with its refund', 'postVoucher', [config, 256, await net.voucher(id, 256, 7n * UNIT, UNIT), refund]);
  const delegation = await net.delegation(id, 256, 100n * UNIT, 7);
  const delegated = await net.voucher(id, 256, 8n * UNIT, UNIT, undefined, net.delegateKey);
  await one('postDelegatedVoucher', 'postDelegatedVoucher', [config, 256, delegated, noRefund, delegation]);
  await one('revokeDelegate', 'revokeDelegate', [config, 7]);
  await one('postRefund', 'postRefund', [config, 256, await net.refund(id, 256, 2n * UNIT)]);
  await one('release, 1 lane', 'release', [config, [await net.release(id, 256, 26n * UNIT, 20n * UNIT, 1n)]]);
  await one('requestThaw', 'requestThaw', [config, 257, 10n * UNIT]);
  await one('cancelThaw', 'cancelThaw', [config, 257]);
  await net.send(net.payer, 'requestThaw', [config, 257, 10n * UNIT]);
  await net.elapse(net.timers.challenge);
  await one('finalizeThaw', 'finalizeThaw', [config, 257], net.accounts[0]);
  await one('requestClose', 'requestClose', [config]);
  await one('cancelClose', 'cancelClose', [config]);
  await net.send(net.payer, 'requestClose', [config]);
  await net.elapse(net.timers.challenge);
  await one('finalizeClose', 'finalizeClose', [config], net.accounts[0]);
  const payer = privateKeyToAccount(net.payerKey).address;
  await net.sendTo(net.deployment.token, net.tokenAbi, net.payer, 'mint', [payer, 1000n * UNIT]);
  const gasless = async (nonce, name) => {
    const own = net.config(nonce, payer);
    const signed = await net.authorization('openWithAuthorization', net.channelId(own), 100n * UNIT, [256], [25n * UNIT]);
    await one(name, 'openWithAuthorization', [own, 100n * UNIT, [256], [25n * UNIT], signed], net.accounts[0]);
    return own;
  };
  await gasless(0n, "openWithAuthorization, 1 lane, the payer's first channel");
  const own = await gasless(1n, 'openWithAuthorization, 1 lane');
  const more = await net.authorization('topUpWithAuthorization', net.channelId(own), UNIT, [], []);
  await one('topUpWithAuthorization, no caps', 'topUpWithAuthorization', [own, UNIT, [], [], more], net.accounts[0]);
  await one('depositStake, first', 'depositStake', [1, 100n * UNIT]);
  await one('depositStake, later', 'depositStake', [1, 100n * UNIT]);
  await one('retireLanes, 1 lane', 'retireLanes', [config, [256]], net.accounts[0]);
  const owing = { spent: 20n * UNIT * UNIT, refunded: 0n, earned: 20n * UNIT * UNIT, forfeited: 0n, owed: 20n * UNIT * UNIT };
  const tree = laneTree([{ channelId: id, lane: 256, ...owing }]);
  const { report } = await net.report({ lanesRoot: tree.root });
  await one('collectOwed', 'collectOwed', [report, { config, lane: 256, leaf: owing, proof: tree.proofOf(0) }], net.accounts[0]);
  const idle = await open(null, [], []);
  await one('requestClose, closes at once', 'requestClose', [idle.config]);
}

async function registry(net) {
  const owner = net.accounts[0];
  const one = async (name, functionName, args) => note(name, (await net.send(owner, functionName, args)).gasUsed);
  await one('scheduleOperatorAdd', 'scheduleOperatorAdd', [9, net.accounts[5], net.accounts[6]]);
  await one('scheduleOperatorRemove', 'scheduleOperatorRemove', [3]);
  await one('cancelOperatorChange', 'cancelOperatorChange', [3]);
  await net.elapse(net.timers.challenge + net.timers.epoch);
  await one('applyOperatorChange, fourth operator', 'applyOperatorChange', [9]);
  const next = await net.read('parameters');
  await one('scheduleParameters', 'scheduleParameters', [{ ...next, protocolShare: 400 }]);
  await one('cancelParameters', 'cancelParameters', []);
  await net.send(owner, 'scheduleParameters', [{ ...next, protocolShare: 400 }]);
  await net.elapse(net.timers.challenge + net.timers.epoch);
  await one('applyParameters', 'applyParameters', []);
}

// A hundred lanes of a hundred channels, as a node's are: settled once, then again. Their tree is
// @openzeppelin/merkle-tree's (CHAIN-012).
async function settlement(net) {
  const claims = [];
  for (let i = 0; i < 100; i++) {
    const config = net.config(await net.read('nonceOf', [net.payer]));
    await net.send(net.payer, 'open', [config, 100n * UNIT, [256], [25n * UNIT]]);
    claims.push({ config, lane: 256, id: net.channelId(config) });
  }
  const round = async (name, spent, earned, refunded, count = claims.length, batch = false) => {
    const leaves = claims.map(({ id, lane }) => ({ channelId: id, lane, spent, refunded, earned, forfeited: 0n, owed: 0n }));
    const tree = laneTree(leaves);
    const { report, receipt } = await net.report({ lanesRoot: tree.root });
    const list = [];
    for (const [i, { config, lane, id }] of claims.slice(0, count).entries())
      list.push({
        config,
        lane,
        leaf: leaves[i],
        proof: tree.proofOf(i),
        voucher: await net.voucher(id, lane, spent, refunded),
        refund: refunded > 0n ? await net.refund(id, lane, refunded) : noRefund,
      });
    const shared = tree.batchOf(list.map((_, i) => i));
    const settled = batch
      ? await net.send(net.accounts[0], 'settleBatch', [report, shared.order.map((i) => list[i]), shared.proof, shared.flags])
      : await net.send(net.accounts[0], 'settle', [report, list]);
    const credited = settled.events.filter((e) => e.eventName === 'LaneSettled').length;
    if (credited !== count) throw new Error(`${name}: ${credited} of ${count} lanes settled`);
    if (count === 100) note(`${name}, 100 lanes: all`, settled.gasUsed);
    if (count === 100 && name.includes('later')) await split(net, `${name}, a lane of 100`, settled, refunded > 0n && name.includes('refund') ? 200 : 100, 100);
    if (count === 100) note(`${name}, 100 lanes: each`, settled.gasUsed / 100n);
    if (count === 1) note(`${name}, 1 lane of 100`, settled.gasUsed);
    return receipt;
  };
  await round('settle, first time', 5n * UNIT * UNIT, 4n * UNIT * UNIT, 0n);
  const posted = await round('settle, later', 8n * UNIT * UNIT, 7n * UNIT * UNIT, 0n);
  await round('settle, later, with a refund', 9n * UNIT * UNIT, 7n * UNIT * UNIT + 1n, UNIT, 100);
  await round('settle, later', 12n * UNIT * UNIT, 10n * UNIT * UNIT, UNIT, 1);
  await round('settleBatch, later', 15n * UNIT * UNIT, 13n * UNIT * UNIT, UNIT, 100, true);
  await round('settleBatch, later', 18n * UNIT * UNIT, 16n * UNIT * UNIT, UNIT, 1, true);
  await round('settleBatch, later, with a refund', 21n * UNIT * UNIT, 19n * UNIT * UNIT, 2n * UNIT, 100, true);
  return posted.gasUsed;
}

// CHAIN-013: the proofs come from the tree of tests/support/vectors, written from the text.
async function payouts(net) {
  const pay = async (name, amount) => {
    const entries = [
      { nodeId: 0n, payee: net.treasury, amount: amount / 20n },
      ...net.nodes.map((n) => ({ nodeId: BigInt(n.nodeId), payee: n.payee, amount })),
    ];
    const tree = payoutTree(entries);
    const { report } = await net.report({ payoutRoot: tree.root, payoutTotal: tree.total });
    const args = [report, 1, net.nodes[0].payee, amount, tree.proofOf(1)];
    note(name, (await net.send(net.accounts[0], 'claimPayout', args)).gasUsed);
  };
  await pay('claimPayout, first of the operator', 20n * UNIT);
  await pay('claimPayout, later', 30n * UNIT);
}

async function measure() {
  const one = await Network.start({ operators: 1 });
  try {
    note('postReport, 1 operator signs, first', (await one.report()).receipt.gasUsed);
    note('postReport, 1 operator signs', await settlement(one));
    await payouts(one);
  } finally {
    await one.stop();
  }
  const many = await Network.start({ operators: 22 });
  try {
    await many.report();
    note('postReport, 22 operators sign', (await many.report()).receipt.gasUsed);
  } finally {
    await many.stop();
  }
  const three = await Network.start({ operators: 3 });
  try {
    await channelsAndLanes(three);
    await three.report();
    note('postReport, 3 operators sign', (await three.report()).receipt.gasUsed);
    const { report } = await three.report({ vest: false });
    const set = await three.read('operatorSet');
    const revoking = await Promise.all(three.nodes.map((n) => three.signed(n.key, 'RevokeReport', { epoch: report.epoch, report: three.digest('EpochReport', report) })));
    note('revokeReport, 3 operators sign', (await three.send(three.accounts[0], 'revokeReport', [[report], set[1], set[2], revoking])).gasUsed);
    await registry(three);
  } finally {
    await three.stop();
  }
}

const intro = `# Gas of every call

Purpose: what each transaction of the escrow costs. A test (tests/chain/gas.mjs) measures every row on each run and fails
if one differs by a single unit; \`node tests/chain/gas.mjs --write\` makes the table anew.

Whole transactions, with calldata and the 21,000 of every transaction, on the compiler and settings of
\`settlement/contracts/build.mjs\` and the Prague rules. The token is an OpenZeppelin ERC-20; the escrow and the payers hold
some of it already. "settle" and "settleBatch" carry a voucher a lane; lanes lie in a hundred different channels; the tree has 100 leaves.

| call | gas |
|---|---|
`;
const partsTable = () => `
## Where it goes

Of the same transactions, a lane's part where there are a hundred. Signatures are the 3,000 of each recovery; the rest is storage
(2,100 a slot that is looked at first, 2,900 more to change one), hashing, memory, and for \`open\` the token's transfer.

| call | all | transaction | calldata | signatures | events | the rest |
|---|---|---|---|---|---|---|
${parts.map(({ name, figures }) => `| ${name} | ${figures.map((gas) => gas.toLocaleString('en-US')).join(' | ')} |`).join('\n')}
`;
const figure = (name) => rows.find((r) => r.name === name).gas.toLocaleString('en-US');
// What others publish of their own tests; nothing here was measured by us, and it is not made anew.
const peers = () => `
## Beside others

Figures that other token payment channels publish of their own tests. They were measured under the rules of their time, before
storage was repriced by EIP-2929, so they compare by size and not to the unit.

| what | here | Raiden \[1\] | µRaiden \[2\] |
|---|---|---|---|
| open, with the deposit | ${figure('open, 1 lane')} | openChannel 104,256 and setTotalDeposit 57,368 | createChannelERC20 109,133 |
| add to the deposit | ${figure('topUp, no caps')} | setTotalDeposit 57,368 | topUp (ERC-20) 90,144 |
| the receiver collects, one at a time | ${figure('settle, later, 1 lane of 100')} | OneToN.claim 96,015 | close by the receiver 70,947 |
| the receiver collects, each of many | ${figure('settleBatch, later, 100 lanes: each')} | OneToN.bulkClaim 6 ious 170,324: 28,387 each | none |
| close together | ${figure('requestClose, closes at once')} | none | close with both signatures 80,764 |
| close alone, both transactions | ${(rows.find((r) => r.name === 'requestClose').gas + rows.find((r) => r.name === 'finalizeClose').gas).toLocaleString('en-US')} | closeChannel 122,682 and settleChannel 116,222 | settle after the period 114,135, and the close before it |

Here collecting moves no token: an operator's payout does, for all lanes at once (${figure('claimPayout, later')}), and an epoch's report comes before
both. In both of the others each collection transfers the token.

1. raiden-network/raiden-contracts, raiden_contracts/data/gas.json at 0414fc597196acc592c758391bdd18104a3d4f1e
2. raiden-network/microraiden, contracts/README.md at 00f114299bb1ae94df9817bb1f25f25678a60ae2
`;
const table = () => rows.map((r) => `| ${r.name} | ${r.gas.toLocaleString('en-US')} |`).sort().join('\n') + '\n';

await check('gas__every_call__is_what_the_page_says', async () => {
  await measure();
  const text = intro + table() + partsTable() + peers();
  if (process.argv.includes('--write')) return writeFileSync(file, text);
  const page = readFileSync(file, 'utf8');
  const differing = text.split('\n').filter((line) => !page.includes(line));
  if (differing.length) throw new Error(`measured, but not in specs/gas.md:\n${differing.join('\n')}`);
  if (page !== text) throw new Error('specs/gas.md has rows that nothing measures');
});

const gasOf = (name) => rows.find((r) => r.name === name).gas;

await check('gas__settle_per_lane__stays_far_below_a_transfer_each', () => {
  const each = gasOf('settle, later, 100 lanes: each');
  if (each > 45_000n) throw new Error(`${each} gas a lane`);
});

await check('gas__settle_batch_per_lane__at_most_35000', () => {
  const each = gasOf('settleBatch, later, 100 lanes: each');
  if (each > 35_000n) throw new Error(`${each} gas a lane`);
});

// A transfer writes two balances that are there already: 5,000 gas at the very least.
await check('gas__open_with_one_lane__at_most_125000_without_the_transfer', () => {
  for (const name of ['open, 1 lane', "open, 1 lane, the payer's first channel"])
    if (gasOf(name) - 5_000n > 125_000n) throw new Error(`${name}: ${gasOf(name)}`);
});
