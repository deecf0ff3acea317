#!/usr/bin/env node
// The peer of mppx_http: voucher acceptance of the npm package mppx's session server, behind its own HTTP listener.
//
//   peer_mppx.mjs letters FILE CHANNELS ROUNDS   writes HTTP requests, each with a voucher: u32 length, bytes, and so on; one
//                                                a channel and round, channel by channel in each round
//   peer_mppx.mjs serve CHANNELS                 prints its port on a line; serves until its standard input ends
//
// What favours the peer: its channels stand open in its memory store from the start, the chain answers inside the process and
// only once a channel, nothing is written to disk, and the envelope of 1 KiB is read and dropped.
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:http';
import { Challenge, Credential } from 'mppx';
import { Mppx, Request as PeerRequest, Store, tempo } from 'mppx/server';
import { Channel } from 'ox/tempo';
import { Hex, Secp256k1, Signature } from 'ox';
import { createClient, custom, encodeAbiParameters } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { tempo as tempoChain } from 'viem/chains';

const SECRET = 'the two processes of one benchmark share this secret';
const PAYLOAD_BYTES = 1024;
const DEPOSIT = 10n ** 15n;
const PRICE = 1000n;
const ZERO = '0x0000000000000000000000000000000000000000';
const payee = '0x00000000000000000000000000000000000000aa';
const token = '0x20c0000000000000000000000000000000000000';
const escrow = Channel.address;
const chainId = tempoChain.id;

const keyOf = (number) => Hex.fromNumber(number + 1, { size: 32 });

function channelOf(number) {
  const payer = privateKeyToAddress(keyOf(number));
  const descriptor = {
    payer, payee, operator: ZERO, token, salt: Hex.fromNumber(number, { size: 32 }), authorizedSigner: payer,
    expiringNonceHash: Hex.fromNumber(7, { size: 32 }),
  };
  return { payer, descriptor, channelId: Channel.computeId(descriptor, { chainId }) };
}

function handlerOf(store) {
  const state = encodeAbiParameters(
    [{ type: 'uint96' }, { type: 'uint96' }, { type: 'uint32' }], [0n, DEPOSIT, 0]);
  const client = createClient({ chain: tempoChain, transport: custom({ request: async () => state }) });
  const payment = Mppx.create({
    methods: [tempo.session({ amount: '0.001', unitType: 'message', currency: token, recipient: payee, chainId, store,
      getClient: () => client, channelStateTtl: 3_600_000 })],
    realm: 'bench', secretKey: SECRET,
  });
  const session = payment.session({ expires: '2100-01-01T00:00:00.000Z' });
  return async (request) => {
    const result = await session(request);
    if (result.status === 402) return result.challenge;
    return result.withReceipt(new Response('ok', { headers: { 'Content-Length': '2' } }));
  };
}

async function letters(file, channels, rounds) {
  const out = createWriteStream(file);
  const url = 'http://bench/v1/envelopes';
  const refused = await handlerOf(Store.memory())(new Request(url, { method: 'POST', body: 'x' }));
  const challenge = Challenge.fromResponse(refused);
  const body = Buffer.alloc(PAYLOAD_BYTES, 0x61);
  const opened = Array.from({ length: channels }, (_, number) => channelOf(number));
  for (let round = 1; round <= rounds; round++)
    for (const [number, { payer, descriptor, channelId }] of opened.entries()) {
      const cumulativeAmount = PRICE * BigInt(round);
      const payload = Channel.getVoucherSignPayload({ chainId, channelId, cumulativeAmount });
      const signature = Signature.toHex(Secp256k1.sign({ payload, privateKey: keyOf(number) }));
      const authorization = Credential.serialize(Credential.from({
        challenge,
        payload: { action: 'voucher', channelId, descriptor, cumulativeAmount: cumulativeAmount.toString(), signature },
        source: `did:pkh:eip155:${chainId}:${payer}`,
      }));
      const head = Buffer.from('POST /v1/envelopes HTTP/1.1\r\nHost: bench\r\nContent-Type: application/octet-stream\r\n' +
        `Authorization: ${authorization}\r\nContent-Length: ${PAYLOAD_BYTES}\r\n\r\n`);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(head.length + body.length);
      out.write(Buffer.concat([length, head, body]));
    }
  await new Promise((resolve) => out.end(resolve));
}

async function serve(channels) {
  const store = Store.memory();
  for (let number = 0; number < channels; number++) {
    const { payer, descriptor, channelId } = channelOf(number);
    await store.put(channelId.toLowerCase(), {
      ...descriptor, backend: 'precompile', chainId, channelId: channelId.toLowerCase(), descriptor,
      escrowContract: escrow, closeRequestedAt: 0n, deposit: DEPOSIT, settledOnChain: 0n, highestVoucherAmount: 0n,
      highestVoucher: null, spent: 0n, units: 0, finalized: false, createdAt: new Date().toISOString(),
      authorizedSigner: payer,
    });
  }
  const server = createServer(PeerRequest.toNodeListener(handlerOf(store)));
  server.keepAliveTimeout = server.requestTimeout = server.headersTimeout = 0; // a connection may wait, on a slow machine
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  process.stdin.resume().on('end', () => process.exit(0));
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'letters') await letters(rest[0], Number(rest[1]), Number(rest[2]));
else if (command === 'serve') await serve(Number(rest[0]));
else process.exit(2);
