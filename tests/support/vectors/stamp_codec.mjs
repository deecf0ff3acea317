// What only Pennypost hashes, by @noble/hashes: personalized BLAKE2b-256, envelopes, leaves, trees, contexts; and the
// batch frame. An implementation that shares nothing with the C one.
import { blake2b } from '@noble/hashes/blake2';
import { concat, hexToBytes, numberToHex, stringToHex, toHex } from 'viem';

export const uint = (value, bytes) => numberToHex(value, { size: bytes });

export function hash(tag, message) {
  const personalization = new Uint8Array(16);
  personalization.set(hexToBytes(stringToHex(tag)));
  return toHex(blake2b(hexToBytes(message), { dkLen: 32, personalization }));
}

export const envelopeHash = (topic, payload) =>
  hash('pp.envelope.v1', concat([uint((topic.length - 2) / 2, 2), topic, payload]));

export const leafLayout = [
  ['channelId', 32], ['lane', 4], ['envelopeHash', 32], ['from', 12], ['base', 8], ['storage', 8], ['congestion', 8],
  ['bond', 8], ['size', 4], ['retentionDays', 2], ['envelopeKind', 1], ['quoteId', 32], ['notAfterMs', 8],
  ['acceptKey', 20], ['acceptDeadlineMs', 8],
];

export const leafBytes = (leaf) =>
  concat(leafLayout.map(([name, bytes]) => (typeof leaf[name] === 'bigint' ? uint(leaf[name], bytes) : leaf[name])));

export function treeRoot(leaves) {
  let level = leaves;
  while (level.length > 1) {
    const above = [];
    for (let i = 0; i < level.length; i += 2)
      above.push(i + 1 < level.length ? hash('pp.node.v1', concat([level[i], level[i + 1]])) : level[i]);
    level = above;
  }
  return level[0];
}

export const context = (kind, count, root) => hash('pp.context.v1', concat([uint(kind, 1), uint(count, 4), root]));

export const stampId = (leaf) => hash('pp.leaf.v1', leafBytes(leaf));

const shared = new Set(['channelId', 'lane', 'quoteId']);

/** A batch frame (specs/http.md): `entries` are [{ leaf, topic, payload }], bytes as hex. */
export function frameBytes({ quote, channelId, lane, kind, spent, refundAck, signature, entries }) {
  const short = (leaf) =>
    concat(leafLayout.filter(([name]) => !shared.has(name)).map(([name, bytes]) => (typeof leaf[name] === 'bigint' ? uint(leaf[name], bytes) : leaf[name])));
  const length = (bytes) => (bytes.length - 2) / 2;
  return hexToBytes(
    concat([
      stringToHex('PPF1'), uint(length(quote), 2), quote, channelId, uint(lane, 4), uint(kind, 1), uint(spent, 12), uint(refundAck, 12), signature,
      uint(entries.length, 2),
      ...entries.flatMap(({ leaf, topic, payload }) => [short(leaf), uint(length(topic), 1), topic, payload]),
    ]),
  );
}
