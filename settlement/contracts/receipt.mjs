// A transaction's receipt, asked for until it is there. viem's own waiting looks only when a new block comes: where each
// transaction makes its block, and the block is told before its receipts can be had, none comes any more.
export async function receiptOf(client, hash, { seconds = 180, pauseMs = 20 } = {}) {
  for (const deadline = Date.now() + 1000 * seconds; ; await new Promise((resolve) => setTimeout(resolve, pauseMs))) {
    try {
      return await client.getTransactionReceipt({ hash });
    } catch (error) {
      if (error.name !== 'TransactionReceiptNotFoundError') throw error;
      if (Date.now() > deadline) throw new Error(`no receipt of ${hash} within ${seconds} s: is the chain making blocks?`);
    }
  }
}
