// Goal: specs/attacks.md names, for every attack of its table, tests that exist. Method: the names are looked up as they are
// defined in Solidity, in C and in JavaScript; a planted name must be missed.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../support/chain/paths.mjs';
import { check } from '../support/chain/suite.mjs';

const page = readFileSync(join(root, 'specs/attacks.md'), 'utf8');
const filesOf = (dir, ending) => readdirSync(join(root, dir)).filter((f) => f.endsWith(ending)).map((f) => readFileSync(join(root, dir, f), 'utf8'));
const solidity = filesOf('settlement/contracts/test', '.t.sol').flatMap((text) => [...text.matchAll(/function ((?:test|invariant)\w+)\(/g)].map((m) => m[1]));
const c = ['tests/unit', 'tests/integration'].flatMap((dir) => filesOf(dir, '.c')).flatMap((text) => [...text.matchAll(/^PP_TEST\((\w+)\)/gm)].map((m) => m[1]));
const javascript = filesOf('tests/chain', '.mjs').flatMap((text) => [...text.matchAll(/check\('(\w+)'/g)].map((m) => m[1]));
const known = new Set([...solidity, ...c, ...javascript]);

const rows = page.split('\n').filter((line) => /^\| [a-z]/.test(line) && !line.startsWith('| attack |')).map((line) => line.split(' | '));
const missing = (names) => names.filter((name) => !known.has(name));

await check('attacks_page__every_row__names_a_test_that_exists', () => {
  if (rows.length < 35) throw new Error(`only ${rows.length} attacks`);
  for (const cells of rows) {
    if (cells.length !== 4) throw new Error(`${cells[0]}: ${cells.length} cells`);
    const names = [...cells[3].matchAll(/`(\w+)`/g)].map((m) => m[1]);
    if (names.length === 0) throw new Error(`${cells[0]}: no test`);
    if (missing(names).length) throw new Error(`${cells[0]}: no such test: ${missing(names).join(', ')}`);
  }
  if (missing(['test_attack__planted__never_there']).length !== 1) throw new Error('a planted name was not missed');
});
