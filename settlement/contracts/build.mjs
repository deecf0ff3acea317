#!/usr/bin/env node
// Compiles the contracts with the npm compiler into a folder: node build.mjs OUT_DIR [--quiet]
// Writes OUT_DIR/<Contract>.json {contractName, abi, bytecode, deployedBytecode, methodIdentifiers}, and does nothing
// when the sources, the compiler and the settings are those of the last run.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

// The same in foundry.toml; a test compares them.
export const settings = {
  optimizer: { enabled: true, runs: 200 },
  viaIR: true,
  evmVersion: 'cancun',
  metadata: { bytecodeHash: 'none', appendCBOR: false },
};

const packageOf = (name) => {
  let dir = here;
  while (!existsSync(join(dir, 'node_modules', name, 'package.json'))) {
    if (dirname(dir) === dir) throw new Error(`npm package ${name} is not installed: run npm ci`);
    dir = dirname(dir);
  }
  return join(dir, 'node_modules', name);
};
const versionOf = (name) => JSON.parse(readFileSync(join(packageOf(name), 'package.json'), 'utf8')).version;

function sourcesUnder(dir) {
  const found = {};
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: false })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) Object.assign(found, sourcesUnder(path));
    else if (entry.name.endsWith('.sol')) found[relative(here, path)] = { content: readFileSync(path, 'utf8') };
  }
  return found;
}

function readImport(path) {
  const match = /^(@[^/]+\/[^/]+|[^/@]+)\/(.*)$/.exec(path);
  try {
    return { contents: readFileSync(join(packageOf(match[1]), match[2]), 'utf8') };
  } catch {
    return { error: `not found: ${path}` };
  }
}

function compile(sources) {
  const solc = require('solc');
  const input = {
    language: 'Solidity',
    sources,
    settings: {
      ...settings,
      outputSelection: {
        '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'evm.methodIdentifiers', 'storageLayout'] },
      },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
  // Warnings about our own sources are errors; a library's are its authors' affair.
  const ours = (e) => e.sourceLocation === undefined || e.sourceLocation.file.startsWith('src/');
  const problems = (output.errors ?? []).filter((e) => e.severity === 'error' || (e.severity === 'warning' && ours(e)));
  if (problems.length) throw new Error(problems.map((e) => e.formattedMessage).join('\n'));
  return output.contracts;
}

function write(dir, name, value) {
  const path = join(dir, name);
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(value, null, 1) + '\n');
  renameSync(`${path}.${process.pid}`, path);
}

// The escrow answers for its annexes at its own address: its ABI is that of all.
export const annexes = ['PayersAnnex', 'OperatorsAnnex'];

function withAnnexes(contracts) {
  const escrow = contracts['src/Pennypost.sol'].Pennypost;
  for (const annex of annexes.map((name) => contracts[`src/${name}.sol`][name])) {
    const known = new Set(escrow.abi.map((item) => JSON.stringify(item)));
    const isNew = (item) => !['constructor', 'fallback'].includes(item.type) && !known.has(JSON.stringify(item));
    escrow.abi = [...escrow.abi, ...annex.abi.filter(isNew)];
    escrow.evm.methodIdentifiers = { ...annex.evm.methodIdentifiers, ...escrow.evm.methodIdentifiers };
  }
  return contracts;
}

// Returns whether anything had to be compiled.
export function build(outDir) {
  const sources = sourcesUnder(join(here, 'src'));
  const key = createHash('sha256')
    .update(JSON.stringify([readFileSync(fileURLToPath(import.meta.url), 'utf8'), sources, settings, versionOf('solc'), versionOf('@openzeppelin/contracts')]))
    .digest('hex');
  const stamp = join(outDir, 'stamp.json');
  if (existsSync(stamp) && JSON.parse(readFileSync(stamp, 'utf8')).key === key) return false;

  mkdirSync(outDir, { recursive: true });
  const names = [];
  for (const [file, contracts] of Object.entries(withAnnexes(compile(sources)))) {
    if (!file.startsWith('src/')) continue;
    for (const [contractName, { abi, evm, storageLayout }] of Object.entries(contracts)) {
      names.push(contractName);
      write(outDir, `${contractName}.json`, {
        contractName,
        abi,
        bytecode: `0x${evm.bytecode.object}`,
        deployedBytecode: `0x${evm.deployedBytecode.object}`,
        methodIdentifiers: evm.methodIdentifiers,
        storage: storageLayout.storage.map(({ label, slot, offset, type }) => ({ label, slot, offset, type: type.replace(/\)\d+_/g, ')_') })),
      });
    }
  }
  write(outDir, 'stamp.json', { key, names }); // last: a build that was interrupted is not taken for a whole one
  return true;
}

export const artifact = (outDir, name) => JSON.parse(readFileSync(join(outDir, `${name}.json`), 'utf8'));

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  const outDir = process.argv[2];
  if (!outDir) {
    console.error('usage: build.mjs OUT_DIR');
    process.exit(2);
  }
  try {
    console.log(build(outDir) ? `contracts: compiled into ${outDir}` : 'contracts: up to date');
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
