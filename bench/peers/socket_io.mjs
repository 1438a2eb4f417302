// SPDX-License-Identifier: MIT
// Socket.IO with its Redis adapter. socket_io.mjs WS_PORT REDIS_PORT [CERTIFICATES]
import { readFileSync } from "node:fs";
import { createServer as createPlain } from "node:http";
import { createServer as createTls } from "node:https";
import { createAdapter } from "@socket.io/redis-adapter";
import Redis from "ioredis";
import { Server } from "socket.io";

const [port, redisPort] = process.argv.slice(2, 4).map(Number);
const certificates = process.argv[4];
const publisher = new Redis(redisPort, "127.0.0.1");
const http = certificates
    ? createTls({
          cert: readFileSync(`${certificates}/server.pem`),
          key: readFileSync(`${certificates}/server.key`),
      })
    : createPlain();
const io = new Server(http, {
    adapter: createAdapter(publisher, publisher.duplicate()),
    transports: ["websocket"],
});

io.on("connection", (socket) => {
    socket.on("subscribe", async (room, answer) => {
        await socket.join(room);
        answer("subscribed");
    });
});
http.listen({ port, host: "127.0.0.1", backlog: 4096 });
