// SPDX-License-Identifier: MIT
import { defineConfig } from 'vitest/config';

export default defineConfig({
  build: {
    target: 'es2022',
    sourcemap: true,
    lib: {
      entry: { index: 'src/index.ts', vue: 'src/vue.ts' },
      formats: ['es'],
    },
    rollupOptions: { external: ['vue'] },
  },
  test: {
    include: ['tests/**/*.test.ts'],
    restoreMocks: true,
    testTimeout: 60_000, // a busy machine is no failure
  },
});
