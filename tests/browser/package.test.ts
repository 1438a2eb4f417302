// SPDX-License-Identifier: MIT
/** The client as a package: made of a clean copy, checked, installed, and at work in Chromium. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scoreboard, verdict } from './events.js';
import { until, useWorld } from './setup.js';
import { Site } from './site.js';

const MAX_GZIPPED_BYTES = 12 * 1024;
const INSTALL_LIMIT_MS = 300_000;

const root = fileURLToPath(new URL('../..', import.meta.url));
const web = join(root, 'web');
const place = mkdtempSync(join(tmpdir(), 'broadcaster-package-'));
const unpacked = join(place, 'package');
const sites: Site[] = [];
const world = useWorld();
let tarball = '';

const run = (cwd: string, program: string, ...args: string[]) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', timeout: INSTALL_LIMIT_MS });
const bin = (name: string) => join(web, 'node_modules/.bin', name);

/** What a clone of this work tree would hold. */
function cleanCopy(): string {
  const clone = join(place, 'clone');
  const list = run(root, 'git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard', 'web', '.npmrc');
  for (const file of list.split('\0').filter(Boolean)) {
    mkdirSync(join(clone, dirname(file)), { recursive: true });
    cpSync(join(root, file), join(clone, file));
  }
  return clone;
}

async function serve(folder: string): Promise<string> {
  const site = await Site.start(folder);
  sites.push(site);
  return site.url;
}

/** A contest goes on, and the page shows its verdict and its scoreboard. */
async function showsContest(page: Page): Promise<void> {
  const text = () => page.evaluate(() => document.body.innerText);
  await until(text, (shown) => shown.includes('open'));
  await until(async () => {
    await world.stack.post(verdict(world.stack.at.contest, 7));
    await world.stack.post(scoreboard(world.stack.at.contest, [['ana', 100], ['beto', 0]]));
    return text();
  }, (shown) => shown.includes('ana AC') && shown.includes('1. ana 100'));
}

const address = () => JSON.stringify(`ws://127.0.0.1:${world.stack.at.shared}/events/`);

beforeAll(() => {
  const clone = cleanCopy();
  const name = run(join(clone, 'web/client'), 'npm', 'pack', '--silent', '--pack-destination', place)
    .trim().split('\n').at(-1)!;
  tarball = join(place, name);
  run(place, 'tar', '-xzf', tarball);
}, INSTALL_LIMIT_MS);

afterAll(() => {
  sites.forEach((site) => site.close());
  rmSync(place, { recursive: true, force: true });
}, 60_000);

test('holds modules, types, maps, a README and the licence, and nothing else', () => {
  const files = run(place, 'tar', '-tzf', tarball).trim().split('\n').map((name) => name.replace('package/', ''));
  expect(files).toEqual(expect.arrayContaining([
    'LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.js.map', 'dist/index.d.ts',
    'dist/vue.js', 'dist/vue.js.map', 'dist/vue.d.ts',
    'dist/broadcaster-client.min.js', 'dist/broadcaster-client.min.js.map',
  ]));
  expect(files.filter((name) => !/^(LICENSE|README\.md|package\.json|dist\/[\w.-]+\.(js|d\.ts|js\.map))$/.test(name)))
    .toEqual([]);
  expect(readFileSync(join(unpacked, 'LICENSE'), 'utf8')).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'));
  const { repository, license, exports } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
  expect([repository.directory, license]).toEqual(['web/client', 'MIT']);
  expect(Object.keys(exports)).toEqual(expect.arrayContaining(['.', './vue']));
});

test('has no fault that publint and arethetypeswrong know', () => {
  run(place, bin('publint'), '--strict', unpacked);
  run(place, bin('attw'), tarball, '--profile', 'esm-only', '--no-emoji');
});

test('is small', () => {
  const file = readFileSync(join(unpacked, 'dist/broadcaster-client.min.js'));
  expect(gzipSync(file, { level: 9 }).length).toBeLessThanOrEqual(MAX_GZIPPED_BYTES);
});

test('shows a contest in a fresh Vite and Vue project', async () => {
  const project = join(place, 'project');
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), text);
  };
  const versionOf = (name: string) =>
    `${name}@${JSON.parse(readFileSync(join(web, 'node_modules', name, 'package.json'), 'utf8')).version}`;
  write('package.json', '{ "name": "fresh", "private": true, "type": "module" }');
  write('index.html', '<!doctype html><div id="app"></div><script type="module" src="/main.js"></script>');
  write('vite.config.js', "import vue from '@vitejs/plugin-vue';\nexport default { plugins: [vue()] };\n");
  write('main.js', "import { createApp } from 'vue';\nimport App from './App.vue';\ncreateApp(App).mount('#app');\n");
  write('App.vue', `<script setup>
    import { readScoreboard } from 'broadcaster-client';
    import { useEventStream } from 'broadcaster-client/vue';
    import { computed } from 'vue';
    const { scoreboard, runs, status } = useEventStream('${world.stack.at.contest}', {
      url: ${address()}, token: '${world.stack.at.tokens['ana']}', throttle: 0 });
    const rows = computed(() => readScoreboard(scoreboard.value)?.rows ?? []);
    </script>
    <template>
      <p>{{ status }}</p>
      <p v-for="run in runs">{{ run.username }} {{ run.verdict }}</p>
      <p v-for="row in rows">{{ row.place }}. {{ row.username }} {{ row.points }}</p>
    </template>`);
  run(project, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball,
    ...['vue', 'vite', '@vitejs/plugin-vue'].map(versionOf));
  run(project, join(project, 'node_modules/.bin/vite'), 'build', '--logLevel', 'error');
  await showsContest(await world.open(await serve(join(project, 'dist'))));
}, INSTALL_LIMIT_MS);

test('shows a contest in a plain page', async () => {
  const folder = join(place, 'plain');
  mkdirSync(folder);
  cpSync(join(unpacked, 'dist/broadcaster-client.min.js'), join(folder, 'broadcaster-client.min.js'));
  writeFileSync(join(folder, 'index.html'), `<!doctype html><p id="status"></p><pre id="news"></pre>
    <script type="module">
      import { EventService, readScoreboard } from './broadcaster-client.min.js';
      const events = new EventService({ url: ${address()} });
      const say = (text) => { news.textContent += text + '\\n'; };
      const { news, status } = Object.fromEntries([...document.querySelectorAll('[id]')].map((e) => [e.id, e]));
      events.on('status', ({ state }) => { status.textContent = state; });
      events.subscribe('/contest/${world.stack.at.contest}', ({ type, data }) => {
        if (type === 'run_update') say(data.username + ' ' + data.verdict);
        if (type === 'scoreboard_update') {
          readScoreboard(data).rows.forEach((row) => say(row.place + '. ' + row.username + ' ' + row.points));
        }
      });
      events.connect('${world.stack.at.tokens['ana']}');
    </script>`);
  await showsContest(await world.open(await serve(folder)));
});
