// Goal: the settlement function in C, in Solidity and in the Python model are one function.
// Method: pp_settle_cases prints cases and C's answers: every small case and 120,000 random ones. The same numbers go to
// the contract, thousands a call (SettlementHarness on anvil), and to tests/support/settle_cases.py, which runs the
// model with 10^6 grains to a unit. Every answer of every case is compared.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createPublicClient, createWalletClient, http } from 'viem';
import { artifact } from '../../settlement/contracts/build.mjs';
import { receiptOf } from '../../settlement/contracts/receipt.mjs';
import { startAnvil } from '../support/chain/anvil.mjs';
import { cBuildDir, contractsDir, root } from '../support/chain/paths.mjs';
import { check } from '../support/chain/suite.mjs';

const PER_CALL = 4096;
const RANDOM = 120_000;
const program = join(cBuildDir, 'tests/pp_settle_cases');
if (!existsSync(program)) throw new Error(`${program} is not there: build first, and name the build folder in PP_BUILD`);

function run(command, args, input) {
  const result = spawnSync(command, args, { input, encoding: 'utf8', maxBuffer: 1 << 30 });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: status ${result.status}: ${result.stderr}`);
  return result.stdout.trimEnd().split('\n');
}

const fromC = (args) => run(program, args).map((line) => line.split(' '));

function fromModel(cases) {
  const input = cases.map((c) => c.slice(0, 5).join(' ')).join('\n');
  return run('python3', [join(root, 'tests/support/settle_cases.py')], input).map((line) => line.split(' '));
}

const hex = (decimal, bytes) => BigInt(decimal).toString(16).padStart(2 * bytes, '0');
const packed = ([spent, refunded, earned, cap, vested]) =>
  hex(spent, 12) + hex(refunded, 12) + hex(earned, 12) + hex(cap, 8) + hex(vested, 12);

async function deployHarness(url) {
  const transport = http(url, { timeout: 60_000 });
  const client = createPublicClient({ transport, pollingInterval: 20 });
  const [account] = await client.request({ method: 'eth_accounts' });
  const wallet = createWalletClient({ account, transport });
  const { abi, bytecode } = artifact(contractsDir, 'SettlementHarness');
  const hash = await wallet.deployContract({ abi, bytecode, chain: null });
  const { contractAddress } = await receiptOf(client, hash);
  return async (cases) => {
    const results = [];
    for (let i = 0; i < cases.length; i += PER_CALL) {
      const args = [`0x${cases.slice(i, i + PER_CALL).map(packed).join('')}`];
      const text = await client.readContract({ address: contractAddress, abi, functionName: 'settleMany', args, gas: 500_000_000n });
      for (let at = 2; at < text.length; at += 48)
        results.push([BigInt(`0x${text.slice(at, at + 24)}`).toString(), BigInt(`0x${text.slice(at + 24, at + 48)}`).toString()]);
    }
    return results;
  };
}

function compare(cases, model, solidity) {
  if (model.length !== cases.length || solidity.length !== cases.length)
    throw new Error(`${cases.length} cases, the model answered ${model.length}, the contract ${solidity.length}`);
  cases.forEach((c, i) => {
    const answers = [c.slice(5).join(' '), model[i].join(' '), solidity[i].join(' ')];
    if (new Set(answers).size !== 1)
      throw new Error(`s r e cap vested = ${c.slice(0, 5).join(' ')}: C ${answers[0]}, model ${answers[1]}, contract ${answers[2]}`);
  });
}

const anvil = await startAnvil(['--gas-limit', '1000000000', '--code-size-limit', '100000']);
try {
  const settleOnChain = await deployHarness(anvil.url);
  // CHAIN-034
  await check('settlement__all_small_cases__three_implementations_agree', async () => {
    const cases = fromC(['--small']);
    if (cases.length < 20_000) throw new Error(`only ${cases.length} small cases`);
    compare(cases, fromModel(cases), await settleOnChain(cases));
  });
  await check('settlement__120000_random_cases__three_implementations_agree', async () => {
    const cases = fromC(['--random', String(RANDOM), '--seed', '20250717']);
    if (cases.length !== RANDOM) throw new Error(`${cases.length} cases`);
    compare(cases, fromModel(cases), await settleOnChain(cases));
  });
  await check('settlement__wrong_answer__is_noticed', async () => {
    const cases = fromC(['--random', '10', '--seed', '1']);
    const solidity = await settleOnChain(cases);
    const model = fromModel(cases);
    solidity[7] = [String(BigInt(solidity[7][0]) + 1n), solidity[7][1]];
    try {
      compare(cases, model, solidity);
    } catch {
      return;
    }
    throw new Error('the comparison let a wrong answer pass');
  });
} finally {
  await anvil.stop();
}
