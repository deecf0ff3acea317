// Goal: a stamp earns when a quorum holds it and is given back when it does not: four real daemons on loopback, of which three must
// have it. Two are killed: what is sent then is refunded. One comes back: what is sent then earns. The owner is killed with SIGKILL
// while acknowledgements come in: nothing is lost, earned twice or refunded beside.
// Method: anvil, the contract, pennypostd and pennypost as processes; the accounts are read over HTTP.
import { writeFileSync, mkdirSync } from 'node:fs';
import { strict as assert } from 'node:assert';
import { build } from '../../settlement/contracts/build.mjs';
import { startAnvil } from '../support/chain/anvil.mjs';
import { Fleet, until } from '../support/chain/fleet.mjs';
import { contractsDir } from '../support/chain/paths.mjs';
import { check } from '../support/chain/suite.mjs';

const NODES = [1, 2, 3, 4];
const DEADLINE_S = 8;
const fleet = new Fleet('replication', NODES);
const file = (name) => fleet.file(name);
const { nodes } = fleet;
const pennypost = (...args) => fleet.pennypost(...args);

// ------------------------------------------------------------------------------------------------ the test

build(contractsDir);
const anvil = await startAnvil(['--block-time', '1', '--slots-in-an-epoch', '1']);
try {
  await fleet.prepare(anvil);
  for (const id of NODES) fleet.writeConfig(id, { replication_seconds: DEADLINE_S });
  for (const id of NODES) await fleet.startNode(id);

  await fleet.mint(await fleet.account('payer'));
  mkdirSync(file('wallet'), { mode: 0o700 });
  await fleet.importKey('wallet/signer.key', 'secp256k1', 'signer');
  const sender = (verb, ...args) => pennypost(verb, '--wallet', file('wallet'), '--node', nodes[1].url, '--rpc', anvil.url, ...args);
  await sender('open', '--payer-key', file('payer.key'), '--deposit', '25');
  mkdirSync(file('letters'));
  const letters = (from, to) => Array.from({ length: to - from }, (_, i) => file(`letters/${String(from + i).padStart(4, '0')}`));
  letters(0, 400).forEach((path, i) => writeFileSync(path, `letter ${i} ${'x'.repeat(100)}`));
  const send = (from, to) => sender('send', '--topic', 'letters', '--single', '--days', '1', ...letters(from, to));
  const status = async () => (await fetch(`${nodes[1].url}/v1/status`)).json();
  const accounts = async () => {
    const { spent, earned, refunded } = await status();
    return { spent: BigInt(spent), earned: BigInt(earned), refunded: BigInt(refunded) };
  };

  // REW-130 to REW-132, EVID-092, EVID-096: with one day all of it is earned as soon as three of four hold it
  await check('quorum__of_four_daemons__what_is_sent_earns', async () => {
    assert.equal((await send(0, 20)).acknowledged, 20);
    await until('all is earned', async () => {
      const { spent, earned, refunded } = await accounts();
      assert.equal(refunded, 0n);
      return spent > 0n && earned === spent;
    });
    await until('an acknowledgement is told', () => [2, 3, 4].some((id) => /event=acknowledgement lane=256 .*error=OK/.test(nodes[id].err)));
  });

  // HTTP-112, EVID-093
  await check('acknowledgement__over_http__refused_by_name', async () => {
    const post = async (path, type, body) => {
      const response = await fetch(nodes[1].url + path, { method: 'POST', headers: { 'content-type': type }, body });
      return [response.status, (await response.json()).code];
    };
    const type = 'application/vnd.pennypost.acknowledgement';
    const made = (lane, next, node) => {
      const bytes = Buffer.alloc(109, 1);
      bytes.write('PPA1');
      bytes.writeUInt32BE(lane, 4);
      bytes.writeBigUInt64BE(next, 8);
      bytes.writeUInt32BE(node, 32);
      return bytes;
    };
    for (const [path, media, body, code] of [
      ['/v1/evidence/256/acknowledgements', 'application/json', made(256, 9n, 2), 'UNSUPPORTED_MEDIA'],
      ['/v1/evidence/256/acknowledgements', type, made(256, 9n, 2).subarray(0, 100), 'TRUNCATED'],
      ['/v1/evidence/256/acknowledgements', type, Buffer.alloc(110), 'BODY_TOO_LARGE'],
      ['/v1/evidence/256/acknowledgements', type, made(512, 9n, 2), 'UNKNOWN_LANE'],
      ['/v1/evidence/512/acknowledgements', type, made(512, 9n, 1), 'UNKNOWN_LANE'],
      ['/v1/evidence/256/acknowledgements', type, made(256, 9n, 9), 'NO_OPERATORS'],
      ['/v1/evidence/256/acknowledgements', type, made(256, 1n << 40n, 2), 'BAD_SIGNATURE'],
      ['/v1/evidence/x/acknowledgements', type, made(256, 9n, 2), 'BAD_FORMAT'],
    ]) assert.deepEqual((await post(path, media, body))[1], code, `${path} ${code}`);
    assert.equal((await fetch(`${nodes[1].url}/v1/evidence/256/acknowledgements`)).status, 405);
  });

  // REW-133, REW-134
  let given;
  await check('quorum__lost__what_is_sent_is_given_back_in_time', async () => {
    await fleet.killNode(3);
    await fleet.killNode(4);
    const before = await accounts();
    const sent = Date.now();
    assert.equal((await send(20, 30)).acknowledged, 10);
    // HTTP-114
    await until('it is shown', async () => {
      const [shown, more] = (await status()).replication;
      assert.equal(more, undefined);
      assert.deepEqual([shown.lane, shown.operators, shown.needed, shown.deadline_ms], [256, 4, 2, DEADLINE_S * 1000]);
      assert.deepEqual(shown.peers.map((peer) => peer.node_id), [2, 3, 4]);
      return shown.lost && shown.waiting > 0 && shown.oldest_age_ms > DEADLINE_S * 500 && shown.peers[0].next > shown.peers[1].next;
    });
    const after = await until('all is refunded', async () => {
      const now = await accounts();
      assert.equal(now.earned, before.earned);
      return now.refunded > before.refunded && now;
    });
    assert.ok(Date.now() - sent >= DEADLINE_S * 1000, 'before the deadline');
    given = await until('whole', async () => {
      const now = await accounts();
      return now.earned + now.refunded === now.spent && now;
    });
    assert.equal(given.spent, after.spent);
    // EVID-097
    assert.match(nodes[1].err, /event="quorum lost" .*missing="(2 )?3 4"/);
  });

  await check('quorum__regained__what_is_sent_earns_again', async () => {
    await fleet.startNode(3);
    assert.equal((await send(30, 40)).acknowledged, 10);
    const now = await until('all is earned', async () => {
      const found = await accounts();
      return found.earned + found.refunded === found.spent && found.earned > given.earned && found;
    });
    await until('it is told', () => /event="quorum regained"/.test(nodes[1].err));
    assert.equal(now.refunded, given.refunded); // late acknowledgements of what was given back change nothing
  });

  // EVID-095, REW-137: between an acknowledgement and its record, again and again
  await check('owner__killed_while_acknowledgements_come__every_stamp_is_earned', async () => {
    await fleet.startNode(4);
    const before = await accounts();
    for (let i = 0; i < 8; i++) {
      assert.equal((await send(40 + 10 * i, 50 + 10 * i)).acknowledged, 10);
      await new Promise((done) => setTimeout(done, 11 * i));
      await fleet.killNode(1);
      await fleet.startNode(1);
    }
    await until('all is earned', async () => {
      const now = await accounts();
      return now.earned + now.refunded === now.spent;
    });
    const now = await accounts();
    assert.equal(now.refunded, before.refunded);
    assert.ok(now.earned > before.earned);
  });

  await check('nodes__after_all_of_it__are_sound_and_hold_the_same', async () => {
    const { journal_sequence } = await status();
    await until('peers hold it', async () => {
      for (const id of [2, 3, 4]) {
        const response = await fetch(`${nodes[id].url}/v1/evidence/256?from=${journal_sequence}`);
        if (response.status !== 200) return false;
      }
      return true;
    });
    for (const id of NODES) {
      assert.doesNotMatch(nodes[id].err, /error=(EVIDENCE_|INTERVAL_TAKEN|REFUND_|CORRUPT|INVARIANT|ACK_REFUSED)/);
      nodes[id].child.kill('SIGTERM');
      const end = await nodes[id].ended;
      assert.equal(end.status, 0, end.err);
      assert.equal((await pennypost('verify', '--data', file(`data-${id}`))).findings_count, 0);
    }
  });
} finally {
  await anvil.stop();
}
