// A deployed escrow on a private chain, with keys, signing and reports: what tests in JavaScript drive.
// Time goes one second a block, from a fixed start, so gas and every byte repeat from run to run.
import { createPublicClient, createWalletClient, decodeErrorResult, encodeAbiParameters, http, keccak256, parseEventLogs, toHex } from 'viem';
import { privateKeyToAccount, sign } from 'viem/accounts';
import { hashTypedData, parseSignature } from 'viem';
import { artifact } from '../../../settlement/contracts/build.mjs';
import { deploy } from '../../../settlement/contracts/deploy.mjs';
import { receiptOf } from '../../../settlement/contracts/receipt.mjs';
import { domainOf, types } from '../vectors/eip712_types.mjs';
import { startAnvil } from './anvil.mjs';
import { contractsDir } from './paths.mjs';

const START = 1_750_000_000;
export const zero32 = `0x${'00'.repeat(32)}`;
export const noSignature = { r: zero32, s: zero32, v: 0 };
export const noVoucher = { spent: 0n, refundAck: 0n, context: zero32, signature: noSignature };
export const noRefund = { refunded: 0n, reasons: zero32, signature: noSignature };

export const testTimers = {
  freshness: 10, replication: 5, epoch: 60, missedEpochs: 1, signing: 20, vesting: 100, claimMargin: 30, challenge: 300,
};

const keyOf = (name) => keccak256(toHex(`pennypost test key: ${name}`));

export class Network {
  // operators: how many; nodes are 1, 2, ...
  static async start({ operators = 1, timers = testTimers } = {}) {
    const self = new Network();
    self.anvil = await startAnvil(['--timestamp', String(START), '--hardfork', 'prague', '--gas-limit', '60000000']);
    try {
      await self.#setUp(operators, timers);
    } catch (error) {
      await self.stop();
      throw error;
    }
    return self;
  }

  async #setUp(operators, timers) {
    await this.anvil.rpc('anvil_setBlockTimestampInterval', 1);
    this.accounts = await this.anvil.rpc('eth_accounts');
    this.timers = timers;
    this.nodes = [...Array(operators).keys()].map((i) => ({
      nodeId: i + 1,
      key: keyOf(`operator ${i + 1}`),
      payee: privateKeyToAccount(keyOf(`payee ${i + 1}`)).address,
    }));
    for (const node of this.nodes) node.address = privateKeyToAccount(node.key).address;
    this.signerKey = keyOf('signer');
    this.payerKey = keyOf('payer');
    this.delegateKey = keyOf('delegate');
    this.signer = privateKeyToAccount(this.signerKey).address;
    this.payer = this.accounts[1];
    this.treasury = privateKeyToAccount(keyOf('treasury')).address;
    this.deployment = await deploy({
      rpc: this.anvil.url,
      buildDir: contractsDir,
      config: {
        treasury: this.treasury,
        protocolShare: 500,
        timers,
        operators: this.nodes.map((n) => ({ nodeId: n.nodeId, operatorKey: n.address, payee: n.payee })),
        mint: [this.payer, this.accounts[2]].map((to) => ({ to, amount: 10n ** 15n })),
      },
    });
    this.address = this.deployment.contract;
    this.abi = artifact(contractsDir, 'Pennypost').abi;
    this.tokenAbi = artifact(contractsDir, 'TestDollar').abi;
    this.chain = { id: this.deployment.chainId, name: 'test', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [this.anvil.url] } } };
    const transport = http(this.anvil.url, { timeout: 60_000, retryCount: 0 });
    this.client = createPublicClient({ chain: this.chain, transport, pollingInterval: 20, cacheTime: 0 });
    this.wallet = createWalletClient({ chain: this.chain, transport });
    for (const from of [this.payer, this.accounts[2]])
      await this.sendTo(this.deployment.token, this.tokenAbi, from, 'approve', [this.address, 2n ** 256n - 1n]);
  }

  stop() {
    return this.anvil.stop();
  }

  // Sends one transaction and returns its receipt with the decoded events; throws if it reverts.
  async sendTo(address, abi, account, functionName, args) {
    const hash = await this.wallet.writeContract({ account, address, abi, functionName, args, gas: 30_000_000n });
    const receipt = await receiptOf(this.client, hash);
    if (receipt.status !== 'success') {
      await this.client.simulateContract({ account, address, abi, functionName, args });
      throw new Error(`${functionName} reverted`);
    }
    return { ...receipt, events: parseEventLogs({ abi: this.abi, logs: receipt.logs }) };
  }

  send(account, functionName, args) {
    return this.sendTo(this.address, this.abi, account, functionName, args);
  }

  read(functionName, args = []) {
    return this.client.readContract({ address: this.address, abi: this.abi, functionName, args });
  }

  // The name and values of the custom error with which the call would revert.
  async refusal(account, functionName, args) {
    try {
      await this.client.simulateContract({ account, address: this.address, abi: this.abi, functionName, args });
    } catch (error) {
      const found = error.walk((e) => e.data !== undefined);
      return found?.raw ? decodeErrorResult({ abi: this.abi, data: found.raw }) : found.data;
    }
    throw new Error(`${functionName} was not refused`);
  }

  balanceOf(account) {
    return this.client.readContract({ address: this.deployment.token, abi: this.tokenAbi, functionName: 'balanceOf', args: [account] });
  }

  async elapse(seconds) {
    const { timestamp } = await this.client.getBlock();
    await this.anvil.rpc('evm_setNextBlockTimestamp', Number(timestamp) + seconds);
    await this.anvil.rpc('evm_mine');
  }

  // ---------------------------------------------------------------------------------------------- what is signed

  domain() {
    return domainOf(BigInt(this.deployment.chainId), this.address);
  }

  digest(primaryType, message) {
    return hashTypedData({ domain: this.domain(), types: { [primaryType]: types[primaryType] }, primaryType, message });
  }

  async signed(privateKey, primaryType, message) {
    const text = await sign({ hash: this.digest(primaryType, message), privateKey, to: 'hex' });
    const { r, s, yParity } = parseSignature(text);
    return { r, s, v: 27 + yParity };
  }

  config(nonce, payer = this.payer) {
    return { payer, signer: this.signer, nonce: BigInt(nonce) };
  }

  channelId(config) {
    return this.digest('Channel', config);
  }

  async voucher(channelId, lane, spent, refundAck = 0n, context = keccak256(toHex(spent)), key = this.signerKey) {
    const message = { channelId, lane, spent, refundAck, context };
    return { spent, refundAck, context, signature: await this.signed(key, 'Voucher', message) };
  }

  operatorKey(lane) {
    return this.nodes.find((node) => node.nodeId === lane >> 8).key;
  }

  async refund(channelId, lane, refunded, reasons = keccak256(toHex(refunded))) {
    const message = { channelId, lane, refunded, reasons };
    return { refunded, reasons, signature: await this.signed(this.operatorKey(lane), 'Refund', message) };
  }

  // EIP-3009: the payer's key signs the token's authorization, whose nonce is the hash of the call (CHAIN-091).
  async authorization(call, channelId, amount, lanes, caps, salt = zero32) {
    const nonce = keccak256(encodeAbiParameters(
      ['bytes32', 'bytes32', 'uint64', 'uint32[]', 'uint64[]', 'bytes32'].map((type) => ({ type })),
      [keccak256(toHex(`Pennypost.${call}`)), channelId, amount, lanes, caps, salt],
    ));
    const fields = ['address from', 'address to', 'uint256 value', 'uint256 validAfter', 'uint256 validBefore', 'bytes32 nonce'];
    const message = { from: privateKeyToAccount(this.payerKey).address, to: this.address, value: amount, validAfter: 0n, validBefore: 2n ** 40n, nonce };
    const text = await sign({
      hash: hashTypedData({
        domain: { name: 'Test Dollar', version: '1', chainId: this.deployment.chainId, verifyingContract: this.deployment.token },
        types: { ReceiveWithAuthorization: fields.map((f) => ({ type: f.split(' ')[0], name: f.split(' ')[1] })) },
        primaryType: 'ReceiveWithAuthorization',
        message,
      }),
      privateKey: this.payerKey,
      to: 'hex',
    });
    const { r, s, yParity } = parseSignature(text);
    return { validAfter: 0n, validBefore: 2n ** 40n, salt, signature: { r, s, v: 27 + yParity } };
  }

  async delegation(channelId, lane, maxSpent, index) {
    const fields = { key: privateKeyToAccount(this.delegateKey).address, maxSpent, lane, notAfter: 2n ** 40n, index };
    return { ...fields, signature: await this.signed(this.signerKey, 'Delegate', { channelId, ...fields }) };
  }

  async release(channelId, lane, oldCap, newCap, seq) {
    const message = { channelId, lane, oldCap, newCap, seq };
    return { lane, oldCap, newCap, seq, signature: await this.signed(this.operatorKey(lane), 'LaneRelease', message) };
  }

  // A report that is right for this moment, signed by all; posted, and past its window unless vest is false.
  async report({ lanesRoot = zero32, payoutRoot = zero32, payoutTotal = 0n, vest = true } = {}) {
    await this.elapse(this.timers.epoch);
    const { number, timestamp } = await this.client.getBlock();
    const [head, [setHash, nodeIds, operatorKeys]] = [await this.read('lastReport'), await this.read('operatorSet')];
    const report = {
      epoch: timestamp / BigInt(this.timers.epoch),
      previous: head.reportHash,
      blockNumber: number,
      lanesRoot,
      payoutRoot,
      payoutTotal,
      operatorSet: setHash,
      endTime: timestamp,
    };
    const signatures = [];
    for (const nodeId of nodeIds)
      signatures.push(await this.signed(this.nodes.find((n) => n.nodeId === nodeId).key, 'EpochReport', report));
    const receipt = await this.send(this.accounts[0], 'postReport', [report, nodeIds, operatorKeys, signatures]);
    if (vest) await this.elapse(this.timers.vesting);
    return { report, receipt };
  }
}
