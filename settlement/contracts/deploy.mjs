#!/usr/bin/env node
// Deploys the escrow with its annexes, and a test dollar if no token is named; prints one JSON object.
//   node deploy.mjs --rpc URL --build DIR --config FILE      (FILE - : standard input)
// FILE: {
//   "token": "0x..."            absent: a TestDollar is deployed, and "mint" [{ "to", "amount" }] is carried out
//   "treasury": "0x...", "protocolShare": basis points (default 0), "owner": "0x..." (default: the deployer),
//   "timers": { freshness, replication, epoch, missedEpochs, signing, vesting, claimMargin, challenge } in seconds
//             (absent: the defaults of DESIGN section 8),
//   "payoutLimit": units that may be paid out in one epoch (default: no limit),
//   "operators": [{ "nodeId", "operatorKey": "0x..." (address), "payee": "0x..." }],
//   "keyFile": path of a file with the deployer's private key in hex (absent: the first account of the RPC node)
// }
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createPublicClient, createWalletClient, decodeErrorResult, encodeDeployData, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { artifact } from './build.mjs';
import { receiptOf } from './receipt.mjs';

const hours = (n) => n * 3600;

export const defaultTimers = {
  freshness: 600,
  replication: 600,
  epoch: hours(12),
  missedEpochs: 1,
  signing: hours(2),
  vesting: hours(24),
  claimMargin: hours(6),
  challenge: hours(72),
};

async function deployerOf(client, rpc, config) {
  if (config.keyFile) {
    const key = readFileSync(config.keyFile, 'utf8').trim();
    return privateKeyToAccount(key.startsWith('0x') ? key : `0x${key}`);
  }
  const [account] = await client.request({ method: 'eth_accounts' });
  if (!account) throw new Error(`${rpc}: the node has no accounts; name a keyFile`);
  return account;
}

async function mined(client, hash, what) {
  const receipt = await receiptOf(client, hash);
  if (receipt.status !== 'success') throw new Error(`${what}: transaction ${hash} reverted`);
  return receipt;
}

// Asks the chain what the deployment would do, so a refusal is told by its name and values and costs nothing.
async function rehearse(client, account, name, { abi, bytecode }, args) {
  try {
    await client.call({ account, data: encodeDeployData({ abi, bytecode, args }) });
  } catch (error) {
    const raw = error.walk?.((e) => typeof e.data === 'string')?.data;
    if (!raw || raw === '0x') throw error;
    const { errorName, args: values = [] } = decodeErrorResult({ abi, data: raw });
    throw new Error(`${name} refuses: ${errorName}(${values.join(', ')})`);
  }
}

export async function deploy({ rpc, buildDir, config }) {
  const transport = http(rpc, { timeout: 20_000 });
  const client = createPublicClient({ transport, pollingInterval: 50, cacheTime: 0 });
  const chainId = await client.getChainId();
  const nativeCurrency = { name: 'Ether', symbol: 'ETH', decimals: 18 };
  const chain = { id: chainId, name: `chain ${chainId}`, nativeCurrency, rpcUrls: { default: { http: [rpc] } } };
  const account = await deployerOf(client, rpc, config);
  const wallet = createWalletClient({ account, chain, transport });

  const create = async (name, args) => {
    const compiled = artifact(buildDir, name);
    await rehearse(client, account, name, compiled, args);
    return mined(client, await wallet.deployContract({ abi: compiled.abi, bytecode: compiled.bytecode, args }), name);
  };

  let token = config.token;
  if (!token) {
    token = (await create('TestDollar', [])).contractAddress;
    const { abi } = artifact(buildDir, 'TestDollar');
    for (const { to, amount } of config.mint ?? []) {
      const args = [to, BigInt(amount)];
      await mined(client, await wallet.writeContract({ address: token, abi, functionName: 'mint', args }), 'mint');
    }
  }
  const timers = config.timers ?? defaultTimers;
  const owner = config.owner ?? wallet.account.address;
  const protocolShare = config.protocolShare ?? 0;
  const operators = config.operators ?? [];
  const payoutLimit = BigInt(config.payoutLimit ?? 2n ** 64n - 1n);
  const parameters = { timers, protocolShare, payoutLimit };
  const operatorsAnnex = (await create('OperatorsAnnex', [token])).contractAddress;
  const annex = (await create('PayersAnnex', [token, operatorsAnnex])).contractAddress;
  const receipt = await create('Pennypost', [token, config.treasury, parameters, operators, owner, annex]);
  return {
    chainId,
    contract: receipt.contractAddress,
    annexes: [annex, operatorsAnnex],
    token,
    deployBlock: Number(receipt.blockNumber),
    deployer: wallet.account.address,
    owner,
    treasury: config.treasury,
    protocolShare,
    timers,
    operators,
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  const string = { type: 'string' };
  const { values } = parseArgs({ options: { rpc: string, build: string, config: string } });
  if (!values.rpc || !values.build || !values.config) {
    console.error('usage: deploy.mjs --rpc URL --build DIR --config FILE');
    process.exit(2);
  }
  try {
    const config = JSON.parse(readFileSync(values.config === '-' ? 0 : values.config, 'utf8'));
    console.log(JSON.stringify(await deploy({ rpc: values.rpc, buildDir: values.build, config }), null, 1));
  } catch (error) {
    console.error(`deploy: ${error.shortMessage ?? error.message}`);
    process.exit(1);
  }
}
