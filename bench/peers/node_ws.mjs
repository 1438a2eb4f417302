// SPDX-License-Identifier: MIT
// A plain Node server as one writes it: ws + ioredis.
// node_ws.mjs WS_PORT REDIS_PORT [CERTIFICATES ["deflate"]]
import { readFileSync } from "node:fs";
import { createServer as createPlain } from "node:http";
import { createServer as createTls } from "node:https";
import Redis from "ioredis";
import { WebSocketServer } from "ws";

const [port, redisPort] = process.argv.slice(2, 4).map(Number);
const [certificates, deflate] = process.argv.slice(4);
const channels = new Map(); // channel -> Set of sockets
const redis = new Redis(redisPort, "127.0.0.1");

redis.on("message", (channel, message) => {
    for (const socket of channels.get(channel) ?? []) {
        socket.send(message);
    }
});

async function subscribe(socket, channel) {
    if (!channels.has(channel)) {
        channels.set(channel, new Set());
        await redis.subscribe(channel);
    }
    channels.get(channel).add(socket);
    socket.on("close", () => channels.get(channel).delete(socket));
    socket.send(JSON.stringify({ type: "subscribed", channel }));
}

const http = certificates
    ? createTls({
          cert: readFileSync(`${certificates}/server.pem`),
          key: readFileSync(`${certificates}/server.key`),
      })
    : createPlain();
const server = new WebSocketServer({ server: http, perMessageDeflate: Boolean(deflate) });
server.on("connection", (socket) => {
    socket.on("message", (data) => {
        const command = JSON.parse(data);
        if (command.type === "subscribe") {
            subscribe(socket, command.channel);
        }
    });
    socket.on("error", () => socket.terminate());
});
http.listen({ port, host: "127.0.0.1", backlog: 4096 });
