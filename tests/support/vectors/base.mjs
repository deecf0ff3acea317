// specs/vectors/base.json: Keccak-256 around its rate of 136 bytes, and Ed25519 signatures.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { hexToBytes, keccak256, toHex } from 'viem';
import { Stream, save, versionOf } from './common.mjs';

const stream = new Stream('base');

// Byte i of the message of length n is (31 i + n) mod 256.
const message = (length) => Uint8Array.from({ length }, (_, i) => (31 * i + length) & 0xff);
const keccak = Array.from({ length: 301 }, (_, length) => keccak256(message(length)));

const ed25519 = [stream.bytes32(), `0x${'00'.repeat(32)}`, `0x${'ff'.repeat(32)}`, stream.bytes32()].map((seed) => {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex'); // PKCS #8 of RFC 8410
  const key = createPrivateKey({ key: Buffer.concat([prefix, hexToBytes(seed)]), format: 'der', type: 'pkcs8' });
  const digest = stream.bytes32();
  return {
    seed,
    publicKey: toHex(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)),
    digest,
    signature: toHex(sign(null, hexToBytes(digest), key)),
  };
});

save(
  'base.json',
  `keccak: viem ${versionOf('viem')}; ed25519: OpenSSL by node:crypto; tests/support/vectors/base.mjs`,
  { keccak, ed25519 },
);
