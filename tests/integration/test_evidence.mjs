// Goal: operators hold each other's journals: three real daemons on loopback pull from each other while one of them is paid;
// one is killed with SIGKILL again and again while it pulls, and holds in the end, byte for byte, what the others signed.
// Method: anvil, the contract, pennypostd and pennypost as processes. What is held is read over HTTP and taken apart here.
import { writeFileSync, mkdirSync } from 'node:fs';
import { strict as assert } from 'node:assert';
import { blake2b } from '@noble/hashes/blake2';
import { hashDomain, recoverAddress, toHex } from 'viem';
import { build } from '../../settlement/contracts/build.mjs';
import { startAnvil } from '../support/chain/anvil.mjs';
import { Fleet, addressOf, until } from '../support/chain/fleet.mjs';
import { contractsDir } from '../support/chain/paths.mjs';
import { check } from '../support/chain/suite.mjs';

const NODES = [1, 2, 3];
const fleet = new Fleet('evidence', NODES);
const file = (name) => fleet.file(name);
const keyOf = (name) => fleet.keyOf(name);
const { nodes } = fleet;
const pennypost = (...args) => fleet.pennypost(...args);
const laneOf = (node) => node * 256;

// ------------------------------------------------------------------------------------------------ segments

const hash = (tag, bytes, length = 32) => {
  const personalization = new Uint8Array(16);
  personalization.set(Buffer.from(tag));
  return Buffer.from(blake2b(bytes, { dkLen: length, personalization }));
};

async function fetchSegment(url, lane, from) {
  const response = await fetch(`${url}/v1/evidence/${lane}?from=${from}`);
  if (response.status !== 200) return { status: response.status, problem: await response.json() };
  assert.equal(response.headers.get('content-type'), 'application/vnd.pennypost.evidence');
  return parse(Buffer.from(await response.arrayBuffer()));
}

// EVID-001 to EVID-003, by another implementation
function parse(bytes) {
  assert.equal(bytes.subarray(0, 4).toString(), 'PPE1');
  const length = bytes.readUInt32BE(193);
  assert.equal(bytes.length, 197 + length);
  const body = bytes.subarray(197);
  assert.deepEqual(hash('pp.evidbody.v1', body), bytes.subarray(96, 128));
  const records = [];
  for (let at = 0; at < body.length; at += 4 + body.readUInt32BE(at)) records.push(body.subarray(at + 4, at + 4 + body.readUInt32BE(at)));
  return {
    status: 200, lane: bytes.readUInt32BE(4), first: bytes.readBigUInt64BE(8), next: bytes.readBigUInt64BE(16),
    before: bytes.subarray(24, 40).toString('hex'), after: bytes.subarray(40, 56).toString('hex'),
    signed: bytes.subarray(4, 128), signature: toHex(bytes.subarray(128, 193)), records, bytes,
  };
}

// The whole journal of a lane as a node has it, its own or another's.
async function journalOf(url, lane) {
  const records = [];
  let segment;
  for (let from = 1n; ; from = segment.next) {
    const found = await fetchSegment(url, lane, from);
    if (found.status === 404) break; // of another's: that is all that is held
    assert.equal(found.status, 200, JSON.stringify(found.problem));
    if (found.first === found.next) { segment = segment ?? found; break; }
    assert.equal(found.first, from);
    if (segment) assert.equal(found.before, segment.after);
    records.push(...found.records.map((record) => record.toString('hex')));
    segment = found;
  }
  return { records, next: segment?.next ?? 1n, after: segment?.after };
}

// ------------------------------------------------------------------------------------------------ the test

build(contractsDir);
const anvil = await startAnvil(['--block-time', '1', '--slots-in-an-epoch', '1']);
try {
  await fleet.prepare(anvil);
  const { deployment } = fleet;
  // 3 takes 2 for somebody else's, and has a peer that is not there; 2 and 1 pull from each other and from 3.
  fleet.writeConfig(1, { peers: [2, 3] });
  fleet.writeConfig(2, { peers: [1, 3] });
  fleet.writeConfig(3, { peers: [1, [2, addressOf(keyOf('nobody'))], 77] });
  for (const id of NODES) await fleet.startNode(id);

  // HTTP-110, HTTP-111
  await check('evidence__asked_wrongly__refused', async () => {
    for (const [path, status, code] of [
      ['/v1/evidence/x', 400, 'BAD_FORMAT'], ['/v1/evidence/4294967296', 400, 'BAD_FORMAT'], ['/v1/evidence/256?from=', 400, 'BAD_FORMAT'],
      ['/v1/evidence/256?from=01', 400, 'BAD_FORMAT'], ['/v1/evidence/256?after=1', 400, 'UNKNOWN_FIELD'], ['/v1/evidence/19712', 404, 'NOT_FOUND'],
    ]) {
      const response = await fetch(nodes[1].url + path);
      assert.equal(response.status, status, path);
      assert.equal((await response.json()).code, code, path);
    }
    assert.equal((await fetch(`${nodes[1].url}/v1/evidence/256`, { method: 'POST', headers: { 'content-length': '0' } })).status, 405);
  });

  // EVID-003
  await check('evidence__of_a_node__signed_by_its_operator', async () => {
    const segment = await fetchSegment(nodes[1].url, laneOf(1), 1n);
    const separator = hashDomain({
      domain: { name: 'Pennypost', version: '1', chainId: BigInt(deployment.chainId), verifyingContract: deployment.contract },
      types: { EIP712Domain: [['name', 'string'], ['version', 'string'], ['chainId', 'uint256'], ['verifyingContract', 'address']].map(([name, type]) => ({ name, type })) },
    });
    const digest = hash('pp.evidence.v1', Buffer.concat([Buffer.from(separator.slice(2), 'hex'), segment.signed]));
    assert.equal(await recoverAddress({ hash: toHex(digest), signature: segment.signature }), addressOf(keyOf('operator 1')));
  });

  await fleet.mint(await fleet.account('payer'));
  mkdirSync(file('wallet'), { mode: 0o700 });
  await fleet.importKey('wallet/signer.key', 'secp256k1', 'signer');
  const sender = (verb, ...args) => pennypost(verb, '--wallet', file('wallet'), '--node', nodes[1].url, '--rpc', anvil.url, ...args);
  await sender('open', '--payer-key', file('payer.key'), '--deposit', '25');
  mkdirSync(file('letters'));
  for (let i = 0; i < 240; i++) writeFileSync(file(`letters/${String(i).padStart(4, '0')}`), `letter ${i} ${'x'.repeat(i)}`);

  const sendAll = () => sender('send', '--topic', 'letters', '--single', '--connections', '2', file('letters'));
  const heads = () => Promise.all(NODES.filter((id) => id !== 1).map(async (id) => (await journalOf(nodes[id].url, laneOf(1))).next));

  // EVID-061, EVID-070, EVID-073: killed in the middle of pulling, again and again
  await check('puller__killed_while_it_pulls__goes_on_and_holds_the_same', async () => {
    let sending = true;
    const sent = sendAll().finally(() => (sending = false));
    let kills = 0;
    while (sending && kills < 12) {
      await new Promise((done) => setTimeout(done, 30 + 37 * (kills % 5)));
      await fleet.killNode(2);
      kills++;
      await fleet.startNode(2);
    }
    assert.equal((await sent).acknowledged, 240);
    assert.ok(kills >= 2, `only ${kills} kills`);
    const own = await until('a journal at rest', async () => {
      const before = await journalOf(nodes[1].url, laneOf(1));
      return before.records.length >= 240 && before;
    });
    for (const id of [2, 3]) {
      const held = await until(`node ${id} holds it`, async () => {
        const journal = await journalOf(nodes[id].url, laneOf(1));
        return journal.next >= own.next && journal;
      });
      assert.deepEqual(held.records.slice(0, own.records.length), own.records);
    }
  });

  // EVID-061: the one that is pulled from dies, too
  await check('peer__killed_and_back__is_pulled_from_again', async () => {
    await fleet.killNode(1);
    await until('node 3 says that it is down', () => /event=peer lane=256 .*error=NODE_DOWN/.test(nodes[3].err));
    assert.equal((await fetch(`${nodes[3].url}/v1/terms`)).status, 200);
    const before = await heads();
    await fleet.startNode(1);
    await sender('send', '--topic', 'letters', '--single', file('letters/0000'));
    const after = await until('both go on', async () => {
      const next = await heads();
      return next.every((value, i) => value > before[i]) && next;
    });
    const own = await journalOf(nodes[1].url, laneOf(1));
    assert.ok(after.every((next) => next <= own.next));
  });

  // EVID-077, EVID-078: one bad peer, one that is not there, and all else goes on
  await check('peer__of_another_operator_or_not_there__told_by_name', async () => {
    assert.match(nodes[3].err, /event=peer lane=512 .*error=BAD_SIGNATURE/);
    assert.match(nodes[3].err, /event=peer lane=19712 .*error=NODE_DOWN/);
    assert.doesNotMatch(nodes[2].err, /error=(BAD_SIGNATURE|EVIDENCE_|INTERVAL_TAKEN|CORRUPT)/);
    assert.equal((await fetchSegment(nodes[3].url, laneOf(2), 1n)).status, 404);
    assert.equal((await fetchSegment(nodes[1].url, laneOf(2), 1n)).status, 200);
  });

  // EVID-080, EVID-082: the lane of node 1 from what the others hold of it, as if its disk were lost
  await check('restore__from_peers_over_http__claimable_and_retired', async () => {
    const own = await journalOf(nodes[1].url, laneOf(1));
    await until('both hold it', async () => (await heads()).every((next) => next >= own.next));
    const options = ['--data', file('restored'), '--node-id', '1', '--operator', addressOf(keyOf('operator 1')), '--chain-id', String(deployment.chainId), '--contract', deployment.contract];
    const restored = await pennypost('evidence', 'restore', 'http://127.0.0.1:1', nodes[2].url, nodes[3].url, ...options);
    assert.ok(BigInt(restored.records_until) >= own.next);
    assert.equal(restored.lanes, 1);
    const end = await fleet.start('pennypostd', [file('node-1.conf'), '--data-dir', file('restored'), '--listen', '127.0.0.1:0']).ended;
    assert.equal(end.status, 1);
    assert.match(end.err, /error=SHARD_RETIRED/);
  });

  await check('nodes__with_peers__are_sound_and_end_well', async () => {
    for (const id of NODES) {
      nodes[id].child.kill('SIGTERM');
      const end = await nodes[id].ended;
      assert.equal(end.status, 0, end.err);
      assert.equal((await pennypost('verify', '--data', file(`data-${id}`))).findings_count, 0);
    }
  });
} finally {
  await anvil.stop();
}
