# SPDX-License-Identifier: MIT
"""A private redis-server: loopback only, a port of its own, nothing on disk."""
import os
import time

import redis

from .process import LIMIT, Process, free_port, wait_until


# Another one than the system's: those of tools/deps --servers.
SERVER = os.environ.get("BROADCASTER_REDIS_SERVER", "redis-server")


class RedisServer:
    """Can be stopped and started again on the same port: then it is another history, and empty."""

    def __init__(self, directory, port=None, options=()):
        self.directory = directory
        self.port = port or free_port()
        self.options = list(options)
        self.process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        self.process = Process(
            "redis", [SERVER, "--port", str(self.port), "--bind", "127.0.0.1",
                      "--save", "", "--appendonly", "no", "--dir", str(self.directory),
                      "--daemonize", "no", *self.options], self.directory)
        wait_until(self.is_up, what="redis-server")
        return self

    def is_up(self):
        assert self.process.is_running(), f"redis-server ended:\n{self.process.tail()}"
        try:
            return self.client().ping()
        except redis.exceptions.ConnectionError:
            return False

    def client(self):
        return redis.Redis(port=self.port, socket_timeout=LIMIT)

    def channels(self, pattern="*"):
        """Names that anybody is subscribed to now."""
        with self.client() as client:
            return {name.decode() for name in client.pubsub_channels(pattern)}

    def change_history(self):
        """As if it had been demoted and promoted again; nothing is lost, no connection is cut."""
        with self.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
            client.execute_command("REPLICAOF", "NO", "ONE")

    def await_message(self, pattern, limit=30):
        """Returns when somebody publishes on such a channel, and not before."""
        with self.client() as client, client.pubsub(ignore_subscribe_messages=True) as listener:
            listener.psubscribe(pattern)
            end = time.monotonic() + limit
            while listener.get_message(timeout=1) is None:
                assert time.monotonic() < end, f"nothing on {pattern} within {limit} s"

    def cut(self, name):
        """Ends the connections that gave themselves this name."""
        with self.client() as client:
            for other in client.client_list():
                if other["name"] == name:
                    client.client_kill_filter(_id=other["id"])

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None

    def kill(self):
        if self.process:
            self.process.kill()
            self.process = None
