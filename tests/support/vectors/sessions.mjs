// specs/vectors/sessions.json: the exchange, keys and MACs of session stamps, by @noble/hashes and @noble/curves.
import { blake2b } from '@noble/hashes/blake2';
import { ed25519, x25519 } from '@noble/curves/ed25519';
import { concat, hexToBytes, stringToHex, toHex } from 'viem';
import { Stream, save, versionOf } from './common.mjs';
import { context, hash, treeRoot, uint } from './stamp_codec.mjs';

const stream = new Stream('sessions');
const mac = (key, id) => {
  const personalization = hexToBytes(stringToHex('pp.sessionmac.v1'));
  return toHex(blake2b(hexToBytes(id), { dkLen: 16, key: hexToBytes(key), personalization }));
};
const publicOf = (secret) => toHex(x25519.getPublicKey(hexToBytes(secret)));

const sessions = [0, 1, 2, 3].map((i) => {
  const [receiptSeed, signer, nonce] = [stream.bytes32(), stream.bytes32(), stream.bytes32()];
  const nodeId = 1n + stream.below(1 << 24);
  const [nodeSecret, senderSecret] = [hash('pp.sessnode.v1', receiptSeed), hash('pp.sesssend.v1', concat([signer, nonce]))];
  const [nodeKey, senderKey] = [publicOf(nodeSecret), publicOf(senderSecret)];
  const channelId = stream.bytes32();
  const lane = stream.uint(32);
  const from = i === 0 ? 0n : stream.uint(80);
  const to = from + 1n + stream.uint(60);
  const notAfterMs = stream.uint(42);
  const transcript = concat([channelId, uint(lane, 4), nodeKey, senderKey, uint(from, 12), uint(to, 12), uint(notAfterMs, 8)]);
  const sessionId = hash('pp.session.v1', transcript);
  const shared = toHex(x25519.getSharedSecret(hexToBytes(nodeSecret), hexToBytes(senderKey)));
  const key = hash('pp.sessionkey.v1', concat([shared, transcript]));
  const ids = [0, 1, 2].map(() => stream.bytes32());
  return {
    receiptSeed, nodeId, signer, nonce, nodeSecret, nodeKey, senderSecret, senderKey,
    nodeSignature: toHex(ed25519.sign(hexToBytes(hash('pp.sesssign.v1', concat([uint(nodeId, 4), nodeKey]))), hexToBytes(receiptSeed))),
    receiptKey: toHex(ed25519.getPublicKey(hexToBytes(receiptSeed))),
    channelId, lane, from, to, notAfterMs, transcript, sessionId,
    openingContext: context(3n, 0, sessionId),
    key,
    macs: ids.map((id) => ({ id, mac: mac(key, id) })),
    rootContext: context(3n, ids.length, treeRoot(ids)),
  };
});

// Public keys of small order: whoever sends one of them knows the shared secret, zero, in advance.
const smallOrder = [
  '0x0000000000000000000000000000000000000000000000000000000000000000',
  '0x0100000000000000000000000000000000000000000000000000000000000000',
  '0xe0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '0x5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  '0xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];
for (const key of smallOrder) {
  let refused = false;
  try {
    x25519.getSharedSecret(hexToBytes(sessions[0].nodeSecret), hexToBytes(key));
  } catch {
    refused = true;
  }
  if (!refused) throw new Error(`${key} is not of small order`);
}

save('sessions.json', `@noble/hashes ${versionOf('@noble/hashes')}, @noble/curves ${versionOf('@noble/curves')}; tests/support/vectors/sessions.mjs`, { sessions, smallOrder });
