// SPDX-License-Identifier: MIT
import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

const client = (file: string) => fileURLToPath(new URL(`../client/src/${file}`, import.meta.url));

export default defineConfig({
  // Relative, so that a proxy may put the page behind another path than /console/.
  base: './',
  plugins: [vue({ features: { optionsAPI: false } })],
  resolve: { alias: { 'broadcaster-client': client('index.ts') } },
  build: {
    target: 'es2022',
    // The page's policy allows nothing inline: no data: scripts or styles, no polyfill.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    include: ['tests/**/*.test.ts'],
    environment: 'jsdom',
    restoreMocks: true,
    testTimeout: 60_000, // a busy machine is no failure
  },
});
