# SPDX-License-Identifier: MIT
"""Node.js with a WebSocket global, whichever way this machine's version has one."""
import functools
import json
import os
import queue
import subprocess
import threading

from .process import LIMIT

# Node 22 has the global, 20 behind a flag, 18 (Debian 12) with Debian's package node-ws.
WAYS = [([], ""), (["--experimental-websocket"], ""),
        ([], "globalThis.WebSocket = require('ws');\n")]
ENVIRONMENT = {"NODE_PATH": "/usr/share/nodejs", "NODE_NO_WARNINGS": "1"}


@functools.cache
def way():
    """(arguments, first lines) that give this machine's node a WebSocket."""
    for arguments, prelude in WAYS:
        test = prelude + "if (typeof WebSocket !== 'function') process.exit(1);"
        done = subprocess.run(["node", *arguments, "-e", test], capture_output=True,
                              env={**os.environ, **ENVIRONMENT}, check=False)
        if done.returncode == 0:
            return arguments, prelude
    raise AssertionError("node has no WebSocket: run tools/deps --test")


class NodeScript:
    """A script that runs until stop(); it tells things by report(anything that JSON can hold)."""

    PRELUDE = "function report(...what) { process.stdout.write(JSON.stringify(what) + '\\n'); }\n"

    def __init__(self, text, directory, **constants):
        arguments, prelude = way()
        names = "".join(f"const {k} = {json.dumps(v)};\n" for k, v in constants.items())
        path = directory / "script.js"
        path.write_text(prelude + self.PRELUDE + names + text)
        self._log = open(directory / "node.log", "w", encoding="utf-8")
        self._process = subprocess.Popen(
            ["node", *arguments, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self._log, env={**os.environ, **ENVIRONMENT}, text=True)
        self._reports = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            if line.startswith("["):
                self._reports.put(json.loads(line))

    def report(self, timeout=LIMIT):
        """The next report, as a list of its arguments."""
        try:
            return self._reports.get(timeout=timeout)
        except queue.Empty:
            self._log.flush()
            with open(self._log.name, encoding="utf-8") as log:
                raise AssertionError(f"no report within {timeout} s; node says: {log.read()}") \
                    from None

    def stop(self):
        self._process.kill()
        self._process.wait(10)
        self._process.stdout.close()
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
