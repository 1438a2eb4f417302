// SPDX-License-Identifier: MIT
/** The page at /docs/: a build of its own, since a gateway serves dist/docs/ there and not below /console/. */
import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vite';
import base from './vite.config.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default mergeConfig(base, {
  root: here('api'),
  publicDir: here('public'),
  build: { outDir: here('dist/docs'), emptyOutDir: true },
});
