// Makes every file of specs/vectors whose source is JavaScript; with --check, compares instead of writing.
for (const name of ['base', 'eip712', 'merkle', 'transactions', 'blake2b', 'calldata', 'rewards', 'sessions', 'evidence']) await import(`./${name}.mjs`);
