// The Merkle-sum tree of payouts (specs/chain.md, CHAIN-013), written from the text and not from the C code.
import { concat, keccak256, numberToHex } from 'viem';

const u128 = (value) => numberToHex(value, { size: 16 });

export const payoutLeaf = ({ nodeId, payee, amount }) => ({
  sum: amount,
  hash: keccak256(concat(['0x00', numberToHex(nodeId, { size: 4 }), payee, u128(amount)])),
});

const join = (left, right) => ({
  sum: left.sum + right.sum,
  hash: keccak256(concat(['0x01', left.hash, u128(left.sum), right.hash, u128(right.sum)])),
});

export function payoutTree(entries) {
  const levels = [entries.map(payoutLeaf)];
  while (levels.at(-1).length > 1) {
    const below = levels.at(-1);
    const above = [];
    for (let i = 0; i < below.length; i += 2)
      above.push(i + 1 < below.length ? join(below[i], below[i + 1]) : below[i]);
    levels.push(above);
  }
  const [top] = levels.at(-1);
  return {
    total: top.sum,
    root: keccak256(concat(['0x02', top.hash, u128(top.sum)])),
    proofOf(index) {
      const steps = [];
      for (const level of levels.slice(0, -1)) {
        const sibling = index ^ 1;
        if (sibling < level.length) steps.push({ ...level[sibling], onLeft: sibling < index });
        index >>= 1;
      }
      return steps.map(({ hash, sum, onLeft }) => ({ hash, sum, onLeft }));
    },
  };
}
