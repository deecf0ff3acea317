// What every generator shares: deterministic inputs, decimal strings, and the file format of specs/vectors.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { concat, hexToBigInt, keccak256, numberToHex, size, slice, toHex } from 'viem';

const require = createRequire(import.meta.url);
const target = new URL('../../../specs/vectors/', import.meta.url);

export const versionOf = (name) => {
  const path = require.resolve(name).replace(/\\/g, '/');
  const root = path.slice(0, path.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}/`.length);
  return JSON.parse(readFileSync(root + 'package.json', 'utf8')).version;
};

// A stream of bytes that is the same on every machine: keccak256(seed, counter).
export class Stream {
  #seed;
  #counter = 0;
  constructor(name) {
    this.#seed = keccak256(toHex(`pennypost vectors: ${name}`));
  }
  bytes32() {
    return keccak256(concat([this.#seed, numberToHex(this.#counter++, { size: 8 })]));
  }
  address() {
    return slice(this.bytes32(), 0, 20);
  }
  bytes(count) {
    let out = '0x';
    while (size(out) < count) out = concat([out, this.bytes32()]);
    return count === 0 ? '0x' : slice(out, 0, count);
  }
  uint(bits) {
    return hexToBigInt(this.bytes32()) & ((1n << BigInt(bits)) - 1n);
  }
  below(bound) {
    return this.uint(128) % BigInt(bound);
  }
}

export const max = (bits) => (1n << BigInt(bits)) - 1n;

// Numbers are written as decimal strings: most do not fit a JSON number.
const printable = (key, value) => (typeof value === 'bigint' ? value.toString() : value);

export function save(file, provenance, content) {
  const text = JSON.stringify({ provenance, ...content }, printable, 1) + '\n';
  const url = new URL(file, target);
  if (process.argv.includes('--check')) {
    if (readFileSync(url, 'utf8') !== text) {
      console.error(`${file}: differs from what its generator makes; run tests/support/vectors/all.mjs`);
      process.exitCode = 1;
    }
    return;
  }
  writeFileSync(url, text);
}

export const vectorFile = (file) => new URL(file, target);
