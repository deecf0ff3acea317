// specs/vectors/evidence.json: signed segments of small journals, by @noble/hashes and viem.
import { concat, hexToBytes, toHex } from 'viem';
import { privateKeyToAddress, sign } from 'viem/accounts';
import { Stream, save, versionOf } from './common.mjs';
import { hash, uint } from './stamp_codec.mjs';
import { hashDomain } from 'viem';

const stream = new Stream('evidence');
const lengthOf = (hex) => (hex.length - 2) / 2;
const checksum = (before, sequence, record) => hash('pp.journal.v1', concat([before, uint(sequence, 8), record])).slice(0, 34);

const journals = [];
for (let i = 0; i < 3; i++) {
  const chainId = 1n + stream.below(1 << 20);
  const contract = toHex(hexToBytes(stream.bytes32()).subarray(0, 20));
  const operatorKey = stream.bytes32();
  const operator = privateKeyToAddress(operatorKey).toLowerCase();
  const receiptKey = stream.bytes32();
  const nodeId = 1n + stream.below((1 << 24) - 1);
  const shard = stream.below(256);
  const lane = (nodeId << 8n) | shard;
  const startMs = 1760054400000n;
  const records = [concat([uint(1, 1), uint(1, 1), uint(startMs, 8), uint(nodeId, 4), uint(shard, 1), uint(1, 1), uint(chainId, 8), contract, operator, receiptKey])];
  for (let day = 1n; day <= 4n; day++) {
    const timeMs = startMs + day * 86400000n;
    records.push(concat([uint(1, 1), uint(8, 1), uint(timeMs, 8), uint(timeMs / 86400000n, 4)]));
  }
  const checksums = ['0x' + '00'.repeat(16)];
  records.forEach((record, at) => checksums.push(checksum(checksums[at], at + 1, record)));
  const separator = hashDomain({
    domain: { name: 'Pennypost', version: '1', chainId, verifyingContract: contract },
    types: { EIP712Domain: [['name', 'string'], ['version', 'string'], ['chainId', 'uint256'], ['verifyingContract', 'address']].map(([name, type]) => ({ name, type })) },
  });
  // all of it, a piece, and a head without records
  const segments = [];
  for (const [first, next] of [[1, 6], [2, 4], [6, 6]]) {
    const body = first === next ? '0x' : concat(records.slice(first - 1, next - 1).flatMap((record) => [uint(lengthOf(record), 4), record]));
    const timeMs = startMs + BigInt(next - 2) * 86400000n;
    const content = hash('pp.evidbody.v1', body);
    const head = concat([uint(lane, 4), uint(first, 8), uint(next, 8), checksums[first - 1], checksums[next - 1], uint(timeMs, 8), receiptKey, content]);
    const digest = hash('pp.evidence.v1', concat([separator, head]));
    const signature = await sign({ hash: digest, privateKey: operatorKey, to: 'hex' });
    segments.push({ first, next, body, bytes: concat(['0x50504531', head, signature, uint(lengthOf(body), 4), body]) });
  }
  // what another operator acknowledges of it, to a place in the middle and to the end
  const acknowledgements = [];
  for (const next of [3, 6]) {
    const ackKey = stream.bytes32();
    const ackNode = 1n + stream.below((1 << 24) - 1);
    const timeMs = startMs + stream.below(1 << 30);
    const said = concat([uint(lane, 4), uint(next, 8), checksums[next - 1], uint(ackNode, 4), uint(timeMs, 8)]);
    const signature = await sign({ hash: hash('pp.ack.v1', concat([separator, said])), privateKey: ackKey, to: 'hex' });
    acknowledgements.push({ key: ackKey, operator: privateKeyToAddress(ackKey).toLowerCase(), nodeId: ackNode, next, checksum: checksums[next - 1], timeMs, bytes: concat(['0x50504131', said, signature]) });
  }
  journals.push({ chainId, contract, operatorKey, operator, lane, receiptKey, segments, acknowledgements });
}

save('evidence.json', `@noble/hashes ${versionOf('@noble/hashes')}, viem ${versionOf('viem')}; tests/support/vectors/evidence.mjs`, { journals });
