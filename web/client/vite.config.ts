// SPDX-License-Identifier: MIT
import { defineConfig } from 'vitest/config';

/** For bundlers: the modules of package.json's `exports`. */
const modules = {
  lib: { entry: { index: 'src/index.ts', vue: 'src/vue.ts' }, formats: ['es' as const] },
  rollupOptions: { external: ['vue'] },
};

/** For `<script type="module">`: all in one file. Vite leaves the spaces in what it calls a library. */
const oneFile = {
  emptyOutDir: false,
  modulePreload: false as const,
  rollupOptions: {
    input: 'src/index.ts',
    preserveEntrySignatures: 'strict' as const,
    output: { entryFileNames: 'broadcaster-client.min.js' },
  },
};

export default defineConfig(({ mode }) => ({
  build: { target: 'es2022', sourcemap: true, ...(mode === 'one-file' ? oneFile : modules) },
  test: {
    include: ['tests/**/*.test.ts'],
    restoreMocks: true,
    testTimeout: 60_000, // a busy machine is no failure
  },
}));
