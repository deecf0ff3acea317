// What dishonest parties sign and call, in JavaScript that shares no code with the product: an operator that keeps a refund to itself,
// and a quorum that reports what was never earned. They hold their own keys, and nobody else's.
import { concat, encodeAbiParameters, keccak256, toHex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { domainOf, types } from '../../tests/support/vectors/eip712_types.mjs';
import { CHAIN_ID } from './chain.mjs';

const ZERO_HASH = `0x${'00'.repeat(32)}`;
export const NO_REFUND = { refunded: 0n, reasons: ZERO_HASH, signature: { r: ZERO_HASH, s: ZERO_HASH, v: 0 } };

const split = (signature) => ({ r: `0x${signature.slice(2, 66)}`, s: `0x${signature.slice(66, 130)}`, v: Number(`0x${signature.slice(130)}`) });

export class Signer {
  constructor(contract, secret) {
    this.contract = contract;
    this.account = privateKeyToAccount(secret);
  }

  async #sign(primaryType, message) {
    return split(await this.account.signTypedData({ domain: domainOf(CHAIN_ID, this.contract), types: { [primaryType]: types[primaryType] }, primaryType, message }));
  }

  async voucher({ channelId, lane, spent, refundAck }) {
    const context = keccak256(toHex('whatever it was for'));
    return { spent, refundAck, context, signature: await this.#sign('Voucher', { channelId, lane, spent, refundAck, context }) };
  }

  async refund({ channelId, lane, refunded }) {
    const reasons = keccak256(toHex('whatever they were'));
    return { refunded, reasons, signature: await this.#sign('Refund', { channelId, lane, refunded, reasons }) };
  }

  report(report) {
    return this.#sign('EpochReport', report);
  }
}

/** The root of a tree with one lane, as OpenZeppelin's StandardMerkleTree has it. */
export function lanesRoot({ channelId, lane, leaf }) {
  const words = ['bytes32', 'uint32', 'uint96', 'uint96', 'uint96', 'uint96', 'uint96'].map((type) => ({ type }));
  const values = [channelId, lane, leaf.spent, leaf.refunded, leaf.earned, leaf.forfeited, leaf.owed];
  return keccak256(keccak256(encodeAbiParameters(words, values)));
}

/** The root of a sum tree with one payee. */
export function payoutRoot({ nodeId, payee, amount }) {
  const leaf = keccak256(concat(['0x00', toHex(nodeId, { size: 4 }), payee, toHex(amount, { size: 16 })]));
  return keccak256(concat(['0x02', leaf, toHex(amount, { size: 16 })]));
}
