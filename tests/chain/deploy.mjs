// Goal: a deployment from the command line does what its configuration says, or says why not.
// Method: deploy.mjs as a program, on a private chain, with its configuration on standard input.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPublicClient, http } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { artifact, build } from '../../settlement/contracts/build.mjs';
import { defaultTimers } from '../../settlement/contracts/deploy.mjs';
import { startAnvil } from '../support/chain/anvil.mjs';
import { contractsDir, root } from '../support/chain/paths.mjs';
import { check } from '../support/chain/suite.mjs';

const script = join(root, 'settlement/contracts/deploy.mjs');
const treasury = '0x00000000000000000000000000000000000007ea';
const folder = mkdtempSync(join(tmpdir(), 'pennypost-deploy-'));
const anvil = await startAnvil();

function run(config, rpc = anvil.url) {
  const args = [script, '--rpc', rpc, '--build', contractsDir, '--config', '-'];
  return spawnSync('node', args, { input: JSON.stringify(config), encoding: 'utf8', timeout: 60_000 });
}

function expectFailure(result, text) {
  if (result.status === 0) throw new Error('it succeeded');
  if (!result.stderr.includes(text)) throw new Error(`"${result.stderr}" does not say "${text}"`);
}

try {
  const [account] = await anvil.rpc('eth_accounts');
  const operators = [{ nodeId: 1, operatorKey: account, payee: account }];

  await check('deploy__default_timers__are_on_the_chain', async () => {
    const result = run({ treasury, protocolShare: 250, operators, mint: [{ to: account, amount: '25000000' }] });
    if (result.status !== 0) throw new Error(result.stderr);
    const made = JSON.parse(result.stdout);
    const client = createPublicClient({ transport: http(anvil.url) });
    const read = (functionName) => client.readContract({ address: made.contract, abi: artifact(contractsDir, 'Pennypost').abi, functionName });
    const timers = await read('timers');
    for (const [name, value] of Object.entries(defaultTimers)) if (timers[name] !== value) throw new Error(`${name}: ${timers[name]}`);
    if ((await read('protocolShare')) !== 250) throw new Error('share');
    if ((await read('token')).toLowerCase() !== made.token.toLowerCase()) throw new Error('token');
    const balance = await client.readContract({ address: made.token, abi: artifact(contractsDir, 'TestDollar').abi, functionName: 'balanceOf', args: [account] });
    if (balance !== 25000000n) throw new Error(`minted ${balance}`);
  });

  await check('deploy__key_from_a_file__sends_from_that_account', async () => {
    const key = '59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'; // anvil's second, known to all
    const keyFile = join(folder, 'key');
    writeFileSync(keyFile, `${key}\n`, { mode: 0o600 });
    const result = run({ treasury, operators, keyFile });
    if (result.status !== 0) throw new Error(result.stderr);
    const { deployer, owner } = JSON.parse(result.stdout);
    if (deployer !== privateKeyToAddress(`0x${key}`) || owner !== deployer) throw new Error(`${deployer}, ${owner}`);
    if ((result.stdout + result.stderr).includes(key)) throw new Error('the key was printed');
  });

  await check('deploy__timers_break_the_inequality__named', () =>
    expectFailure(run({ treasury, operators, timers: { ...defaultTimers, challenge: 7 } }), 'TimersInconsistent'));
  await check('deploy__no_treasury__refused', () => expectFailure(run({ operators }), 'deploy:'));
  await check('deploy__no_chain__refused', () => expectFailure(run({ treasury, operators }, 'http://127.0.0.1:1'), 'deploy:'));
  await check('build__nothing_changed__compiles_nothing', () => {
    if (build(contractsDir)) throw new Error('it compiled again');
  });
} finally {
  await anvil.stop();
  rmSync(folder, { recursive: true });
}
