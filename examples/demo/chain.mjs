// The demo's chain: anvil on loopback with a block a second. Its time and the clock file, by which the node and the
// commands live, are moved together.
import fs from 'node:fs';
import path from 'node:path';
import { createPublicClient, createTestClient, http } from 'viem';
import { startAnvil } from '../../tests/support/chain/anvil.mjs';

export const CHAIN_ID = 31337;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Thrown by what `until` calls when waiting is of no use. */
export class GivenUp extends Error {}

/** Calls `look` until it answers something true; throws after `seconds` with what it answered last. */
export async function until(what, look, seconds = 60, pauseMs = 100) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    let last;
    try {
      last = await look();
      if (last) return last;
    } catch (error) {
      if (error instanceof GivenUp) throw error;
      last = error.message;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s; last: ${JSON.stringify(last)}`);
    await sleep(pauseMs);
  }
}

export class Chain {
  static async start(folder, blockSeconds = 1) {
    const chain = new Chain();
    // Final two blocks later.
    chain.anvil = await startAnvil(['--chain-id', String(CHAIN_ID), '--block-time', String(blockSeconds), '--slots-in-an-epoch', '1', '--accounts', '4']);
    chain.url = chain.anvil.url;
    chain.clockFile = path.join(folder, 'clock');
    chain.offsetMs = 0;
    chain.#writeClock();
    const transport = http(chain.url, { timeout: 20_000 });
    chain.read = createPublicClient({ transport, pollingInterval: 100, cacheTime: 0 });
    chain.control = createTestClient({ transport, mode: 'anvil' });
    return chain;
  }

  #writeClock() {
    fs.writeFileSync(`${this.clockFile}.new`, `${this.offsetMs}\n`);
    fs.renameSync(`${this.clockFile}.new`, this.clockFile);
  }

  async nowSeconds() {
    return Number((await this.read.getBlock({ blockTag: 'latest' })).timestamp);
  }

  /** Moves both clocks forward, and mines until the move is final. */
  async forward(seconds) {
    await this.control.increaseTime({ seconds });
    this.offsetMs += seconds * 1000;
    this.#writeClock();
    await this.control.mine({ blocks: 4 });
  }

  stop() {
    return this.anvil?.stop();
  }
}
