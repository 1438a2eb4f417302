// SPDX-License-Identifier: MIT
// The backend of the Socket.IO peer: each line becomes an event of the room "bench", through Redis.
// socket_io_emit.mjs CONTROL_PORT REDIS_PORT
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { Emitter } from "@socket.io/redis-emitter";
import Redis from "ioredis";

const [port, redisPort] = process.argv.slice(2, 4).map(Number);
const emitter = new Emitter(new Redis(redisPort, "127.0.0.1"));

createServer((connection) => {
    connection.setNoDelay();
    createInterface({ input: connection }).on("line", (line) => {
        emitter.to("bench").emit("event", JSON.parse(line));
        connection.write("ok\n");
    });
    connection.on("error", () => connection.destroy());
}).listen(port, "127.0.0.1");
