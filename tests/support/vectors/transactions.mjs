// specs/vectors/transactions.json: type-2 (EIP-1559) transactions serialized and signed by viem.
import { keccak256, parseSignature, serializeTransaction } from 'viem';
import { privateKeyToAddress, sign } from 'viem/accounts';
import { Stream, max, save, versionOf } from './common.mjs';

const stream = new Stream('transactions');

// Lengths around RLP's borders: a single byte below and above 0x80, 55/56 and 255/256 bytes, and a large call.
const data = ['0x', '0x00', '0x7f', '0x80', '0xff', ...[2, 55, 56, 68, 255, 256, 4096].map((n) => stream.bytes(n))];

const fields = (i) => ({
  chainId: 31337n,
  nonce: BigInt(i),
  maxPriorityFeePerGas: stream.uint(32),
  maxFeePerGas: stream.uint(40),
  gas: 21000n + stream.uint(20),
  to: stream.address(),
  value: 0n,
  data: '0x',
});

const inputs = [
  ...data.map((d, i) => ({ ...fields(i), data: d })),
  { ...fields(0), chainId: 1n, nonce: 0n, maxPriorityFeePerGas: 0n, maxFeePerGas: 0n, gas: 0n, value: 0n },
  { ...fields(0), chainId: 1n, nonce: 0x7fn, maxPriorityFeePerGas: 0x7fn, maxFeePerGas: 0x80n, gas: 0x80n, value: 0x80n },
  { ...fields(0), chainId: 0xffffn, nonce: 0x100n, maxPriorityFeePerGas: 0xffn, maxFeePerGas: 0x100n, gas: 0xffffn, value: 0x10000n },
  { ...fields(0), chainId: max(53), nonce: max(53), maxPriorityFeePerGas: max(64), maxFeePerGas: max(64), gas: max(64), value: max(256) },
  { ...fields(3), to: null, data: stream.bytes(300) },
  { ...fields(4), dataRepeat: { byte: '0xa5', count: 70000 } },
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((i) => ({ ...fields(100 + i), data: stream.bytes(Number(stream.below(400))) })),
];

const cases = [];
for (const input of inputs) {
  const privateKey = stream.bytes32();
  const { dataRepeat, ...plain } = input;
  const request = {
    ...plain,
    data: dataRepeat ? `0x${dataRepeat.byte.slice(2).repeat(dataRepeat.count)}` : input.data,
    type: 'eip1559',
    nonce: Number(input.nonce),
    chainId: Number(input.chainId),
    to: input.to ?? undefined,
  };
  const unsigned = serializeTransaction(request);
  const signingHash = keccak256(unsigned);
  const signature = await sign({ hash: signingHash, privateKey, to: 'hex' });
  const { r, s, yParity } = parseSignature(signature);
  const raw = serializeTransaction(request, { r, s, yParity });
  cases.push({
    ...input,
    privateKey,
    from: privateKeyToAddress(privateKey).toLowerCase(),
    unsigned: dataRepeat ? undefined : unsigned, // a large call is given by its hashes
    signingHash,
    r,
    s,
    yParity,
    raw: dataRepeat ? undefined : raw,
    hash: keccak256(raw),
  });
}

save(
  'transactions.json',
  `viem ${versionOf('viem')}: serializeTransaction, sign; keys are for tests only; tests/support/vectors/transactions.mjs`,
  { accessList: [], cases },
);
