// specs/vectors/merkle.json: lane trees, payout trees and operator sets.
import { encodeAbiParameters, keccak256, parseAbiParameters } from 'viem';
import { Stream, max, save, versionOf } from './common.mjs';
import { laneTree } from './lane_tree.mjs';
import { payoutLeaf, payoutTree } from './payout_tree.mjs';

const stream = new Stream('merkle');
const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100];
const range = (count) => [...Array(count).keys()];

const randomLane = () => ({
  channelId: stream.bytes32(),
  lane: stream.uint(32),
  spent: stream.uint(96),
  refunded: stream.uint(90),
  earned: stream.uint(90),
  forfeited: stream.uint(60),
  owed: stream.uint(60),
});

const picks = new Stream('merkle, several');

// Proofs of several leaves at once: of all, and of some by chance.
function batches(tree, count) {
  const some = range(4).map(() => range(count).filter(() => picks.below(3) === 0n));
  return [range(count), ...some.filter((list) => list.length > 0)].map((list) => tree.batchOf(list));
}

function laneCase(entries) {
  const tree = laneTree(entries);
  return {
    leaves: entries.map((entry, i) => ({ ...entry, hash: tree.leafOf(i), proof: tree.proofOf(i) })),
    batches: batches(tree, entries.length),
    root: tree.root,
  };
}

function payoutCase(entries) {
  const tree = payoutTree(entries);
  return {
    leaves: entries.map((entry, i) => ({ ...entry, hash: payoutLeaf(entry).hash, proof: tree.proofOf(i) })),
    total: tree.total,
    root: tree.root,
  };
}

function payoutEntries(count, amount) {
  let nodeId = 0n;
  return range(count).map((i) => {
    const entry = { nodeId, payee: stream.address(), amount: amount(i) };
    nodeId += 1n + stream.below(1000);
    return entry;
  });
}

const setEntries = (count) =>
  range(count).map((i) => ({ nodeId: BigInt(i) * 7n + 1n, operatorKey: stream.address() }));

const setHash = (set) =>
  keccak256(
    encodeAbiParameters(parseAbiParameters('uint32[], address[]'), [
      set.map((o) => Number(o.nodeId)),
      set.map((o) => o.operatorKey),
    ]),
  );

const zeroLane = { channelId: `0x${'00'.repeat(32)}`, lane: 0n, spent: 0n, refunded: 0n, earned: 0n, forfeited: 0n, owed: 0n };
const fullLane = {
  channelId: `0x${'ff'.repeat(32)}`,
  lane: max(32),
  spent: max(96),
  refunded: max(96),
  earned: max(96),
  forfeited: max(96),
  owed: max(96),
};

save(
  'merkle.json',
  `lanes: @openzeppelin/merkle-tree ${versionOf('@openzeppelin/merkle-tree')} StandardMerkleTree; ` +
    `payouts: tests/support/vectors/payout_tree.mjs with keccak256 of viem ${versionOf('viem')}; tests/support/vectors/merkle.mjs`,
  {
    lanes: [...sizes.map((n) => laneCase(range(n).map(randomLane))), laneCase([zeroLane, fullLane])],
    payouts: [
      ...sizes.map((n) => payoutCase(payoutEntries(n, () => stream.uint(64)))),
      payoutCase(payoutEntries(3, () => 0n)),
      payoutCase(payoutEntries(1, () => max(128))),
      payoutCase(payoutEntries(2, (i) => (i === 0 ? max(127) : 1n))),
    ],
    operatorSets: [0, 1, 2, 3, 5, 100].map((n) => {
      const set = setEntries(n);
      return { operators: set, hash: setHash(set) };
    }),
  },
);
