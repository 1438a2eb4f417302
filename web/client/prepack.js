// SPDX-License-Identifier: MIT
/** `npm pack` in a fresh clone: gets the build tools that the lock file names, then builds. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const web = fileURLToPath(new URL('..', import.meta.url));
const npm = (...args) => execFileSync('npm', args, { cwd: web, stdio: ['ignore', 'ignore', 'inherit'] });

if (!existsSync(new URL('../node_modules/vite/package.json', import.meta.url))) {
  npm('ci', '--ignore-scripts', '--no-audit', '--no-fund');
}
npm('run', 'build', '--workspace', 'broadcaster-client');
