// Key files against another implementation, both ways: ox (in viem's family) reads what `pennypost keygen --format web3` writes, and
// pennypost reads what ox writes, with scrypt and with PBKDF2. KEY-010, KEY-011.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Address, Hex, Keystore, Secp256k1 } from 'ox';

const pennypost = join(process.env.PP_BUILD ?? 'build/debug', 'pennypost');
const dir = mkdtempSync(join(tmpdir(), 'pennypost-keys-'));
const passphrase = 'Correct horse, 8 Zebras; battery?';
const at = (name) => join(dir, name);
const secretFile = (name, text) => { writeFileSync(at(name), text, { mode: 0o600 }); return at(name); };
const phrase = secretFile('phrase', passphrase);
const keygen = (...args) => JSON.parse(execFileSync(pennypost, ['keygen', '--json', '--passphrase-file', phrase, ...args], { encoding: 'utf8' }));
const addressOf = (privateKey) => Address.fromPublicKey(Secp256k1.getPublicKey({ privateKey })).toLowerCase();

let failed = 0;
function check(name, passed) {
  if (!passed) failed++;
  console.log(`${passed ? 'ok' : 'not ok'} ${name}`);
}

function oxFile(name, privateKey, [key, options]) {
  return secretFile(name, JSON.stringify(Keystore.encrypt(privateKey, key, options)));
}

function written() {
  const made = keygen('--format', 'web3', '--quick', at('made.json'));
  const keystore = JSON.parse(readFileSync(at('made.json'), 'utf8'));
  const privateKey = Keystore.decrypt(keystore, Keystore.toKey(keystore, { password: passphrase }));
  check('ox reads a key file of keygen --format web3', addressOf(privateKey) === made.address && `0x${keystore.address}` === made.address);
  const again = keygen('--from', at('made.json'), '--format', 'pennypost', '--quick', at('again.key'));
  const back = keygen('--from', at('again.key'), '--format', 'web3', '--quick', at('back.json'));
  const last = JSON.parse(readFileSync(at('back.json'), 'utf8'));
  check('a key keeps its account through both formats', again.address === made.address && back.address === made.address
    && Keystore.decrypt(last, Keystore.toKey(last, { password: passphrase })) === privateKey);
}

function read(kind, derived) {
  const privateKey = Hex.padLeft(Hex.fromNumber(0xabcdef0123456789n), 32);
  const file = oxFile(`${kind}.json`, privateKey, derived);
  const taken = keygen('--from', file, '--quick', at(`${kind}.key`));
  check(`a key file of ox with ${kind} is read`, taken.address === addressOf(privateKey));
  secretFile('wrong', `${passphrase}!`);
  const refused = spawnSync(pennypost, ['keygen', '--json', '--passphrase-file', at('wrong'), '--from', file, '--quick', at(`${kind}-no.key`)], { encoding: 'utf8' });
  check(`with a wrong passphrase it is refused: ${kind}`, refused.status === 1 && JSON.parse(refused.stdout).error.name === 'BAD_PASSPHRASE');
}

try {
  written();
  read('scrypt', Keystore.scrypt({ password: passphrase, n: 4096, p: 6, r: 8 }));
  read('pbkdf2', Keystore.pbkdf2({ password: passphrase, iterations: 2000 }));
} finally {
  rmSync(dir, { recursive: true });
}
process.exit(failed ? 1 : 0);
