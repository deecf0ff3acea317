// Goal: what specs/chain.md and specs/vectors say of the contract is what was compiled.
// Method: the tables of the page are parsed and compared, both ways, with the ABI; the type hashes in the sources with
// those of the vectors; the vectors with what their generators make now.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toEventSelector, toFunctionSelector } from 'viem';
import { formatAbiItem } from 'viem/utils';
import { annexes, artifact } from '../../settlement/contracts/build.mjs';
import { contractsDir, root } from '../support/chain/paths.mjs';
import { check } from '../support/chain/suite.mjs';

const pageFile = join(root, 'specs/chain.md');
const sourceDir = join(root, 'settlement/contracts/src');
const sources = Object.fromEntries(
  readdirSync(sourceDir).filter((f) => f.endsWith('.sol')).map((f) => [f, readFileSync(join(sourceDir, f), 'utf8')]),
);
const { abi } = artifact(contractsDir, 'IPennypost');
const contract = artifact(contractsDir, 'Pennypost');

const items = (type) => abi.filter((x) => x.type === type).sort((a, b) => (a.name < b.name ? -1 : 1));
const selectorOf = (x) => (x.type === 'event' ? toEventSelector(x) : toFunctionSelector({ ...x, type: 'function' }));
const rowOf = (x) => `| \`${selectorOf(x)}\` | \`${formatAbiItem(x)}\` |`;

// `node tests/chain/abi.mjs --write` makes the three tables anew.
if (process.argv.includes('--write')) {
  let text = readFileSync(pageFile, 'utf8');
  for (const [title, type] of [['Functions', 'function'], ['Events', 'event'], ['Errors', 'error']]) {
    const [before, after] = text.split(`### ${title}\n`);
    const rest = after.replace(/(\| `0x[0-9a-f]+` \| `[^`]+` \|\n)+/, `${items(type).map(rowOf).join('\n')}\n`);
    text = `${before}### ${title}\n${rest}`;
  }
  writeFileSync(pageFile, text);
}
const page = readFileSync(pageFile, 'utf8');

const section = (title) => page.split(`### ${title}\n`)[1].split('\n##')[0];
const rows = (title) => [...section(title).matchAll(/^\| `(0x[0-9a-f]+)` \| `([^`]+)` \|$/gm)].map((m) => `${m[1]} ${m[2]}`);

function same(actual, expected, what) {
  const missing = expected.filter((x) => !actual.includes(x));
  const extra = actual.filter((x) => !expected.includes(x));
  if (missing.length || extra.length || actual.length === 0)
    throw new Error(`${what}: not in the page: ${missing.join('; ') || 'none'}; not in the contract: ${extra.join('; ') || 'none'}`);
}

await check('chain_page__functions__are_those_compiled', () =>
  same(rows('Functions'), items('function').map((x) => `${toFunctionSelector(x)} ${formatAbiItem(x)}`), 'functions'));

await check('chain_page__events__are_those_compiled', () =>
  same(rows('Events'), items('event').map((x) => `${toEventSelector(x)} ${formatAbiItem(x)}`), 'events'));

await check('chain_page__errors__are_those_compiled', () =>
  same(
    rows('Errors'),
    items('error').map((x) => `${toFunctionSelector({ ...x, type: 'function' })} ${formatAbiItem(x)}`),
    'errors',
  ));

await check('contract__every_call_of_the_interface__is_there', () => {
  for (const item of items('function')) {
    const signature = formatAbiItem(item);
    if (`0x${contract.methodIdentifiers[signature]}` !== toFunctionSelector(item)) throw new Error(`${signature} is missing`);
  }
});

await check('contract__every_error_of_the_interface__is_used', () => {
  const code = Object.entries(sources).filter(([f]) => !f.startsWith('IPennypost')).map(([, text]) => text).join('\n');
  for (const { name } of items('error'))
    if (!new RegExp(`revert (?:IPennypostTypes\\.)?${name}\\(`).test(code)) throw new Error(`${name} is never raised`);
});

await check('contract__every_error__has_a_test', () => {
  const dir = join(root, 'settlement/contracts/test');
  const tests = readdirSync(dir).filter((f) => f.endsWith('.sol')).map((f) => readFileSync(join(dir, f), 'utf8')).join('\n');
  for (const { name } of items('error'))
    if (!tests.includes(`Types.${name}.selector`)) throw new Error(`no test expects ${name}`);
});

await check('contract__deployed_code__fits_the_limit', () => {
  for (const name of ['Pennypost', ...annexes]) {
    const size = artifact(contractsDir, name).deployedBytecode.length / 2 - 1;
    if (size > 24576) throw new Error(`${name}: ${size} bytes, at most 24576`);
  }
});

// CHAIN-004: the annexes run on the escrow's slots.
await check('parts_of_the_code__storage__is_laid_out_alike', () => {
  const layoutOf = (name) => JSON.stringify(artifact(contractsDir, name).storage);
  if (!layoutOf('Pennypost').includes('"channels"')) throw new Error('no layout');
  for (const name of annexes) if (layoutOf(name) !== layoutOf('Pennypost')) throw new Error(`${name}: other slots`);
});

// A call that two parts know would be answered by whichever comes first.
await check('parts_of_the_code__every_call__is_in_one', () => {
  const own = (file) => new Set([...sources['IPennypost.sol'].split(`interface ${file} `)[1].split('\n}')[0].matchAll(/function (\w+)\(/g)].map((m) => m[1]));
  const all = ['IPennypostFront', 'IPayersAnnex', 'IOperatorsAnnex'].flatMap((part) => [...own(part)]);
  for (const name of new Set(all)) if (all.filter((x) => x === name).length > 1) throw new Error(`${name} is in two parts`);
});

// Each call's description names its caller, what it changes and every error; NAME-checks only, the tests do the rest.
await check('interface__every_changing_call__says_who_what_and_which_errors', () => {
  const errors = new Set([...items('error').map((x) => x.name), 'OwnableUnauthorizedAccount', 'MerkleProofInvalidMultiproof', 'Panic']);
  for (const [, doc, name, tail] of sources['IPennypost.sol'].matchAll(/((?:    \/\/\/.*\n)*)    function (\w+)\(([^;]*);/g)) {
    if (/\bview\b/.test(tail)) continue;
    const text = doc.replace(/^ *\/\/\/ ?/gm, '').replace(/\s+/g, ' ');
    const found = /@notice .*@dev Caller: (.*?) Changes: (.*?) Reverts: (.*?)(@param|$)/.exec(text);
    if (!found) throw new Error(`${name}: no caller, changes and reverts`);
    for (const word of found[3].matchAll(/\b[A-Z][a-z]+[A-Z]\w+|\bPanic\b/g)) if (!errors.has(word[0])) throw new Error(`${name}: ${word[0]} is no error`);
  }
});

await check('chain_page__enums__are_those_of_the_interface', () => {
  for (const name of ['ChannelState', 'OperatorState', 'SkipReason']) {
    const body = new RegExp(`enum ${name} \\{([^}]*)\\}`).exec(sources['IPennypostTypes.sol'])[1];
    const members = [...body.replace(/\/\/.*$/gm, '').matchAll(/\w+/g)].map((m, i) => `${i} ${m[0]}`);
    const text = `${name}: ${members.join(', ')}.`;
    if (!page.includes(text)) throw new Error(`the page does not say "${text}"`);
  }
});

await check('signed_types__in_the_contract__are_those_of_the_vectors', () => {
  const { types } = JSON.parse(readFileSync(join(root, 'specs/vectors/eip712.json'), 'utf8'));
  const known = new Set(types.map((t) => t.encodeType));
  const found = [...sources['SignedTypes.sol'].matchAll(/keccak256\(\s*"([^"]+)"\s*\)/g)].map((m) => m[1]);
  if (found.length !== 7) throw new Error(`${found.length} types in SignedTypes.sol`);
  for (const text of found) if (!known.has(text)) throw new Error(`${text} is not in the vectors`);
});

await check('vectors__files__are_what_their_generators_make', () => {
  const result = spawnSync('node', [join(root, 'tests/support/vectors/all.mjs'), '--check'], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(result.stderr);
});

await check('lock_file__any_package__names_no_registry_and_one_version', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.resolved) throw new Error(`${path} records ${entry.resolved}`);
    if (path && !entry.integrity) throw new Error(`${path} has no integrity`);
  }
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const [name, version] of Object.entries({ ...dependencies, ...optionalDependencies }))
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${name}: ${version} is not one version`);
});
