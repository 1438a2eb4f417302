// SPDX-License-Identifier: MIT
/** The tests of tests/browser, which have their packages from here. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here('../tests/browser'),
  cacheDir: here('node_modules/.vite'),
  resolve: {
    alias: {
      'axe-core': here('node_modules/axe-core/axe.js'),
      'playwright-core': here('node_modules/playwright-core/index.mjs'),
      vitest: here('node_modules/vitest/dist/index.js'),
    },
  },
  server: { fs: { allow: [here('..')] } },
  test: {
    include: ['*.test.ts'],
    testTimeout: 120_000,
    // One browser at a time: tests tell what is slow, not how many cores there are.
    fileParallelism: false,
  },
});
