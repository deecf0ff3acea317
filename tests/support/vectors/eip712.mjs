// specs/vectors/eip712.json: digests and signatures of every signed type, by viem.
import { hashDomain, hashStruct, hashTypedData, keccak256, toHex } from 'viem';
import { privateKeyToAddress, sign } from 'viem/accounts';
import { Stream, max, save, versionOf } from './common.mjs';
import { domainOf, encodeType, types } from './eip712_types.mjs';

const stream = new Stream('eip712');
const domainTypes = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
];
const keys = [stream.bytes32(), toHex(1n, { size: 32 }), toHex(0xdeadbeefn, { size: 32 })];
const domains = [
  domainOf(31337n, '0x5fbdb2315678afecb367f032d93f642f64180aa3'),
  domainOf(1n, stream.address()),
  domainOf(max(64), '0xffffffffffffffffffffffffffffffffffffffff'),
];

function extreme(type, high) {
  if (type === 'bytes32') return high ? `0x${'ff'.repeat(32)}` : `0x${'00'.repeat(32)}`;
  if (type === 'address') return high ? `0x${'ff'.repeat(20)}` : `0x${'00'.repeat(20)}`;
  return high ? max(Number(type.slice(4))) : 0n;
}

function random(type) {
  if (type === 'bytes32') return stream.bytes32();
  if (type === 'address') return stream.address();
  return stream.uint(Number(type.slice(4)));
}

// Caps are token base units: a uint96 word in a LaneRelease, but never above 2^64 (CHAIN-001).
const rangeOf = (field) => (/Cap$/.test(field.name) ? 'uint64' : field.type);
const build = (name, value) => Object.fromEntries(types[name].map((f) => [f.name, value(rangeOf(f))]));

async function caseOf(name, domain, message, privateKey) {
  const typed = { [name]: types[name] };
  const digest = hashTypedData({ domain, types: typed, primaryType: name, message });
  return {
    type: name,
    chainId: domain.chainId,
    verifyingContract: domain.verifyingContract,
    domainSeparator: hashDomain({ domain, types: { EIP712Domain: domainTypes } }),
    message,
    structHash: hashStruct({ data: message, types: typed, primaryType: name }),
    digest,
    privateKey,
    address: privateKeyToAddress(privateKey).toLowerCase(),
    signature: await sign({ hash: digest, privateKey, to: 'hex' }),
  };
}

const cases = [];
for (const name of Object.keys(types)) {
  for (const [i, domain] of domains.entries()) cases.push(await caseOf(name, domain, build(name, random), keys[i]));
  for (const high of [false, true])
    cases.push(await caseOf(name, domains[0], build(name, (type) => extreme(type, high)), keys[0]));
  // one field at its maximum, the rest zero: a field that is encoded at the wrong place or width shows
  for (const field of types[name]) {
    const message = { ...build(name, (type) => extreme(type, false)), [field.name]: extreme(rangeOf(field), true) };
    cases.push(await caseOf(name, domains[0], message, keys[2]));
  }
}

save(
  'eip712.json',
  `viem ${versionOf('viem')}: hashTypedData, hashStruct, hashDomain, sign (RFC 6979); tests/support/vectors/eip712.mjs`,
  {
    types: Object.keys(types).map((name) => ({
      name,
      encodeType: encodeType(name),
      typeHash: keccak256(toHex(encodeType(name))),
    })),
    cases,
  },
);
