// Goal: four operators that do not trust each other agree on each epoch's report: it is the same at all of them, signed by more than
// two thirds, and any of them can post it; one that is dead, late or silent keeps nobody waiting; what is asked wrongly is refused by name.
// Method: anvil, the contract, pennypostd and pennypost as processes; proposals are made here, too, by another implementation.
import { writeFileSync, mkdirSync, readdirSync } from 'node:fs';
import { strict as assert } from 'node:assert';
import { createServer } from 'node:http';
import { blake2b } from '@noble/hashes/blake2';
import { hashTypedData } from 'viem';
import { sign } from 'viem/accounts';
import { build } from '../../settlement/contracts/build.mjs';
import { startAnvil } from '../support/chain/anvil.mjs';
import { Fleet, until } from '../support/chain/fleet.mjs';
import { contractsDir } from '../support/chain/paths.mjs';
import { check } from '../support/chain/suite.mjs';

const NODES = [1, 2, 3, 4];
const MEDIA_TYPE = 'application/vnd.pennypost.proposal';
const fleet = new Fleet('epochs', NODES, { epoch: 10, missedEpochs: 5, signing: 60, vesting: 10 });
const file = (name) => fleet.file(name);
const keyOf = (name) => fleet.keyOf(name);
const { nodes } = fleet;
const pennypost = (...args) => fleet.pennypost(...args);
const command = (...args) => fleet.command(...args);
const laneOf = (node) => node * 256;

// ------------------------------------------------------------------------------------------------ epochs

const stateOf = async (id, epoch) => {
  const response = await fetch(`${nodes[id].url}/v1/epochs/${epoch}`);
  return { status: response.status, ...(await response.json()) };
};

// The newest epoch that the log of a node says is attested, above one that is given
function attested(id, above = 0) {
  const found = [...nodes[id].err.matchAll(/what=attested epoch=(\d+) node=(\d+) error=OK report=(\w+)/g)].map((match) => ({ epoch: Number(match[1]), signatures: Number(match[2]), report: match[3] }));
  return found.filter(({ epoch }) => epoch > above);
}

// An epoch above one that is given which all of these nodes have attested
const attestedByAll = (ids, above) => until(`attested by ${ids}`, () => {
  const [first, ...rest] = ids.map((id) => attested(id, above));
  return first.find(({ epoch }) => rest.every((list) => list.some((one) => one.epoch === epoch)));
});

// ------------------------------------------------------------------------------------------------ proposals, by another implementation

const personal = (tag, bytes) => {
  const personalization = new Uint8Array(16);
  personalization.set(Buffer.from(tag));
  return Buffer.from(blake2b(bytes, { dkLen: 32, personalization }));
};
const number = (value, bytes) => Buffer.from(BigInt(value).toString(16).padStart(2 * bytes, '0'), 'hex');
const hex = (text) => Buffer.from(text.replace(/^0x/, ''), 'hex');
const REPORT = ['uint64 epoch', 'bytes32 previous', 'uint64 blockNumber', 'bytes32 lanesRoot', 'bytes32 payoutRoot', 'uint128 payoutTotal', 'bytes32 operatorSet', 'uint64 endTime'].map((field) => ({ type: field.split(' ')[0], name: field.split(' ')[1] }));

// A message in operator 4's name: the lanes as `state` has them, the terms of `sound`, and a signature of the report
async function message(deployment, sound, state, { previous, block, payoutRoot }) {
  const before = hex(sound.message).subarray(4);
  const fields = {
    epoch: BigInt(state.epoch), previous, blockNumber: block.number, lanesRoot: `0x${'11'.repeat(32)}`, payoutRoot, payoutTotal: 1n,
    operatorSet: `0x${before.subarray(40 + 8 + 32 + 8 + 64 + 16, 40 + 8 + 32 + 8 + 64 + 16 + 32).toString('hex')}`, endTime: block.timestamp,
  };
  const attempt = (3 - (state.epoch % 4) + 4) % 4; // place 3: operator 4
  const lanes = state.heads.map((head) => Buffer.concat([
    number(head.lane, 4), number(head.next_sequence, 8), hex(head.checksum), number(head.lane === laneOf(1) ? 1 : 0, 4),
    head.lane === laneOf(1) ? Buffer.alloc(32, 7) : personal('pp.cut.v1', Buffer.alloc(4)),
  ]));
  const body = Buffer.concat([
    Buffer.from('PPQ1'), number(deployment.chainId, 8), hex(deployment.contract), number(4, 4), number(attempt, 4),
    number(fields.epoch, 8), hex(fields.previous), number(fields.blockNumber, 8), hex(fields.lanesRoot), hex(fields.payoutRoot), number(fields.payoutTotal, 16), hex(fields.operatorSet), number(fields.endTime, 8),
    before.subarray(208, 208 + 8 + 32), // received, terms
    number(lanes.length, 2), ...lanes,
  ]);
  const privateKey = keyOf('operator 4');
  const signature = async (hash) => hex(await sign({ hash, privateKey, to: 'hex' }));
  const proposal = Buffer.concat([body, await signature(`0x${personal('pp.proposal.v1', body).toString('hex')}`)]);
  const digest = hashTypedData({
    domain: { name: 'Pennypost', version: '1', chainId: BigInt(deployment.chainId), verifyingContract: deployment.contract },
    types: { EpochReport: REPORT }, primaryType: 'EpochReport', message: fields,
  });
  return Buffer.concat([number(proposal.length, 4), proposal, number(1, 2), number(4, 4), await signature(digest)]);
}

// ------------------------------------------------------------------------------------------------ the test

build(contractsDir);
const anvil = await startAnvil(['--block-time', '1', '--slots-in-an-epoch', '1']);
try {
  await fleet.prepare(anvil);
  const { deployment, escrow, reading } = fleet;
  for (const id of NODES) fleet.writeConfig(id, { peers_poll_ms: 50, epoch_turn_ms: 2000 });
  for (const id of NODES) await fleet.startNode(id);

  await fleet.mint(await fleet.account('payer'));
  await fleet.account('gas');
  mkdirSync(file('wallet'), { mode: 0o700 });
  await fleet.importKey('wallet/signer.key', 'secp256k1', 'signer');
  const sender = (verb, ...args) => pennypost(verb, '--wallet', file('wallet'), '--node', nodes[1].url, '--rpc', anvil.url, ...args);
  await sender('open', '--payer-key', file('payer.key'), '--deposit', '25');
  mkdirSync(file('letters'));
  for (let i = 0; i < 20; i++) writeFileSync(file(`letters/${String(i).padStart(4, '0')}`), `letter ${i} ${'x'.repeat(10 * i)}`);
  assert.equal((await sender('send', '--topic', 'letters', '--single', file('letters'))).acknowledged, 20);

  // EPOCH-020 to EPOCH-032
  let first;
  await check('epoch__of_four__attested_alike_at_all', async () => {
    const sentIn = attested(1).at(-1)?.epoch ?? 0;
    first = await attestedByAll(NODES, sentIn + 1);
    for (const id of NODES) {
      const own = attested(id).find(({ epoch }) => epoch === first.epoch);
      assert.equal(own.report, first.report);
      assert.ok(own.signatures >= 3);
      const report = await pennypost('report', '--data', file(`data-${id}`), '--epoch', String(first.epoch));
      assert.equal(report.report.slice(2), first.report.replace(/^0x/, ''));
      assert.equal(report.operators, 4);
      assert.equal(report.lanes, 1);
      assert.ok(report.signatures >= 3);
    }
  });

  // EPOCH-033: whoever has the quorum posts it; the chain takes it from any of them
  await check('report__posted_by_one_that_did_not_propose_it__taken_by_the_chain', async () => {
    const posted = await until('a report on chain', async () => {
      await command('settle', '--data', file('data-3'), '--rpc', anvil.url, '--key', file('gas.key'));
      const [hash] = [await reading.readContract({ ...escrow, functionName: 'lastReport' })].flat();
      const found = typeof hash === 'string' ? hash : hash.reportHash;
      return BigInt(found) !== 0n && found;
    });
    const everywhere = await until('the report that was posted', () => NODES.every((id) => attested(id).some(({ report }) => `0x${report.replace(/^0x/, '')}` === posted)));
    assert.ok(everywhere);
  });

  // EPOCH-011, EPOCH-015, EPOCH-036, HTTP-113: each by its name, and the node serves on
  await check('proposal__that_is_none__refused_by_name', async () => {
    const epoch = Math.max(...NODES.map((id) => attested(id).at(-1)?.epoch ?? 0));
    const post = async (path, body, type = MEDIA_TYPE) => {
      const response = await fetch(`${nodes[2].url}${path}`, { method: 'POST', headers: { 'content-type': type }, body });
      return [response.status, (await response.json()).code];
    };
    assert.deepEqual(await post(`/v1/epochs/${epoch + 1000}/proposal`, Buffer.alloc(10)), [409, 'EPOCH_NOT_OVER']);
    assert.deepEqual(await post('/v1/epochs/1/proposal', Buffer.alloc(10)), [409, 'EPOCH_PAST']);
    assert.deepEqual(await post('/v1/epochs/x/proposal', Buffer.alloc(10)), [400, 'BAD_FORMAT']);
    assert.deepEqual(await post(`/v1/epochs/${epoch}/proposal`, Buffer.alloc(10), 'application/json'), [415, 'UNSUPPORTED_MEDIA']);
    const current = async () => {
      for (const guess of [epoch, epoch + 1, epoch + 2]) if ((await stateOf(2, guess)).status === 200) return guess;
      return epoch;
    };
    const refusals = [];
    for (const body of [Buffer.alloc(10), Buffer.alloc(65536), Buffer.from('000002000000', 'hex')]) refusals.push((await post(`/v1/epochs/${await current()}/proposal`, body))[1]);
    assert.ok(refusals.every((code) => ['TRUNCATED', 'TRAILING_BYTES', 'BAD_FORMAT', 'WRONG_DOMAIN'].includes(code)), refusals.join());
    const signed = await until('a state with a message', async () => {
      const state = await stateOf(2, await current());
      return state.message && state;
    });
    const bytes = Buffer.from(signed.message.slice(2), 'hex');
    const changed = (at) => { const copy = Buffer.from(bytes); copy[at] ^= 1; return copy; };
    const answers = [changed(4), changed(4 + 11), changed(4 + 50), Buffer.concat([bytes, Buffer.alloc(1)])];
    const codes = [];
    for (const body of answers) codes.push((await post(`/v1/epochs/${signed.epoch}/proposal`, body))[1]);
    const late = codes.includes('EPOCH_PAST'); // the next epoch came meanwhile
    if (!late) assert.deepEqual(codes, ['BAD_FORMAT', 'WRONG_DOMAIN', 'BAD_SIGNATURE', 'TRAILING_BYTES'].map((code, i) => (i === 2 && codes[2] === 'SIGNATURE_NOT_LOW_S' ? codes[2] : code)));
    assert.equal((await fetch(`${nodes[2].url}/v1/terms`)).status, 200);
  });

  // EPOCH-041: what is exported of an epoch that several agreed on follows from the own charges
  await check('report__of_several__exported_and_audited', async () => {
    const { epoch } = first;
    await pennypost('report', '--data', file('data-1'), '--epoch', String(epoch), '--export', file('bundle'));
    const audit = await command('audit', file('bundle'));
    assert.equal(audit.status, 0, audit.out + audit.err);
  });

  // EPOCH-022, EPOCH-026: one dead, in whose turn it may be
  await check('operator__dead__keeps_nobody_waiting', async () => {
    await fleet.killNode(4);
    const now = Math.max(...NODES.map((id) => attested(id).at(-1)?.epoch ?? 0));
    const one = await attestedByAll([1, 2, 3], now + 1);
    const next = await attestedByAll([1, 2, 3], one.epoch); // another proposer
    for (const { epoch } of [one, next]) assert.equal(new Set([1, 2, 3].map((id) => attested(id).find((found) => found.epoch === epoch).report)).size, 1);
  });

  await check('operator__back_from_the_dead__signs_again', async () => {
    await fleet.startNode(4);
    const now = Math.max(...[1, 2, 3].map((id) => attested(id).at(-1)?.epoch ?? 0));
    const again = await attestedByAll(NODES, now);
    assert.equal(new Set(NODES.map((id) => attested(id).find(({ epoch }) => epoch === again.epoch).report)).size, 1);
  });

  // EPOCH-018, EPOCH-019, EPOCH-035: operator 4 lies in its report; here, in its name, with its key
  await check('operator__that_lies__signed_by_nobody_and_convicted', async () => {
    const posted = await reading.readContract({ ...escrow, functionName: 'lastReport' });
    const previous = (Array.isArray(posted) ? posted[0] : posted.reportHash ?? posted);
    const sound = await until('a report that goes on from the one on chain', async () => {
      for (const { epoch } of attested(1).slice(-1)) {
        const state = await stateOf(1, epoch);
        if (state.status === 200 && state.message?.includes(previous.slice(2))) return state;
      }
    });
    for (const id of [2, 3, 4]) await fleet.killNode(id);
    const lane = laneOf(1);
    let newest = sound.epoch + 1;
    const stateNow = () => until('a new epoch at 1 alone', async () => {
      for (const next of [newest, newest + 1, newest + 2, newest + 3]) {
        const found = await stateOf(1, next);
        if (found.status === 200 && !found.attested && found.heads.find((head) => head.lane === lane)?.ended) {
          newest = next;
          return found;
        }
      }
      newest += attested(1, newest).length;
    });
    let state = await stateNow();
    // what it says of the lane when it is asked: one grain more earned
    const leaves = await (await fetch(`${nodes[1].url}/v1/epochs/${state.epoch}/lanes/${lane}`)).json();
    assert.equal(leaves.count, 1);
    const truth = leaves.leaves[0].earned;
    leaves.leaves[0].earned = String(BigInt(truth) + 1n);
    const server = createServer((request, response) => {
      response.writeHead(request.url.includes(`/lanes/${lane}`) ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(leaves));
    });
    await new Promise((done) => server.listen(fleet.ports[4], '127.0.0.1', done));
    try {
      const lie = async (payoutRoot) => message(deployment, sound, state, { previous, block: await reading.getBlock({ blockTag: 'finalized' }), payoutRoot });
      const post = async (body) => (await (await fetch(`${nodes[1].url}/v1/epochs/${state.epoch}/proposal`, { method: 'POST', headers: { 'content-type': MEDIA_TYPE }, body })).json());
      // an epoch is short here, and the next one may come at any moment: then once more
      let answer;
      for (let tries = 0; tries < 8 && answer?.reply !== 'DIFFERS'; tries++) {
        const first = await lie(keyOf(`a lie ${tries}`));
        answer = await until('an answer', async () => {
          const found = await post(first);
          return found.reply !== 'BUSY' && found;
        });
        const second = await post(await lie(keyOf('another lie')));
        if (!answer.reply || !second.reply) {
          answer = undefined;
          state = await stateNow();
        }
      }
      assert.equal(answer.reply, 'DIFFERS', JSON.stringify(answer));
      assert.equal(answer.dissent.error, 'REPORT_DIFFERS', JSON.stringify(answer.dissent));
      assert.equal(answer.dissent.lane, lane);
      assert.deepEqual([answer.dissent.term, answer.dissent.proposed, answer.dissent.here], ['earned', leaves.leaves[0].earned, truth]);
      assert.equal(answer.dissent.channel_id, leaves.leaves[0].channel_id);
      const proof = await until('a proof', () => readdirSync(file('data-1/peers')).find((name) => /^1024-\d+-REPORTS\.proof$/.test(name)));
      const verdict = await pennypost('evidence', 'verify', file(`data-1/peers/${proof}`));
      assert.equal(verdict.node_id, 4);
      assert.equal((await fetch(`${nodes[1].url}/v1/terms`)).status, 200);
      assert.doesNotMatch(nodes[1].err, new RegExp(`what=signed epoch=${state.epoch} `));
    } finally {
      await new Promise((done) => server.close(done));
      server.closeAllConnections?.();
    }
    for (const id of [2, 3, 4]) await fleet.startNode(id);
    await attestedByAll(NODES, Math.max(...attested(1).map(({ epoch }) => epoch)) + 1);
  });

  // EPOCH-042: a new disk has no report that the next one goes on from
  await check('operator__without_the_report_before__takes_it_from_a_peer', async () => {
    const known = await stateOf(1, attested(1).at(-1).epoch);
    const response = await fetch(`${nodes[2].url}/v1/epochs/${known.epoch}/report`);
    assert.equal(response.status, 200);
    assert.ok((await response.arrayBuffer()).byteLength > 500);
    assert.equal((await fetch(`${nodes[2].url}/v1/epochs/1/report`)).status, 404);
  });

  await check('nodes__that_agree__are_sound_and_end_well', async () => {
    for (const id of NODES) {
      nodes[id].child.kill('SIGTERM');
      const end = await nodes[id].ended;
      assert.equal(end.status, 0, end.err);
      const found = await command('verify', '--data', file(`data-${id}`));
      assert.equal(found.answer.findings_count, 0, JSON.stringify(found.answer.findings ?? found.answer));
      assert.ok(found.answer.reports > 0);
    }
  });
} finally {
  await anvil.stop();
}
