// specs/vectors/calldata.json: calls, results, events and errors of the contract, encoded by viem from the compiled ABI.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeAbiParameters, encodeErrorResult, encodeEventTopics, encodeFunctionData, toEventSelector, toFunctionSelector,
} from 'viem';
import { artifact, build } from '../../../settlement/contracts/build.mjs';
import { Stream, save, versionOf } from './common.mjs';

const stream = new Stream('calldata');
const out = mkdtempSync(join(tmpdir(), 'pennypost-abi-'));
build(out);
const { abi } = artifact(out, 'IPennypost');
rmSync(out, { recursive: true });

// A value for any ABI type; arrays take the length asked for.
function valueOf(input, length) {
  const array = /^(.*)\[\]$/.exec(input.type);
  if (array) return [...Array(length)].map(() => valueOf({ ...input, type: array[1] }, length));
  if (input.type === 'tuple') return Object.fromEntries(input.components.map((c) => [c.name, valueOf(c, length)]));
  if (input.type === 'bytes32') return stream.bytes32();
  if (input.type === 'address') return stream.address();
  if (input.type === 'bool') return stream.uint(1) === 1n;
  if (input.internalType?.startsWith('enum')) return stream.below(3);
  return stream.uint(Number(/^uint(\d+)$/.exec(input.type)[1]));
}

const numbered = (value) => {
  if (Array.isArray(value)) return value.map(numbered);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, numbered(v)]));
  return value;
};
const named = (inputs, values) => Object.fromEntries(inputs.map((input, i) => [input.name || `_${i}`, numbered(values[i])]));
const hasArray = (inputs) => inputs.some((i) => i.type.endsWith('[]') || (i.components && hasArray(i.components)));

const of = (type) => abi.filter((x) => x.type === type);
const calls = of('function').flatMap((item) =>
  (hasArray(item.inputs) ? [0, 1, 3] : [1]).map((length) => {
    const args = item.inputs.map((input) => valueOf(input, length));
    return {
      function: item.name,
      selector: toFunctionSelector(item),
      args: named(item.inputs, args),
      calldata: encodeFunctionData({ abi, functionName: item.name, args }),
    };
  }),
);
const results = of('function')
  .filter((item) => item.outputs.length > 0)
  .map((item) => {
    const values = item.outputs.map((output) => valueOf(output, 3));
    return { function: item.name, values: named(item.outputs, values), data: encodeAbiParameters(item.outputs, values) };
  });
const events = of('event').map((item) => {
  const values = item.inputs.map((input) => valueOf(input, 1));
  const plain = item.inputs.filter((input) => !input.indexed);
  return {
    event: item.name,
    topic0: toEventSelector(item),
    values: named(item.inputs, values),
    topics: encodeEventTopics({ abi, eventName: item.name, args: named(item.inputs, values) }),
    data: encodeAbiParameters(plain, plain.map((input) => values[item.inputs.indexOf(input)])),
  };
});
const errors = of('error').map((item) => {
  const args = item.inputs.map((input) => valueOf(input, 1));
  return { error: item.name, values: named(item.inputs, args), data: encodeErrorResult({ abi, errorName: item.name, args }) };
});

save('calldata.json', `viem ${versionOf('viem')}, ABI by solc ${versionOf('solc')}; tests/support/vectors/calldata.mjs`, {
  calls,
  results,
  events,
  errors,
});
