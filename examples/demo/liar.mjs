// An operator that signs what it did not compute. It has an honest operator's key and speaks the protocol by itself: no daemon
// can be told to lie.
import fs from 'node:fs';
import { blake2b } from '@noble/hashes/blake2';
import { bytesToHex, hashTypedData } from 'viem';

const TYPES = {
  EpochReport: [
    ['epoch', 'uint64'], ['previous', 'bytes32'], ['blockNumber', 'uint64'], ['lanesRoot', 'bytes32'], ['payoutRoot', 'bytes32'],
    ['payoutTotal', 'uint128'], ['operatorSet', 'bytes32'], ['endTime', 'uint64'],
  ].map(([name, type]) => ({ name, type })),
};
const REPORT = 4;
const HEAD = 2;
const REPORTS = 7;
const HEAD_BYTES = 193;
const PROPOSER_AT = 32; // in a proposal: specs/epochs.md
const FIELDS_AT = 40;
const SIGNATURE_BYTES = 65;
const VOTE_BYTES = 4 + SIGNATURE_BYTES;

const number = (value, bytes) => Buffer.from(BigInt(value).toString(16).padStart(2 * bytes, '0'), 'hex');
const bytes = (hex) => Buffer.from(hex.slice(2), 'hex');

const fieldsOf = (report) => Buffer.concat([
  number(report.epoch, 8), bytes(report.previous), number(report.blockNumber, 8), bytes(report.lanesRoot), bytes(report.payoutRoot),
  number(report.payoutTotal, 16), bytes(report.operatorSet), number(report.endTime, 8),
]);

/** What stands in a message: the proposal, the report's fields, and the signature of `node`, if it is among them. */
function readMessage(hex, node) {
  const message = bytes(hex);
  const length = message.readUInt32BE(0);
  const proposal = message.subarray(4, 4 + length);
  let at = FIELDS_AT;
  const take = (count) => proposal.subarray(at, (at += count));
  const toNumber = (count) => BigInt(bytesToHex(take(count)));
  const toHex = (count) => bytesToHex(take(count));
  const report = {
    epoch: toNumber(8), previous: toHex(32), blockNumber: toNumber(8), lanesRoot: toHex(32), payoutRoot: toHex(32), payoutTotal: toNumber(16),
    operatorSet: toHex(32), endTime: toNumber(8),
  };
  for (let vote = 4 + length + 2; vote + VOTE_BYTES <= message.length; vote += VOTE_BYTES) {
    if (message.readUInt32BE(vote) === node) return { proposal, report, signature: bytesToHex(message.subarray(vote + 4, vote + VOTE_BYTES)) };
  }
  return undefined;
}

export class Liar {
  constructor({ operator, chainId, contract }) {
    Object.assign(this, { operator, chainId, contract });
    this.domain = { name: 'Pennypost', version: '1', chainId, verifyingContract: contract };
  }

  digest(report) {
    return hashTypedData({ domain: this.domain, types: TYPES, primaryType: 'EpochReport', message: report });
  }

  sign(report) {
    return this.operator.account.sign({ hash: this.digest(report) });
  }

  /** What it signed of the newest epoch, as another operator tells it: { proposal, report, signature }; undefined: nothing yet. */
  async honest(url, epoch) {
    const response = await fetch(`${url}/v1/epochs/${epoch}`);
    const { message } = response.ok ? await response.json() : {};
    return message ? readMessage(message, this.operator.id) : undefined;
  }

  /** Proposes the lie to another operator, under its own name, with its own signature; what that one answers. */
  async propose(url, honest, lie) {
    const body = Buffer.from(honest.proposal.subarray(0, honest.proposal.length - SIGNATURE_BYTES));
    body.writeUInt32BE(this.operator.id, PROPOSER_AT);
    fieldsOf(lie.report).copy(body, FIELDS_AT);
    const personalization = Buffer.alloc(16);
    personalization.write('pp.proposal.v1');
    const hash = bytesToHex(blake2b(body, { dkLen: 32, personalization }));
    const proposal = Buffer.concat([body, bytes(await this.operator.account.sign({ hash }))]);
    const message = Buffer.concat([number(proposal.length, 4), proposal, number(1, 2), number(this.operator.id, 4), bytes(lie.signature)]);
    const headers = { 'content-type': 'application/vnd.pennypost.proposal' };
    const response = await fetch(`${url}/v1/epochs/${lie.report.epoch}/proposal`, { method: 'POST', headers, body: message });
    const answer = await response.json();
    return answer.reply ?? answer.code;
  }

  /** The same epoch, with all that was paid and more for itself. */
  async lie(report) {
    const lie = { ...report, payoutRoot: `0x${'11'.repeat(32)}`, payoutTotal: report.payoutTotal + 1_000_000n };
    return { report: lie, digest: this.digest(lie), signature: await this.sign(lie) };
  }

  /** Two reports of one epoch under one key, and the head that ties the key to the number: EVID-036. */
  async proof(honest, lie, file) {
    const segment = Buffer.from(await (await fetch(`${this.operator.url}/v1/evidence/${this.operator.lane}?from=900000000`)).arrayBuffer());
    const statements = [
      [REPORT, Buffer.concat([fieldsOf(honest.report), bytes(honest.signature)])],
      [REPORT, Buffer.concat([fieldsOf(lie.report), bytes(lie.signature)])],
      [HEAD, segment.subarray(0, HEAD_BYTES)],
    ];
    const parts = [
      Buffer.from('PPP1'), number(REPORTS, 1), number(this.chainId, 8), bytes(this.contract), bytes(this.operator.account.address),
      number(this.operator.id, 4), number(0, 8), number(0, 8), number(statements.length, 1),
      ...statements.flatMap(([type, content]) => [number(type, 1), number(content.length, 4), content]),
    ];
    fs.writeFileSync(file, Buffer.concat(parts));
  }
}
