// The tree of lane leaves (specs/chain.md, CHAIN-012), by @openzeppelin/merkle-tree.
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';

export const laneLeafTypes = ['bytes32', 'uint32', 'uint96', 'uint96', 'uint96', 'uint96', 'uint96'];
export const laneLeafFields = ['channelId', 'lane', 'spent', 'refunded', 'earned', 'forfeited', 'owed'];

export function laneTree(entries) {
  const values = entries.map((entry) => laneLeafFields.map((field) => entry[field].toString()));
  const tree = StandardMerkleTree.of(values, laneLeafTypes);
  return {
    root: tree.root,
    leafOf: (index) => tree.leafHash(values[index]),
    proofOf: (index) => tree.getProof(index),
    // One proof for several leaves; `order` says in which order the contract wants them.
    batchOf: (indices) => {
      const { leaves, proof, proofFlags } = tree.getMultiProof(indices);
      const place = new Map(indices.map((index) => [tree.leafHash(values[index]), index]));
      return { order: leaves.map((leaf) => place.get(tree.leafHash(leaf))), proof, flags: proofFlags };
    },
  };
}
