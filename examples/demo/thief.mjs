// What must fail. A client in JavaScript that shares no code with the product's, so that a refusal is the node's own.
// It holds the signer's key: whoever can sign for a channel must still not get anything for nothing.
import { bytesToHex, concat, hexToBytes, toHex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { domainOf, types } from '../../tests/support/vectors/eip712_types.mjs';
import { context, envelopeHash, frameBytes, stampId, treeRoot } from '../../tests/support/vectors/stamp_codec.mjs';

const KIND_SINGLE = 1n;
const ZERO_ADDRESS = `0x${'00'.repeat(20)}`;
const fromBase64url = (text) => bytesToHex(Buffer.from(text, 'base64url'));

export class Thief {
  constructor({ url, terms, channelId, lane, signerKey }) {
    Object.assign(this, { url, terms, channelId, lane: BigInt(lane), signerKey });
  }

  /** One honest stamp at `from` on a fresh quote; `change` may spoil the leaf before it is signed, and the message after. */
  async stamp({ from, payload = toHex('an envelope'), topic = toHex('a topic'), change = (leaf) => leaf, key = this.signerKey, domain = {} }) {
    const quote = await (await fetch(`${this.url}/v1/quote`)).json();
    const size = BigInt(payload.length - 2) / 2n;
    const leaf = change({
      channelId: this.channelId, lane: this.lane, envelopeHash: envelopeHash(topic, payload), from,
      base: BigInt(quote.base), storage: BigInt(quote.storage) * size * 30n, congestion: BigInt(quote.congestion) * BigInt(quote.congestion_units), bond: 0n,
      size, retentionDays: 30n, envelopeKind: 0n, quoteId: quote.quote_id, notAfterMs: BigInt(quote.expires_ms), acceptKey: ZERO_ADDRESS, acceptDeadlineMs: 0n,
    });
    const to = leaf.from + leaf.base + leaf.storage + leaf.congestion + leaf.bond;
    const message = { channelId: this.channelId, lane: Number(this.lane), spent: to, refundAck: 0n, context: context(KIND_SINGLE, 1n, treeRoot([stampId(leaf)])) };
    const signature = await privateKeyToAccount(key).signTypedData({
      domain: { ...domainOf(this.terms.chain_id, this.terms.contract), ...domain }, types: { Voucher: types.Voucher }, primaryType: 'Voucher', message,
    });
    return { quote: fromBase64url(quote.quote), channelId: this.channelId, lane: this.lane, kind: KIND_SINGLE, spent: to, refundAck: 0n, signature, entries: [{ leaf, topic, payload }] };
  }

  /** The node's answer to a frame: the code of its refusal, or "admitted". */
  async post(body, contentType = 'application/vnd.pennypost.frame') {
    const response = await fetch(`${this.url}/v1/envelopes`, { method: 'POST', body, headers: { 'content-type': contentType } });
    const answer = await response.json();
    if (response.ok) return answer.results[0].status === 'refused' ? answer.results[0].problem.code : 'admitted';
    for (const name of ['code', 'number', 'next', 'title', 'status']) if (!(name in answer)) throw new Error(`a refusal without ${name}: ${JSON.stringify(answer)}`);
    return answer.code;
  }

  /** [{ what, expected, actual }] for every trick. `known`: an honest stamp of this thief, which was admitted. */
  async tryEverything(lane) {
    const head = BigInt(lane.head);
    const capGrains = BigInt(lane.cap) * 1000000n;
    const honest = (more) => this.stamp({ from: head, ...more });
    const post = async (stamp) => this.post(frameBytes(stamp));
    const known = await honest({});
    if ((await post(known)) !== 'admitted') throw new Error('the honest stamp was refused');

    const next = known.spent;
    const fresh = (more) => this.stamp({ from: next, ...more });
    const other = toHex('another one'); // as long as the one that was paid for
    const tricks = [
      ['no stamp', 'PAYMENT_REQUIRED', () => this.post('an envelope', 'application/octet-stream')],
      ['too low a price', 'PRICE_TOO_LOW', async () => post(await fresh({ change: (leaf) => ({ ...leaf, base: leaf.base - 1n }) }))],
      ["another's interval", 'INTERVAL_TAKEN', async () => post(await this.stamp({ from: head, payload: other }))],
      ['a forged signature', 'BAD_SIGNATURE', async () => post(await fresh({ key: generatePrivateKey() }))],
      ['another chain', 'BAD_SIGNATURE', async () => post(await fresh({ domain: { chainId: 1 } }))],
      ['more than the cap', 'CAP_EXCEEDED', async () => post(await this.stamp({ from: capGrains + BigInt(lane.refunded) }))],
      ['a stamp on other bytes', 'CONTENT_MISMATCH', () => post({ ...known, entries: [{ ...known.entries[0], payload: other }] })],
      ['an unknown channel', 'UNKNOWN_CHANNEL', async () => post({ ...(await fresh({})), channelId: `0x${'11'.repeat(32)}` })],
      ['a voucher of other leaves', 'BAD_SIGNATURE', async () => {
        const [one, two] = [await fresh({}), await fresh({ payload: other })];
        return post({ ...one, entries: two.entries });
      }],
      ['a truncated frame', 'TRUNCATED', async () => this.post(frameBytes(await fresh({})).slice(0, -1))],
      ['a trailing byte', 'TRAILING_BYTES', async () => this.post(hexToBytes(concat([bytesToHex(frameBytes(await fresh({}))), '0x00'])))],
    ];
    const tried = [];
    for (const [what, expected, trick] of tricks) tried.push({ what, expected, actual: await trick() });
    return { honest: known, tried };
  }
}
