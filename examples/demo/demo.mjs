// The main job, end to end, on a local chain: ./dev demo. Prints a line a step; the last one is "demo: ok". With --hostile: what
// everybody may try against it, and what stops them (hostile.mjs).
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { generatePrivateKey } from 'viem/accounts';
import { Chain, until } from './chain.mjs';
import { makeEnvelopes } from './envelopes.mjs';
import { hostile, operatorSecret, prepare } from './hostile.mjs';
import { Network, NODE_ID, PROTOCOL_SHARE_BPS, TIMERS } from './network.mjs';
import { runOperators } from './operators.mjs';
import { Thief } from './thief.mjs';

const { values: options } = parseArgs({
  options: {
    build: { type: 'string', default: 'build/release' },
    contracts: { type: 'string', default: 'build/contracts' },
    messages: { type: 'string', default: '10000' },
    hostile: { type: 'boolean', default: false },
    operators: { type: 'string' }, // so many that do not trust each other; --senders and --envelopes go with it
    senders: { type: 'string', default: '50' },
    envelopes: { type: 'string', default: '20000' },
    keep: { type: 'boolean', default: false },
  },
});

if (options.operators !== undefined) {
  const [operators, senders, envelopes] = [options.operators, options.senders, options.envelopes].map(Number);
  process.exit(await runOperators({ ...options, operators, senders, envelopes }));
}

const GRAINS_PER_UNIT = 1000000n;
const DAY = 86400;
const messages = Number(options.messages);
const deletions = Math.floor(messages / 20);
const deposit = 25_000_000n; // 25.00
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pennypost-demo-'));
const dollars = (units) => `${units / 1000000n}.${String(units % 1000000n).padStart(6, '0')}`;
const money = (grains) => `${dollars(grains / GRAINS_PER_UNIT)}${String(grains % GRAINS_PER_UNIT).padStart(6, '0')}`;
const began = Date.now();

let steps = 0;
function step(text) {
  steps += 1;
  console.log(`${String(steps).padStart(2)}  ${text}  (${((Date.now() - began) / 1000).toFixed(0)} s)`);
}

function same(what, ...values) {
  const [first, ...others] = values.map(String);
  if (others.some((other) => other !== first)) throw new Error(`${what}: ${values.map(String).join(' is not ')}`);
}

let chain;
let network;

/** The sender's command, on its folder. */
const sender = (name, verb, args = [], more = {}) => network.pennypost(verb, ['--wallet', network.file(name), ...args], more);

async function openChannel(name, amount, lane) {
  const payer = await network.makeKey(`${name}-payer.key`);
  await network.fund(payer);
  await network.mint(payer, amount);
  fs.mkdirSync(network.file(name), { mode: 0o700 });
  const signerKey = generatePrivateKey();
  await network.importKey(path.join(name, 'signer.key'), signerKey);
  const args = ['--node', network.url, '--rpc', chain.url, '--payer-key', network.file(`${name}-payer.key`), '--deposit', dollars(amount)];
  const opened = await sender(name, 'open', lane === undefined ? args : [...args, '--lane', lane]);
  return { payer, signerKey, id: opened.channel_id, lane: lane ?? NODE_ID * 256 };
}

/** Sends a manifest with --json; everything must be acknowledged. */
const send = (args, more) => sender('alice', 'send', [...args, '--receipts', network.file('receipts')], more);

function manifestPart(name, lines) {
  const file = network.file(name);
  fs.writeFileSync(file, lines.join('\n') + '\n');
  return file;
}

async function sendEverything() {
  const made = makeEnvelopes(network.file('envelopes'), messages, 'demo');
  const singly = Math.floor(messages / 20);
  const cut = Math.floor(messages * 0.6);
  step(`made ${messages} XMTP client envelopes, ${(made.bytes / 1e6).toFixed(1)} MB, for 1 to 90 days`);

  const rehearse = ['--connections', 4, '--repeat', 5, '--reorder'];
  const single = await send(['--manifest', manifestPart('first', made.lines.slice(0, singly)), '--single', ...rehearse]);
  same('acknowledged', single.acknowledged, singly);
  const batches = await send(['--manifest', manifestPart('second', made.lines.slice(singly, cut)), '--stamp', 'batch', '--batch', 64, ...rehearse]);
  same('acknowledged', batches.acknowledged, cut - singly);
  const repeated = single.repeated + batches.repeated;
  step(`sent ${singly} singly and ${cut - singly} in batches of 64 over 4 connections, out of order, ${repeated} of ${single.requests + batches.requests} requests twice`);

  // The node dies in the middle of the rest, and comes back; the sender just goes on.
  const stampsBefore = (await network.get('/v1/status')).stamps;
  const sending = send(['--manifest', manifestPart('rest', made.lines.slice(cut)), '--batch', 16, '--single-every', 4, '--connections', 4, '--patience', 120]);
  const quarter = Math.floor((messages - cut) / 4);
  const killedAt = await until('traffic', async () => {
    const { stamps } = await network.get('/v1/status');
    return stamps >= stampsBefore + quarter && stamps;
  }, 60, 5);
  await network.endNode('SIGKILL');
  await network.startNode();
  const rest = await sending;
  same('acknowledged', rest.acknowledged, messages - cut);
  if (killedAt >= messages) throw new Error('the node was killed after the traffic, not in its middle');
  step(`killed the node with SIGKILL after ${killedAt} envelopes, restarted it; the sender went on: ${rest.retried} requests sent again, ${rest.known} envelopes were known`);
  same('stamps at the node', (await network.get('/v1/status')).stamps, messages);
  return { made, postage: [single, batches, rest].reduce((sum, { postage_grains }) => sum + BigInt(postage_grains), 0n) };
}

async function tryWhatMustFail(channel) {
  const look = () => network.get(`/v1/channels/${channel.id}/lanes/${channel.lane}`);
  const terms = await network.get('/v1/terms');
  const thief = new Thief({ url: network.url, terms, channelId: channel.id, lane: channel.lane, signerKey: channel.signerKey });
  const before = await look();
  const { honest, tried } = await thief.tryEverything(before);
  for (const { what, expected, actual } of tried) same(what, actual, expected);
  // One honest stamp was among it, so that there is something to steal; nothing else was charged.
  const after = await look();
  same('stamps after the thief', after.stamps, before.stamps + 1);
  same('the line after the thief', after.head, honest.spent);
  step(`tried what must fail, and nothing was charged: ${tried.map(({ what, actual }) => `${what}: ${actual}`).join(', ')}`);
  return honest.spent - BigInt(before.head);
}

async function deleteEarly(made) {
  await chain.forward(3 * DAY);
  await until('the node follows', async () => (await network.get('/v1/status')).chain.fresh, 30);
  const receipts = fs.readFileSync(network.file('receipts'), 'utf8').trim().split('\n');
  same('receipts', receipts.length, messages);
  const daysLeft = receipts.filter((line) => JSON.parse(line).days > 4);
  const list = manifestPart('deletions', daysLeft.slice(0, deletions));
  const deleted = await sender('alice', 'delete', ['--list', list]);
  same('deleted', deleted.deleted, deletions);
  step(`three days later deleted ${deletions} early and got the unused days back: ${money(BigInt(deleted.refunded_grains))}`);

  const { sequence, name: source } = JSON.parse(daysLeft[deletions]);
  const copy = network.file('read-back');
  await sender('alice', 'read', [sequence, '--out', copy]);
  if (!fs.readFileSync(copy).equals(fs.readFileSync(source))) throw new Error(`envelope ${sequence} is not what was sent`);
  step(`read envelope ${sequence} back, byte for byte (${fs.statSync(copy).size} bytes)`);
}

/** The operator's scheduled job, as a timer would run it, with time moving in between, until `done` says so. */
async function settleUntil(what, done) {
  for (let turn = 0; turn < 40; turn++) {
    await network.pennypost('settle', ['--data', network.dataDir, '--journal', network.jobDir, '--rpc', chain.url, '--key', network.file('gas.key')], { allowed: [0, 3] });
    const answer = await done();
    if (answer) return answer;
    await chain.forward(TIMERS.vesting + 1);
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
  throw new Error(`${what}: not after 40 runs of the job`);
}

async function leaveTogether(channel) {
  const reports = async () => (await network.events('ReportPosted')).length;
  await settleUntil('the first report', async () => (await reports()) > 0 && (await network.events('LaneSettled', { channelId: channel.id })).length > 0);
  step(`an epoch ended: report posted, vested, lane settled: ${dollars((await network.call(network.escrow, 'pool'))[0])} in the pool`);

  const close = (allowed) => sender('alice', 'close', ['--rpc', chain.url, '--payer-key', network.file('alice-payer.key')], { allowed });
  await close([0, 3]);
  step('the sender leaves together with the node: refunded what is not earned, the rest of the cap released');
  await settleUntil('the release', async () => {
    const answer = await close([0, 3]);
    return answer.status === 0 && (await network.events('ChannelClosed', { channelId: channel.id })).length > 0;
  });
  step(`the channel closed at once: ${dollars(await network.balance(channel.payer))} are back with the sender`);
}

async function leaveAlone() {
  const amount = 5_000_000n;
  // Shard 7 of the operator: nobody runs it.
  const channel = await openChannel('bob', amount, NODE_ID * 256 + 7);
  const alone = (allowed) => sender('bob', 'close', ['--alone', '--rpc', chain.url, '--payer-key', network.file('bob-payer.key')], { allowed });
  await alone([0, 3]);
  const early = await alone([0, 3]);
  same('status before the challenge period is over', early.status, 3);
  await chain.forward(TIMERS.challenge + 1);
  await alone([0]);
  same('the second sender has', await network.balance(channel.payer), amount);
  step(`a second sender, whose node does not answer, left alone after the challenge period with all of its ${dollars(amount)}`);
}

async function withdraw() {
  const [received] = await network.call(network.escrow, 'pool');
  await settleUntil('the payouts', async () => (await network.call(network.escrow, 'pool'))[1] === received);
  step(`the operator withdrew ${dollars(await network.balance(network.payee))}, the protocol ${dollars(await network.balance(network.treasury))}`);
}

/** The same numbers as three parties have them. */
async function reckon(channel, sent) {
  const { wallet, node } = await sender('alice', 'status', [channel.id, '--rpc', chain.url]);
  const spent = BigInt(wallet.spent_grains);
  const refunded = BigInt(wallet.refunded_grains);
  const paidIn = BigInt(wallet.deposit_grains) / GRAINS_PER_UNIT;
  const earned = spent - refunded; // nothing is deferred after leaving together
  const toPool = earned / GRAINS_PER_UNIT;
  const share = (toPool * BigInt(PROTOCOL_SHARE_BPS)) / 10000n;
  same('the stamps cost what was spent', sent.postage, spent);
  const seenBySender = {
    deposit: paidIn, spent, refunded, earned, toPool, back: paidIn - toPool, operator: toPool - share, protocol: share, dust: earned % GRAINS_PER_UNIT,
  };

  const payout = await network.pennypost('payout', ['--data', network.dataDir], { allowed: [0, 3] });
  const paid = (nodeId) => BigInt(payout.payouts.find((entry) => entry.node_id === nodeId)?.cumulative_units ?? 0);
  const nodeEarned = BigInt(node.earned_grains);
  const seenByNode = {
    deposit: channel.seenByNode, spent: BigInt(node.spent_grains), refunded: BigInt(node.refunded_grains), earned: nodeEarned,
    toPool: BigInt(node.vested_grains) / GRAINS_PER_UNIT, back: channel.seenByNode - BigInt(node.vested_grains) / GRAINS_PER_UNIT,
    operator: paid(NODE_ID), protocol: paid(0), dust: BigInt(node.vested_grains) % GRAINS_PER_UNIT,
  };

  const lane = await network.call(network.escrow, 'laneOf', channel.id, channel.lane);
  const [opened] = await network.events('ChannelOpened', { channelId: channel.id });
  const [closed] = await network.events('ChannelClosed', { channelId: channel.id });
  const settled = (await network.events('LaneSettled', { channelId: channel.id })).at(-1).args;
  const seenByChain = {
    deposit: opened.args.deposit, spent: lane.spent, refunded: lane.refunded, earned: settled.earned, toPool: closed.args.toPool,
    back: await network.balance(channel.payer), operator: await network.balance(network.payee), protocol: await network.balance(network.treasury),
    dust: lane.vested % GRAINS_PER_UNIT,
  };
  same('what went back', closed.args.toPayer, seenByChain.back);
  same('what is left in the escrow', await network.balance(network.contracts.contract), 0);
  return { seenBySender, seenByNode, seenByChain };
}

const ROWS = [
  ['deposit', 'deposit', dollars], ['spent', 'spent', money], ['refunded', 'refunded', money], ['earned', 'earned', money],
  ['to the pool', 'toPool', dollars], ['back to the sender', 'back', dollars], ['paid to the operator', 'operator', dollars],
  ['protocol share', 'protocol', dollars], ['dust', 'dust', money],
];

function table({ seenBySender, seenByNode, seenByChain }) {
  console.log(`\n${''.padEnd(22)}${['sender', 'node', 'chain'].map((name) => name.padStart(20)).join('')}`);
  const wrong = [];
  for (const [label, key, print] of ROWS) {
    const cells = [seenBySender[key], seenByNode[key], seenByChain[key]];
    console.log(label.padEnd(22) + cells.map((cell) => print(cell).padStart(20)).join(''));
    if (cells.some((cell) => cell !== cells[2])) wrong.push(label);
  }
  console.log('');
  if (wrong.length > 0) throw new Error(`the columns disagree: ${wrong.join(', ')}`);
  const { toPool, back, operator, protocol } = seenByChain;
  same('pool and rest make the deposit', toPool + back, deposit);
  same('the payouts make the pool', operator + protocol, toPool);
}

async function main() {
  chain = await Chain.start(folder);
  network = new Network(folder, options.build, chain);
  if (options.hostile) await prepare(chain, network);
  await network.deployContracts(options.contracts, options.hostile ? operatorSecret : undefined);
  await network.startNode();
  step(`a chain, the contracts and a node are up: ${network.contracts.contract}`);

  if (options.hostile) return hostile({ chain, network, step, same, dollars, money, openChannel, manifestPart });
  const channel = await openChannel('alice', deposit);
  const seen = await until('the node sees the channel final', async () => {
    const lane = await network.get(`/v1/channels/${channel.id}/lanes/${channel.lane}`);
    return lane.state === 'ACTIVE' && lane;
  });
  channel.seenByNode = BigInt(seen.cap);
  step(`the sender opened channel ${channel.id.slice(0, 12)}... with ${dollars(deposit)}; the node sees it final`);

  const sent = await sendEverything();
  sent.postage += await tryWhatMustFail(channel);
  await deleteEarly(sent.made);
  await leaveTogether(channel);
  await leaveAlone();
  await withdraw();

  table(await reckon(channel, sent));
  same('the node ends with', await network.endNode('SIGTERM'), 0);
  const verified = await network.pennypost('verify', ['--data', network.dataDir]);
  step(`pennypost verify: ${verified.records ?? verified.checks?.length ?? 'all'} records recomputed, every invariant holds`);
}

let status = 0;
try {
  await main();
} catch (error) {
  status = 1;
  console.error(`demo: failed after step ${steps}: ${error.message}`);
  if (process.env.DEMO_TRACE) console.error(error.stack);
} finally {
  await network?.endNode('SIGKILL');
  network?.rpc?.stop();
  await chain?.stop();
  if (options.keep || status !== 0) console.log(`what it left: ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
}
if (status === 0) console.log('demo: ok');
process.exit(status);
