// SPDX-License-Identifier: MIT
/** What stands between browsers and gateways in schools and offices, and breaks connections. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Both ends of one connection, and what has been seen of it. */
interface Passage {
  readonly browser: Socket;
  readonly gateway: Socket;
  isWebSocket: boolean;
}

export interface Rules {
  /** Takes the agreed extensions out of the answer to an upgrade, but not out of the frames. */
  readonly stripsExtensions?: boolean;
  /** Ends a WebSocket in which so much comes at once. */
  readonly cutsAtBytes?: number;
  /** Holds answers that are no upgrade back until they are complete. */
  readonly buffersAnswers?: boolean;
  /** Forgets, without a word to either side, a connection in which nothing came for so long. */
  readonly forgetsAfterMs?: number;
}

/** Pieces that come so close together are of one message. */
const BURST_MS = 200;

export class Middlebox {
  private readonly passages = new Set<Passage>();

  private constructor(private readonly server: Server) {}

  static async start(gatewayPort: number, rules: Rules): Promise<Middlebox> {
    const server = createServer();
    const box = new Middlebox(server);
    server.on('connection', (browser) => box.pass(browser, gatewayPort, rules));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return box;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.close();
    this.passages.forEach(({ browser, gateway }) => (browser.destroy(), gateway.destroy()));
  }

  private pass(browser: Socket, gatewayPort: number, rules: Rules): void {
    const passage = { browser, gateway: connect(gatewayPort, '127.0.0.1'), isWebSocket: false };
    const { gateway } = passage;
    this.passages.add(passage);
    const held: Buffer[] = [];
    let isForgotten = false;
    let burst = { bytes: 0, sinceMs: 0 };
    const sleep = () => void (isForgotten = true);
    let idle = setTimeout(sleep, rules.forgetsAfterMs ?? 2 ** 30);
    const stir = () => {
      clearTimeout(idle);
      idle = setTimeout(sleep, rules.forgetsAfterMs ?? 2 ** 30);
    };
    browser.on('data', (bytes) => {
      if (!isForgotten) {
        stir();
        gateway.write(bytes);
      }
    });
    gateway.on('data', (bytes) => {
      if (isForgotten) {
        return;
      }
      stir();
      const nowMs = performance.now();
      burst = { bytes: nowMs - burst.sinceMs < BURST_MS ? burst.bytes + bytes.length : bytes.length, sinceMs: nowMs };
      if (passage.isWebSocket && burst.bytes > (rules.cutsAtBytes ?? Infinity)) {
        browser.destroy();
        return;
      }
      const answer = passage.isWebSocket ? bytes : readAnswer(passage, bytes, rules);
      if (rules.buffersAnswers && !passage.isWebSocket) {
        held.push(answer);
      } else {
        browser.write(answer);
      }
    });
    const end = () => {
      clearTimeout(idle);
      if (!isForgotten) {
        held.forEach((bytes) => browser.write(bytes));
        browser.end();
      }
      gateway.destroy();
      this.passages.delete(passage);
    };
    gateway.on('close', end).on('error', end);
    browser.on('close', end).on('error', end);
  }
}

/** The first bytes of an answer; frames that came with them stay as they are. */
function readAnswer(passage: Passage, bytes: Buffer, rules: Rules): Buffer {
  const text = bytes.toString('latin1');
  if (!text.startsWith('HTTP/1.1 101 ')) {
    return bytes;
  }
  passage.isWebSocket = true;
  return rules.stripsExtensions
    ? Buffer.from(text.replace(/\r\nSec-WebSocket-Extensions: [^\r]*/i, ''), 'latin1')
    : bytes;
}
