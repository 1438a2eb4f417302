// SPDX-License-Identifier: MIT
/** A folder, served on a port of its own, which is another origin than the gateway's. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.map': 'application/json',
};

export class Site {
  private constructor(private readonly server: Server) {}

  static async start(folder: string): Promise<Site> {
    const server = createServer((request, response) => {
      const name = new URL(request.url ?? '/', 'http://x').pathname.replace(/\/$/, '/index.html');
      try {
        const body = readFileSync(join(folder, name));
        response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' }).end(body);
      } catch {
        response.writeHead(name === '/favicon.ico' ? 204 : 404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Site(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.server.close();
  }
}
