// specs/vectors/blake2b.json: personalized BLAKE2b-256 and what is built on it, by @noble/hashes.
import { concat } from 'viem';
import { Stream, max, save, versionOf } from './common.mjs';
import { context, envelopeHash, hash, leafBytes, leafLayout, stampId, treeRoot, uint } from './stamp_codec.mjs';

const stream = new Stream('blake2b');
const topicStream = new Stream('topics');
const tags = ['envelope', 'leaf', 'node', 'context', 'receipt', 'quote', 'refund', 'journal'].map((t) => `pp.${t}.v1`);
const zero32 = `0x${'00'.repeat(32)}`;
const zeroLeaf = {
  channelId: zero32, lane: 0n, envelopeHash: zero32, from: 0n, base: 0n, storage: 0n, congestion: 0n, bond: 0n, size: 0n,
  retentionDays: 0n, envelopeKind: 0n, quoteId: zero32, notAfterMs: 0n, acceptKey: `0x${'00'.repeat(20)}`, acceptDeadlineMs: 0n,
};
const full = (name, bytes) => (zeroLeaf[name] === 0n ? max(8 * bytes) : `0x${'ff'.repeat(bytes)}`);
const randomLeaf = (bond) => ({
  channelId: stream.bytes32(), lane: stream.uint(32), envelopeHash: stream.bytes32(), from: stream.uint(90),
  base: stream.uint(40), storage: stream.uint(60), congestion: stream.uint(40), bond: bond ? stream.uint(40) : 0n,
  size: stream.uint(20), retentionDays: 1n + stream.below(90), envelopeKind: stream.uint(8), quoteId: stream.bytes32(),
  notAfterMs: stream.uint(42), acceptKey: bond ? stream.address() : zeroLeaf.acceptKey, acceptDeadlineMs: bond ? stream.uint(42) : 0n,
});
const leaves = [
  ...[0, 1, 2, 3, 4, 5].map((i) => randomLeaf(i % 2 === 1)),
  zeroLeaf,
  ...leafLayout.map(([name, bytes]) => ({ ...zeroLeaf, [name]: full(name, bytes) })),
];

const kinds = { single: 1n, batch: 2n, session: 3n };
const trees = [1, 2, 3, 4, 5, 6, 7, 8, 9, 64, 100, 1023, 1024].map((count) => {
  // leaf i of every tree is hash("pp.leaf.v1", u32 i): a test can make them, so the file stays small
  const root = treeRoot([...Array(count).keys()].map((i) => hash('pp.leaf.v1', uint(i, 4))));
  return { count, root, contexts: Object.fromEntries(Object.entries(kinds).map(([k, n]) => [k, context(n, count, root)])) };
});

const receiptLayout = [['channelId', 32], ['lane', 4], ['stampId', 32], ['sequence', 8], ['timeMs', 8]];
const receipts = [0, 1, 2].map(() => {
  const receipt = {
    channelId: stream.bytes32(), lane: stream.uint(32), stampId: stream.bytes32(), sequence: stream.uint(64), timeMs: stream.uint(42),
  };
  const body = concat(receiptLayout.map(([n, b]) => (typeof receipt[n] === 'bigint' ? uint(receipt[n], b) : receipt[n])));
  return { ...receipt, body, hash: hash('pp.receipt.v1', concat(['0x00', body])) };
});
const groups = [1n, 3n, 1024n].map((count) => {
  const [nodeId, root] = [1n + stream.below(1 << 24), stream.bytes32()];
  return { nodeId, root, count, hash: hash('pp.receipt.v1', concat(['0x01', uint(nodeId, 4), root, uint(count, 4)])) };
});

save('blake2b.json', `@noble/hashes ${versionOf('@noble/hashes')} blake2b with personalization; tests/support/vectors/blake2b.mjs`, {
  hashes: [
    ...tags.flatMap((tag) => [0, 3, 200].map((n) => ({ tag, message: stream.bytes(n) }))),
    ...[1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000, 5000].map((n) => ({ tag: tags[0], message: stream.bytes(n) })),
  ].map((c) => ({ ...c, hash: hash(c.tag, c.message) })),
  envelopes: [[1, 0], [1, 1], [32, 200], [128, 1024], [64, 3000]].map(([t, p]) => {
    const [topic, payload] = [stream.bytes(t), stream.bytes(p)];
    return { topic, payload, hash: envelopeHash(topic, payload) };
  }),
  topics: [1, 2, 32, 127, 128].map((length) => {
    const topic = topicStream.bytes(length);
    return { topic, hash: hash('pp.topic.v1', topic) };
  }),
  leaves: leaves.map((leaf) => ({ ...leaf, bytes: leafBytes(leaf), stampId: stampId(leaf) })),
  trees,
  receipts,
  groups,
});
