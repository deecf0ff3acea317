// specs/vectors/rewards.json: quotes, lists of refunds and splits, written from specs/fees.md and specs/rewards.md and not from the C code.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { blake2b } from '@noble/hashes/blake2';
import { concat, hexToBytes, numberToHex, stringToHex, toHex } from 'viem';
import { Stream, max, save, versionOf } from './common.mjs';

const stream = new Stream('rewards');
const uint = (value, bytes) => numberToHex(value, { size: bytes });

function hash(tag, message) {
  const personalization = new Uint8Array(16);
  personalization.set(hexToBytes(stringToHex(tag)));
  return toHex(blake2b(hexToBytes(message), { dkLen: 32, personalization }));
}

// FEE-040, FEE-042. A PKCS #8 header makes Node's own Ed25519 take a seed.
const ed25519 = (seed) =>
  createPrivateKey({ key: Buffer.from('302e020100300506032b657004220420' + seed.slice(2), 'hex'), format: 'der', type: 'pkcs8' });
const quoteBytes = (q) =>
  concat([
    uint(q.topic ? 1n : 0n, 1), uint(q.nodeId, 3), uint(q.rateVersion, 4), uint(q.base, 8), uint(q.storage, 8), uint(q.congestion, 8), uint(q.units, 1),
    uint(q.bonds.length, 1), ...q.bonds.map((bond) => uint(bond, 8)), uint(q.issuedMs, 8), uint(q.expiresMs, 8),
    ...(q.topic ? [q.topic, q.acceptKey, uint(q.deadlineFromMs, 8), uint(q.deadlineToMs, 8)] : []),
  ]);
function signedQuote(q, from = stream) {
  const seed = from.bytes32();
  const key = ed25519(seed);
  const publicKey = '0x' + createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  const quoteId = hash(q.topic ? 'pp.quote.v2' : 'pp.quote.v1', quoteBytes(q));
  const signature = '0x' + sign(null, hexToBytes(quoteId), key).toString('hex');
  return { ...q, seed, publicKey, quoteId, signed: concat([quoteBytes(q), signature]) };
}
const quotes = [0, 1, 3, 8].map((bonds) => {
  const issuedMs = stream.uint(42);
  return {
    nodeId: 1n + stream.below((1 << 24) - 1), rateVersion: 1n + stream.uint(20), base: stream.uint(40), storage: stream.uint(30),
    congestion: stream.uint(30), units: stream.below(101), bonds: [...Array(bonds)].map(() => stream.uint(63)), issuedMs,
    expiresMs: issuedMs + 1n + stream.below(60000),
  };
});
quotes.push({
  nodeId: max(24), rateVersion: max(32), base: max(63), storage: max(63), congestion: max(63), units: 100n, bonds: Array(8).fill(max(63)),
  issuedMs: max(64) - 60000n, expiresMs: max(64),
});

// FEE-050, FEE-051: a topic's quote, with a key and without. A stream of their own: what follows stays as it is.
const topicStream = new Stream('topic quotes');
const topicQuotes = [0, 1, 2, 8].map((bonds) => {
  const issuedMs = topicStream.uint(42);
  const fromMs = bonds ? issuedMs + topicStream.uint(30) : 0n;
  return {
    nodeId: 1n + topicStream.below((1 << 24) - 1), rateVersion: 1n + topicStream.uint(20), base: topicStream.uint(40),
    storage: topicStream.uint(30), congestion: topicStream.uint(30), units: topicStream.below(101),
    bonds: [...Array(bonds)].map(() => topicStream.uint(40)), issuedMs, expiresMs: issuedMs + 1n + topicStream.below(60000),
    topic: hash('pp.topic.v1', topicStream.bytes(1 + 9 * bonds)),
    acceptKey: bonds ? topicStream.address() : `0x${'00'.repeat(20)}`,
    deadlineFromMs: fromMs, deadlineToMs: bonds ? fromMs + topicStream.uint(32) : 0n,
  };
});

// REW-020 to REW-023: neighbours are paired level by level.
const refundLeaf = ({ stampId, amount, reason }) => ({
  hash: hash('pp.refund.v1', concat(['0x00', stampId, uint(amount, 12), uint(reason, 1)])), sum: amount,
});
const refundJoin = (left, right) => ({
  hash: hash('pp.refund.v1', concat(['0x01', left.hash, uint(left.sum, 12), right.hash, uint(right.sum, 12)])), sum: left.sum + right.sum,
});
function refundTree(leaves) {
  const levels = [leaves.map(refundLeaf)];
  while (levels.at(-1).length > 1) {
    const below = levels.at(-1);
    levels.push([...Array(Math.ceil(below.length / 2)).keys()].map((i) =>
      2 * i + 1 < below.length ? refundJoin(below[2 * i], below[2 * i + 1]) : below[2 * i]));
  }
  const top = levels.at(-1)[0];
  const proofs = leaves.map((_, leaf) => {
    const path = [];
    for (let level = 0, at = leaf; level < levels.length - 1; level++, at >>= 1)
      if ((at ^ 1) < levels[level].length) path.push(levels[level][at ^ 1]);
    return path;
  });
  return { sum: top.sum, root: hash('pp.refund.v1', concat(['0x02', top.hash, uint(top.sum, 12), uint(leaves.length, 8)])), proofs };
}
const refundLists = [1, 2, 3, 4, 5, 6, 7, 8, 11].map((count) => {
  const leaves = [...Array(count)].map(() => ({ stampId: stream.bytes32(), amount: stream.uint(92), reason: 1n + stream.below(3) }));
  const { sum, root, proofs } = refundTree(leaves);
  return { sum, root, leaves: leaves.map((leaf, i) => ({ ...leaf, proof: proofs[i] })) };
});
// Leaf i: stamp id hash("pp.leaf.v1", u32 i), amount 1000003 i + 1, reason 2: a test can make them, so the file stays small.
const longLists = [100, 1000, 1023, 1025].map((count) => {
  const { sum, root } = refundTree([...Array(count).keys()].map((i) => ({
    stampId: hash('pp.leaf.v1', uint(i, 4)), amount: 1000003n * BigInt(i) + 1n, reason: 2n,
  })));
  return { count, sum, root };
});

// REW-060 to REW-063.
const tie = (epoch, nodeId) => hash('pp.tie.v1', concat([uint(epoch, 8), uint(nodeId, 4)]));
function split(epoch, pool, basisPoints, nodeIds) {
  const protocol = (pool * basisPoints) / 10000n;
  const rest = pool - protocol;
  const count = BigInt(nodeIds.length);
  const parts = nodeIds.map(() => rest / count);
  const order = nodeIds.map((id, i) => [tie(epoch, id), i]).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, i] of order.slice(0, Number(rest % count))) parts[i] += 1n;
  return { epoch, pool, basisPoints, nodeIds, protocol, parts };
}
const splits = [...Array(40).keys()].map((i) => {
  const count = [1, 2, 3, 7, 20, 256][i % 6];
  const ids = new Set();
  while (ids.size < count) ids.add(1n + stream.below((1 << 24) - 1));
  const pool = stream.uint(1 + (i * 13) % 64);
  return split(stream.uint(32), pool, [0n, 1n, 250n, 3333n, 9999n, 10000n][(i >> 1) % 6], [...ids].sort((a, b) => (a < b ? -1 : 1)));
});

// specs/policies/: weights of any size; REW-062, REW-065.
function byWeight(epoch, pool, nodeIds, weights) {
  const total = weights.reduce((a, b) => a + b, 0n);
  if (total === 0n) return null;
  const parts = weights.map((weight) => (pool * weight) / total);
  const left = Number(pool - parts.reduce((a, b) => a + b, 0n));
  const order = nodeIds.map((id, i) => [(pool * weights[i]) % total, tie(epoch, id), i])
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a > b ? -1 : 1));
  for (const [, , i] of order.slice(0, left)) parts[i] += 1n;
  return parts;
}
function policySplit(row) {
  const { epoch, pool, basisPoints, nodeIds, stakes, byteDays, blend } = row;
  const weightsOf = { 1: nodeIds.map(() => 1n), 2: stakes, 3: byteDays };
  const columns = row.policy === 4n ? blend : [{ policy: row.policy, basisPoints: 10000n }];
  const has = columns.map(({ policy }) => weightsOf[policy].some((weight) => weight > 0n));
  const divide = (amount, bps) => { // ties go to the earlier column
    const total = bps.reduce((a, b) => a + b, 0n);
    const parts = bps.map((b) => (amount * b) / total);
    const order = bps.map((b, i) => [(amount * b) % total, i]).sort(([a, i], [b, j]) => (a === b ? i - j : a > b ? -1 : 1));
    for (const [, i] of order.slice(0, Number(amount - parts.reduce((a, b) => a + b, 0n)))) parts[i] += 1n;
    return parts;
  };
  const pools = divide(pool, columns.map(({ basisPoints: bps }) => bps));
  const shared = pools.reduce((sum, part, k) => sum + (has[k] ? part : 0n), 0n);
  const parts = nodeIds.map(() => 0n);
  let protocol = 0n;
  if (has.includes(true)) {
    protocol = (shared * basisPoints) / 10000n;
    const rests = divide(shared - protocol, columns.map(({ basisPoints: bps }, k) => (has[k] ? bps : 0n)));
    columns.forEach(({ policy }, k) => {
      if (has[k]) byWeight(epoch, rests[k], nodeIds, weightsOf[policy]).forEach((part, i) => { parts[i] += part; });
    });
  }
  return { ...row, protocol, carried: pool - shared, parts };
}
const policies = new Stream('policies');
const weight = () => (policies.below(4) === 0n ? 0n : policies.uint(1 + Number(policies.below(64))));
const policySplits = [...Array(60).keys()].map((i) => {
  const count = [1, 2, 3, 5, 16][i % 5];
  const ids = new Set();
  while (ids.size < count) ids.add(1n + policies.below((1 << 24) - 1));
  const none = i % 11 === 0;
  return policySplit({
    epoch: policies.uint(32), policy: [2n, 3n, 4n, 4n][i % 4], pool: policies.uint(1 + (i * 17) % 64), basisPoints: [0n, 1n, 250n, 3333n, 10000n][(i >> 2) % 5],
    blend: i % 4 < 2 ? [] : i % 4 === 2 ? [{ policy: 1n, basisPoints: 3333n }, { policy: 3n, basisPoints: 6667n }]
      : [{ policy: 3n, basisPoints: 5000n }, { policy: 2n, basisPoints: 4999n }, { policy: 1n, basisPoints: 1n }],
    nodeIds: [...ids].sort((a, b) => (a < b ? -1 : 1)), stakes: [...Array(count)].map(weight),
    byteDays: [...Array(count)].map(() => (none ? 0n : weight())),
  });
});

save('rewards.json', `@noble/hashes ${versionOf('@noble/hashes')} blake2b, Ed25519 of Node's crypto, BigInt; tests/support/vectors/rewards.mjs`, {
  quotes: [...quotes.map((q) => signedQuote(q)), ...topicQuotes.map((q) => signedQuote(q, topicStream))],
  refundLists,
  longLists,
  ties: [[0n, 1n], [1n, 1n], [40000n, 7n], [max(64), max(24)]].map(([epoch, nodeId]) => ({ epoch, nodeId, tie: tie(epoch, nodeId) })),
  splits,
  policySplits,
});
