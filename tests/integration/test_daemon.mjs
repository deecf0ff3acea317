// Goal: the daemon as an operator and a sender meet it: what it prints, refuses and survives; and that implementations
// other than ours understand it: the Payment scheme's own library, and a sender written here with noble and viem.
// Method: anvil, the contract, pennypostd as a process.
import { spawn } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync, chmodSync, existsSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strict as assert } from 'node:assert';
import { blake2b } from '@noble/hashes/blake2';
import { Challenge, Credential, Receipt } from 'mppx';
import { concat, createPublicClient, createWalletClient, hashTypedData, hexToBytes, http, keccak256, numberToHex, serializeSignature, stringToHex, toHex } from 'viem';
import { privateKeyToAccount, sign } from 'viem/accounts';
import { artifact, build } from '../../settlement/contracts/build.mjs';
import { deploy } from '../../settlement/contracts/deploy.mjs';
import { receiptOf } from '../../settlement/contracts/receipt.mjs';
import { startAnvil } from '../support/chain/anvil.mjs';
import { cBuildDir, contractsDir } from '../support/chain/paths.mjs';
import { check } from '../support/chain/suite.mjs';
import { domainOf, types } from '../support/vectors/eip712_types.mjs';

const folder = mkdtempSync(join(tmpdir(), 'pennypost-daemon-'));
const file = (name) => join(folder, name);
const keys = { operator: keccak256(stringToHex('operator')), receipt: keccak256(stringToHex('receipt')), signer: keccak256(stringToHex('signer')), recipient: keccak256(stringToHex('recipient')) };
const passphrase = 'correct horse battery staple';
const LANE = 256;

// ------------------------------------------------------------------------------------------------ processes

const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  if (!process.exitCode) rmSync(folder, { recursive: true, force: true });
});

function start(program, args) {
  const child = spawn(join(cBuildDir, program), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const run = { child, out: '', err: '', lines: [] };
  children.add(child);
  child.stdout.on('data', (data) => (run.out += data));
  child.stderr.on('data', (data) => (run.err += data));
  run.ended = new Promise((done) => child.on('close', (status, signal) => {
    children.delete(child);
    done({ status, signal, out: run.out, err: run.err });
  }));
  return run;
}

const finish = (program, args) => start(program, args).ended;

async function until(what, look, seconds = 60) {
  for (const end = Date.now() + seconds * 1000; ; ) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

// ------------------------------------------------------------------------------------------------ the operator

const addressOf = (key) => privateKeyToAccount(key).address;

async function makeKeys() {
  writeFileSync(file('pass'), `${passphrase}\n`, { mode: 0o600 });
  for (const [name, kind] of [['operator', 'secp256k1'], ['receipt', 'ed25519']]) {
    writeFileSync(file(`${name}.hex`), keys[name].slice(2), { mode: 0o600 });
    const made = await finish('pennypost', ['keygen', '--kind', kind, '--quick', '--import', file(`${name}.hex`), '--passphrase-file', file('pass'), file(`${name}.key`)]);
    assert.equal(made.status, 0, made.err);
  }
}

function writeConfig(deployment, rpc) {
  writeFileSync(file('rates.json'), JSON.stringify({ rates: [{ version: 1, start_ms: 0, base: '1000', storage: '2', congestion: '0', target_per_minute: 100000, bonds: ['0', '5000'] }] }));
  writeFileSync(file('node.conf'), `
    data_dir = ${file('data')}
    listen = 127.0.0.1:0
    realm = node.example
    rpc_url = ${rpc}
    chain_id = ${deployment.chainId}
    contract = ${deployment.contract}
    token = ${deployment.token}
    node_id = 1
    operator_key = ${file('operator.key')}
    receipt_key = ${file('receipt.key')}
    passphrase_file = ${file('pass')}
    payee = ${addressOf(keys.operator)}
    treasury = ${addressOf(keys.operator)}
    rates_file = ${file('rates.json')}
    epoch_seconds = 60
    freshness_seconds = 30
    protocol_share_bps = 500
    bond_window_min_seconds = 4
    bond_window_max_seconds = 100
    map_mib = 256
    poll_ms = 100
    tick_ms = 100
    verify_threads = 1
  `);
}

async function startNode(...more) {
  const node = start('pennypostd', [file('node.conf'), ...more]);
  await Promise.race([
    until('listening', () => node.out.includes('\n')),
    node.ended.then((end) => { throw new Error(`pennypostd ended with status ${end.status}: ${end.err}`); }),
  ]);
  node.url = `http://${node.out.trim().split(' ')[1]}`;
  return node;
}

async function stopNode(node) {
  node.child.kill('SIGTERM');
  const end = await node.ended;
  assert.equal(end.status, 0, end.err);
  return end;
}

// ------------------------------------------------------------------------------------------------ the sender

const hash = (tag, bytes) => {
  const personalization = new Uint8Array(16);
  personalization.set(hexToBytes(stringToHex(tag)));
  return toHex(blake2b(hexToBytes(bytes), { dkLen: 32, personalization }));
};
const uint = (value, size) => numberToHex(value, { size });
const base64 = (bytes) => Buffer.from(bytes).toString('base64url');

class Sender {
  constructor(domain, channelId) {
    Object.assign(this, { domain, channelId, at: 0n });
  }

  // The stamp for a payload at the end of the line, by the quote of a challenge.
  async stamp(challenge, topic, payload, { days = 10, kind = 0, deadlineMs = 0 } = {}) {
    const details = challenge.request.methodDetails;
    const signed = Buffer.from(details.quote, 'base64url');
    const quote = signed.subarray(0, signed.length - 64);
    const price = (at) => quote.readBigUInt64BE(at);
    const leaf = {
      envelopeHash: hash('pp.envelope.v1', concat([uint(topic.length, 2), toHex(topic), toHex(payload)])),
      from: this.at, base: price(8), storage: price(16) * BigInt(payload.length) * BigInt(days),
      congestion: price(24) * BigInt(quote[32]), quoteId: hash(quote[0] ? 'pp.quote.v2' : 'pp.quote.v1', toHex(quote)),
      bond: kind < quote[33] ? price(34 + 8 * kind) : 0n, acceptKey: `0x${'00'.repeat(20)}`,
      notAfter: BigInt(Date.now() + 3_600_000),
    };
    if (leaf.bond > 0n) leaf.acceptKey = quote[0] ? toHex(quote.subarray(82 + 8 * quote[33], 102 + 8 * quote[33])) : addressOf(keys.signer).toLowerCase();
    const bytes = concat([this.channelId, uint(LANE, 4), leaf.envelopeHash, uint(leaf.from, 12), uint(leaf.base, 8), uint(leaf.storage, 8), uint(leaf.congestion, 8), uint(leaf.bond, 8), uint(payload.length, 4), uint(days, 2), uint(kind, 1), leaf.quoteId, uint(leaf.notAfter, 8), leaf.acceptKey, uint(deadlineMs, 8)]);
    const stampId = hash('pp.leaf.v1', bytes);
    const spent = leaf.from + leaf.base + leaf.storage + leaf.congestion + leaf.bond;
    const context = hash('pp.context.v1', concat(['0x01', uint(1, 4), stampId]));
    const message = { channelId: this.channelId, lane: LANE, spent, refundAck: 0n, context };
    const digest = hashTypedData({ domain: this.domain, types: { Voucher: types.Voucher }, primaryType: 'Voucher', message });
    const signature = serializeSignature(await sign({ hash: digest, privateKey: keys.signer }));
    return {
      stampId, spent,
      payload: {
        action: 'voucher', channel_id: this.channelId, lane: LANE, signature, spent: String(spent), refund_ack: '0', topic: base64(topic),
        stamp: {
          envelope_hash: leaf.envelopeHash, from: String(leaf.from), base: String(leaf.base), storage: String(leaf.storage),
          congestion: String(leaf.congestion), bond: String(leaf.bond), size: payload.length, retention_days: days, kind,
          not_after_ms: Number(leaf.notAfter), accept_key: leaf.acceptKey, accept_deadline_ms: deadlineMs,
        },
      },
    };
  }
}

const post = (node, path, body, headers = {}) =>
  fetch(node.url + path, { method: 'POST', body, headers: { 'content-type': 'application/octet-stream', ...headers } });

// ------------------------------------------------------------------------------------------------ the tests

const contracts = contractsDir;
build(contracts);
const anvil = await startAnvil(['--block-time', '1', '--slots-in-an-epoch', '1']);
try {
  const [, payer] = await anvil.rpc('eth_accounts');
  const deployment = await deploy({
    rpc: anvil.url,
    buildDir: contracts,
    config: {
      treasury: addressOf(keys.operator), protocolShare: 500,
      timers: { freshness: 30, replication: 5, epoch: 60, missedEpochs: 1, signing: 20, vesting: 100, claimMargin: 30, challenge: 600 },
      operators: [{ nodeId: 1, operatorKey: addressOf(keys.operator), payee: addressOf(keys.operator) }],
      mint: [{ to: payer, amount: 10n ** 12n }],
    },
  });
  const chain = { id: deployment.chainId, name: 'test', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [anvil.url] } } };
  const reading = createPublicClient({ chain, transport: http(anvil.url), pollingInterval: 50, cacheTime: 0 });
  const wallet = createWalletClient({ account: payer, chain, transport: http(anvil.url) });
  const call = async (address, name, functionName, args) => {
    const sent = await wallet.writeContract({ address, abi: artifact(contracts, name).abi, functionName, args });
    const receipt = await receiptOf(reading, sent);
    assert.equal(receipt.status, 'success', functionName);
  };
  await makeKeys();
  writeConfig(deployment, anvil.url);

  // HTTP-090
  await check('daemon__configuration_wrong__says_file_and_line', async () => {
    const end = await finish('pennypostd', [file('node.conf'), '--node-id', 'seven']);
    assert.equal(end.status, 2);
    assert.match(end.err, /BAD_CONFIG: argument --node_id: not a number/);
    writeFileSync(file('bad.conf'), 'data_dir = x\ncolour = red\n');
    const other = await finish('pennypostd', [file('bad.conf')]);
    assert.equal(other.status, 2);
    assert.match(other.err, /bad\.conf:2: colour: not a known key/);
    assert.equal(other.out, '');
  });

  // HTTP-094
  await check('daemon__passphrase_exposed_or_wrong__does_not_start', async () => {
    chmodSync(file('pass'), 0o644);
    const exposed = await finish('pennypostd', [file('node.conf')]);
    assert.equal(exposed.status, 1);
    assert.match(exposed.err, /EXPOSED/);
    chmodSync(file('pass'), 0o600);
    writeFileSync(file('wrong'), 'another passphrase', { mode: 0o600 });
    const wrong = await finish('pennypostd', [file('node.conf'), '--passphrase-file', file('wrong')]);
    assert.equal(wrong.status, 1);
    assert.match(wrong.err, /BAD_PASSPHRASE/);
    assert.ok(!existsSync(file('data')));
  });

  let node = await startNode();
  const seen = [node];

  // HTTP-091
  await check('daemon__started__says_where_and_nothing_else', async () => {
    assert.match(node.out, /^listening 127\.0\.0\.1:\d+\n$/);
    const terms = await (await fetch(`${node.url}/v1/terms`)).json();
    assert.equal(terms.contract, deployment.contract.toLowerCase());
    assert.equal(terms.operator, addressOf(keys.operator).toLowerCase());
    assert.equal(terms.lane, LANE);
  });

  // HTTP-093
  await check('daemon__second_on_the_same_folder__locked', async () => {
    const end = await finish('pennypostd', [file('node.conf')]);
    assert.equal(end.status, 1);
    assert.match(end.err, /LOCKED/);
  });

  // HTTP-040 HTTP-041 HTTP-042
  await check('challenge__read_by_the_schemes_library__same', async () => {
    const response = await post(node, '/v1/envelopes', 'hello');
    assert.equal(response.status, 402);
    const challenge = Challenge.fromResponse(response);
    assert.deepEqual([challenge.method, challenge.intent, challenge.realm], ['postage', 'session', 'node.example']);
    assert.equal(challenge.request.recipient, addressOf(keys.operator).toLowerCase());
    assert.equal(challenge.request.currency, `grain:${deployment.token.toLowerCase()}`);
    assert.match(challenge.request.amount, /^[1-9][0-9]*$/);
    assert.equal(challenge.request.methodDetails.chain_id, deployment.chainId);
    // Canonical: the library's serialization is byte for byte ours.
    const again = Challenge.serialize(challenge);
    const parts = (header) => Object.fromEntries([...header.matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1], m[2]]));
    assert.deepEqual(parts(again), parts(response.headers.get('www-authenticate')));
    assert.equal(Challenge.verify(challenge, { secretKey: 'another key' }), false);
    // The quote inside is signed by the receipt key.
    const terms = await (await fetch(`${node.url}/v1/terms`)).json();
    const signed = Buffer.from(challenge.request.methodDetails.quote, 'base64url');
    const key = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), hexToBytes(terms.receipt_key)]), format: 'der', type: 'spki' });
    const id = hexToBytes(hash('pp.quote.v1', toHex(signed.subarray(0, -64))));
    assert.ok(verify(null, id, key, signed.subarray(-64)));
    assert.equal(Number(signed.subarray(-72, -64).readBigUInt64BE()), Date.parse(challenge.expires));
  });

  const domain = domainOf(BigInt(deployment.chainId), deployment.contract);
  const config = { payer, signer: addressOf(keys.signer), nonce: 0n };
  const channelId = hashTypedData({ domain, types: { Channel: types.Channel }, primaryType: 'Channel', message: config });
  const sender = new Sender(domain, channelId);
  const topic = new TextEncoder().encode('a topic');
  let kept; // a credential, its payload and what it was answered

  await check('sender__channel_not_opened__unknown', async () => {
    const challenge = Challenge.fromResponse(await post(node, '/v1/envelopes', 'x'));
    const stamp = await sender.stamp(challenge, topic, Buffer.from('early'));
    const response = await post(node, '/v1/envelopes', 'early', { authorization: Credential.serialize({ challenge, payload: stamp.payload }) });
    assert.equal(response.status, 404);
    const problem = await response.json();
    assert.equal(problem.code, 'UNKNOWN_CHANNEL');
    assert.ok(problem.retry_after_ms > 0 && response.headers.get('retry-after') !== null);
  });

  // HTTP-045 HTTP-047 HTTP-048
  await check('sender__of_other_implementations__served', async () => {
    const token = { address: deployment.token, name: 'TestDollar' };
    await call(token.address, token.name, 'approve', [deployment.contract, 10n ** 12n]);
    await call(deployment.contract, 'Pennypost', 'open', [config, 25_000_000n, [LANE], [25_000_000n]]);
    await until('lane ACTIVE', async () => {
      const challenge = Challenge.fromResponse(await post(node, '/v1/envelopes', 'x'));
      const response = await post(node, '/v1/envelopes', undefined, { authorization: Credential.serialize({ challenge, payload: { action: 'open', channel_id: channelId, lane: LANE } }) });
      const answer = await response.json();
      assert.ok(response.status === 200 || ['UNKNOWN_CHANNEL', 'LANE_PENDING'].includes(answer.code), JSON.stringify(answer));
      return response.status === 200 && answer.state === 'ACTIVE';
    });
    for (const size of [1, 200, 61_440]) {
      const payload = Buffer.alloc(size, size % 251);
      const challenge = Challenge.fromResponse(await post(node, '/v1/envelopes', 'x'));
      const stamp = await sender.stamp(challenge, topic, payload);
      const credential = Credential.serialize({ challenge, payload: stamp.payload, source: 'did:pkh:eip155:1:someone' });
      const response = await post(node, '/v1/envelopes', payload, { authorization: credential });
      assert.equal(response.status, 200, await response.clone().text());
      const receipt = Receipt.fromResponse(response);
      assert.deepEqual([receipt.method, receipt.status, receipt.reference], ['postage', 'success', stamp.stampId]);
      const answer = await response.json();
      assert.equal(answer.results[0].status, 'admitted');
      assert.equal(answer.spent, String(stamp.spent));
      assert.equal(Date.parse(receipt.timestamp), answer.results[0].time_ms);
      sender.at = stamp.spent;
      const back = await fetch(`${node.url}/v1/envelopes/${answer.results[0].sequence}`);
      assert.deepEqual(Buffer.from(await back.arrayBuffer()), payload);
      assert.equal(hash('pp.leaf.v1', toHex(Buffer.from(back.headers.get('pennypost-leaf'), 'base64url'))), stamp.stampId);
      kept = { payload, credential, answer };
    }
  });

  await check('node__killed_and_started_again__knows_what_it_acknowledged', async () => {
    node.child.kill('SIGKILL');
    await node.ended;
    node = await startNode();
    seen.push(node);
    const response = await post(node, '/v1/envelopes', kept.payload, { authorization: kept.credential });
    assert.equal(response.status, 200, await response.clone().text());
    const answer = await response.json();
    assert.deepEqual(answer.results[0], { ...kept.answer.results[0], status: 'known' });
    assert.equal(answer.spent, kept.answer.spent);
  });

  // HTTP-120, HTTP-121, FEE-063, REW-142, REW-143, REW-144: a recipient with an implementation of its own, and a node that is killed
  await check('bonds__accepted_complained_of_and_left_alone__over_kills', async () => {
    const recipient = keys.recipient, stranger = keys.operator;
    const typed = async (key, name, message) =>
      serializeSignature(await sign({ hash: hashTypedData({ domain, types: { [name]: types[name] }, primaryType: name, message }), privateKey: key }));
    const json = async (path, body) => {
      const response = await post(node, path, JSON.stringify(body), { 'content-type': 'application/json' });
      return { status: response.status, ...(await response.json()) };
    };
    const get = async (path) => (await fetch(node.url + path)).json();
    const again = async () => {
      node.child.kill('SIGKILL');
      await node.ended;
      node = await startNode();
      seen.push(node);
      await until('fresh', async () => (await get('/v1/status')).chain.fresh);
    };
    const name = 'first contact', path = toHex(name).slice(2), topicHash = hash('pp.topic.v1', toHex(name));
    const bytes = new TextEncoder().encode(name);
    const none = await get(`/v1/topics/${path}/quote`);
    assert.deepEqual([none.accept_key, none.bonds], [null, []]);
    const registration = { nodeId: 1, topic: topicHash, key: addressOf(recipient), number: 1n };
    const register = async (key) => json('/v1/registrations', { topic_hash: topicHash, key: registration.key.toLowerCase(), number: 1, signature: await typed(key, 'RegisterTopic', registration) });
    assert.equal((await register(stranger)).code, 'BAD_SIGNATURE');
    assert.equal((await register(recipient)).number, 1);
    await again();
    assert.equal((await get(`/v1/topics/${path}/key`)).key, registration.key.toLowerCase());
    assert.equal((await register(recipient)).number, 1); // the same again

    const sequences = [], stamps = [];
    const put = async (kind, deadlineMs, quoted) => {
      const challenge = Challenge.deserialize(quoted.challenge);
      const payload = Buffer.from(`hello ${sequences.length}`);
      const stamp = await sender.stamp(challenge, bytes, payload, { kind, deadlineMs });
      const response = await post(node, '/v1/envelopes', payload, { authorization: Credential.serialize({ challenge, payload: stamp.payload }) });
      return { stamp, answer: await response.json() };
    };
    const ordinary = await put(1, 1, await get('/v1/quote'));
    assert.equal(ordinary.answer.code, 'BOND_TOPIC');
    for (const [i, windowMs] of [90_000, 90_000, 4_000].entries()) {
      const quote = await get(`/v1/topics/${path}/quote`);
      assert.deepEqual([quote.accept_key, quote.bonds[1]], [registration.key.toLowerCase(), '5000']);
      if (i === 0) assert.equal((await put(1, quote.deadline_to_ms + 1, quote)).answer.code, 'BOND_DEADLINE');
      const { stamp, answer } = await put(1, quote.issued_ms + windowMs, quote);
      assert.equal(answer.results?.[0].status, 'admitted', JSON.stringify(answer));
      sender.at = stamp.spent;
      stamps.push(stamp.stampId);
      sequences.push(answer.results[0].sequence);
    }
    await again();
    const lane = () => get(`/v1/channels/${channelId}/lanes/${LANE}`);
    assert.equal((await get('/v1/status')).bonds, 3);
    const word = async (kind, i, key) => (await json(kind === 'Accept' ? '/v1/acceptances' : '/v1/complaints', {
      lane: LANE,
      words: [{ channel_id: channelId, stamp_id: stamps[i], sequence: sequences[i], signature: await typed(key, kind, { channelId, lane: LANE, stampId: stamps[i] }) }],
    })).results[0];
    assert.equal((await word('Accept', 0, stranger)).problem.code, 'BAD_SIGNATURE');
    assert.deepEqual(await word('Accept', 0, recipient), { status: 'returned', known: false, bond: '5000' });
    assert.deepEqual(await word('Complain', 1, recipient), { status: 'forfeited', known: false, bond: '5000' });
    await again();
    assert.deepEqual(await word('Accept', 0, recipient), { status: 'returned', known: true, bond: '5000' });
    assert.equal((await word('Complain', 0, recipient)).problem.code, 'BOND_RETURNED');
    assert.equal((await word('Accept', 1, recipient)).problem.code, 'BOND_FORFEITED');
    await until('the deadline', async () => (await lane()).bonds.held === '0');
    await again();
    assert.deepEqual((await lane()).bonds, { held: '0', returned: '10000', forfeited: '5000' });
    assert.equal((await lane()).refunded, '10000');
    assert.equal((await word('Complain', 2, recipient)).problem.code, 'BOND_RETURNED');
  });

  // HTTP-092
  await check('daemon__terminated_while_busy__answers_and_ends_well', async () => {
    const url = new URL(node.url);
    const half = connect(Number(url.port), url.hostname);
    const idle = connect(Number(url.port), url.hostname);
    half.on('error', () => {});
    let heard = '';
    half.on('data', (data) => (heard += data));
    const closed = new Promise((done) => half.on('close', done));
    const idleClosed = new Promise((done) => idle.on('close', done));
    half.write('GET /v1/te'); // begun, and then finished after the signal
    await until('both connected', async () => (await (await fetch(`${node.url}/v1/status`)).json()).http.open_connections >= 3);
    node.child.kill('SIGTERM');
    await idleClosed;
    half.write('rms HTTP/1.1\r\nHost: x\r\n\r\n');
    const end = await node.ended;
    await closed;
    assert.match(heard, /^HTTP\/1\.1 200 OK/);
    assert.match(heard, /Connection: close/);
    assert.equal(end.status, 0, end.err);
    assert.match(end.err, /event=stopped error=OK/);
    idle.destroy();
  });

  await check('daemon__chain_down_or_another__serves_but_takes_nothing', async () => {
    for (const [rpc, id, trouble] of [['http://127.0.0.1:1', deployment.chainId, 'CHAIN_DOWN'], [anvil.url, 1, 'CHAIN_WRONG_ID']]) {
      const other = await startNode('--rpc-url', rpc, '--chain-id', String(id), '--data-dir', file(`data-${trouble}`));
      seen.push(other);
      await until(trouble, () => other.err.includes(`error=${trouble}`));
      const health = await fetch(`${other.url}/v1/health`);
      assert.equal(health.status, 503);
      const status = await (await fetch(`${other.url}/v1/status`)).json();
      assert.equal(status.chain.fresh, false);
      assert.equal(status.chain.error, trouble);
      await stopNode(other);
    }
  });

  // HTTP-094
  await check('log__of_all_runs__holds_no_secret', async () => {
    for (const run of seen) {
      assert.ok(run.err.length > 0);
      for (const secret of [passphrase, ...Object.values(keys).map((key) => key.slice(2))]) assert.ok(!run.err.toLowerCase().includes(secret));
      assert.ok(!run.err.includes(kept.credential.slice(8, 60)));
    }
  });
} finally {
  await anvil.stop();
}
