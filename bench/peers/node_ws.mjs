// SPDX-License-Identifier: MIT
// A plain Node server as one writes it: ws + ioredis. node_ws.mjs WS_PORT REDIS_PORT
import Redis from "ioredis";
import { WebSocketServer } from "ws";

const [port, redisPort] = process.argv.slice(2).map(Number);
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

const server = new WebSocketServer({ port, host: "127.0.0.1", backlog: 4096 });
server.on("connection", (socket) => {
    socket.on("message", (data) => {
        const command = JSON.parse(data);
        if (command.type === "subscribe") {
            subscribe(socket, command.channel);
        }
    });
    socket.on("error", () => socket.terminate());
});
