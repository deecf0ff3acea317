import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const contractsDir = process.env.PENNYPOST_CONTRACTS ?? join(root, 'build/contracts');
export const cBuildDir = process.env.PP_BUILD ?? (existsSync(join(root, 'build/debug')) ? join(root, 'build/debug') : join(root, 'build'));
