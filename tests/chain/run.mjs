// Runs every test of the contract: forge's, then the programs of this folder; one "ok NAME" or "not ok NAME" a test.
// Nothing is asked of the network, and nothing is written outside of build/.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from '../../settlement/contracts/build.mjs';
import { toolBinary } from '../support/chain/anvil.mjs';
import { contractsDir, root } from '../support/chain/paths.mjs';

const forgeRoot = join(root, 'settlement/contracts');
let failed = false;

// --nightly: the invariants alone, for 10^6 calls or as many runs of 100 calls as --runs says, from another seed each time.
const nightly = process.argv.includes('--nightly');
const runs = process.argv.includes('--runs') ? process.argv[process.argv.indexOf('--runs') + 1] : '10000';
const seed = process.env.FOUNDRY_FUZZ_SEED ?? `0x${randomBytes(16).toString('hex')}`;
const more = nightly ? { FOUNDRY_INVARIANT_RUNS: runs, FOUNDRY_INVARIANT_DEPTH: '100', FOUNDRY_FUZZ_SEED: seed } : {};
let passed = 0;

function runForge() {
  const out = join(root, 'build/forge');
  const result = spawnSync(toolBinary('forge'), ['test', '--json', ...(nightly ? ['--match-path', 'test/Invariants.t.sol'] : []), '--out', join(out, 'out'), '--cache-path', join(out, 'cache')], {
    cwd: forgeRoot,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...more, PENNYPOST_CONTRACTS: relative(forgeRoot, contractsDir), PENNYPOST_SOLC_CACHE: out },
  });
  let suites;
  try {
    suites = JSON.parse(result.stdout.slice(result.stdout.indexOf('{')));
  } catch {
    console.log(`not ok forge\n${result.stdout}${result.stderr}`);
    failed = true;
    return;
  }
  for (const [suite, { test_results: tests }] of Object.entries(suites)) {
    const contract = suite.split(':')[1];
    for (const [signature, { status, reason, counterexample }] of Object.entries(tests)) {
      const name = `${contract}.${signature.split('(')[0]}`;
      if (status === 'Success') {
        console.log(`ok ${name}`);
        passed++;
        continue;
      }
      failed = true;
      console.log(`not ok ${name}\n    ${status}: ${reason ?? ''}`);
      if (counterexample) console.log(`    with ${JSON.stringify(counterexample).slice(0, 2000)}`);
    }
  }
  if (result.status !== 0 && !failed) {
    console.log(`not ok forge\n    status ${result.status}: ${result.stderr}`);
    failed = true;
  }
}

function runProgram(name) {
  const result = spawnSync('node', [join(root, 'tests/chain', name)], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PENNYPOST_CONTRACTS: contractsDir },
    timeout: 300_000,
  });
  if (result.status === 0) return;
  failed = true;
  if (result.signal || result.error) console.log(`not ok ${name}: ${result.signal ?? result.error}`);
}

build(contractsDir);
if (nightly) console.log(`${runs} runs of 100 calls; again with FOUNDRY_FUZZ_SEED=${seed}`);
runForge();
if (nightly) console.log(`${passed} passed, ${failed ? 1 : 0} failed`);
else for (const name of readdirSync(join(root, 'tests/chain')).sort())
  if (name.endsWith('.mjs') && name !== 'run.mjs') runProgram(name);
process.exitCode = failed ? 1 : 0;
