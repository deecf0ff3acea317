// What a signer's command does (specs/cli.md, KEY-021), by another implementation: node sign.mjs KEY. It makes the digest anew from
// the fields, so that the two must agree on every one, and signs that.
import { readFileSync } from 'node:fs';
import { Secp256k1, Signature, TxEnvelopeEip1559 } from 'ox';

const question = JSON.parse(readFileSync(0, 'utf8'));
const tx = question.transaction;
const envelope = TxEnvelopeEip1559.from({
  chainId: Number(tx.chain_id),
  nonce: BigInt(tx.nonce),
  maxPriorityFeePerGas: BigInt(tx.max_priority_fee_per_gas),
  maxFeePerGas: BigInt(tx.max_fee_per_gas),
  gas: BigInt(tx.gas),
  to: tx.to,
  value: BigInt(tx.value),
  data: tx.data,
});
const digest = TxEnvelopeEip1559.getSignPayload(envelope);
if (digest !== question.digest || question.version !== 1 || tx.type !== 2) process.exit(1);
console.log(Signature.toHex(Secp256k1.sign({ payload: digest, privateKey: process.argv[2] })));
