#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A whole broadcaster for the browser tests: Redis, a publisher, and three gateways that serve the
console; the first two share their port, so that one can be killed behind the page's back.

  tests/browser/stack.py DIRECTORY CONSOLE_DIR

Prints one line of JSON when all is ready, then answers each line of JSON on its input with one:
  {"do": "post", "event": {…}}      {"do": "connections"}        {"do": "kill", "gateway": 0}
  {"do": "start", "gateway": 0}     {"do": "deauthenticate", "user": "ana"}
It ends, and everything with it, when its input ends.
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import events, users  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.stack import Stack  # noqa: E402


def addresses(stack):
    place = users.reference_place()
    return {"shared": stack.gateways[0].port, "other": stack.gateways[2].port,
            "contest": place.contest, "scoreboard": place.scoreboard,
            "tokens": {user: users.token_of(user) for user in users.CAST},
            "reference": events.REFERENCE}


def obey(stack, order):
    what = order["do"]
    if what == "post":
        return stack.post(order["event"])
    if what == "connections":
        return [int(gateway.metrics()["connections_active"]) if gateway.process else None
                for gateway in stack.gateways]
    if what == "deauthenticate":
        answer = stack.backend().request("POST", f"/deauthenticate/{order['user']}")
        return answer.status
    gateway = stack.gateways[order["gateway"]]
    if what == "kill":
        gateway.kill()
    elif what == "start":
        gateway.start()
    else:
        raise ValueError(f"unknown order {what}")
    return True


def say(value):
    print(json.dumps(value), flush=True)


def main():
    directory, console = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    settings = {"Broadcaster": {"AllowedOrigins": None}, "Room": {"Enabled": True},
                "Console": {"Dir": str(console)}}
    stack = Stack(directory / "stack", Certificates(directory / "certificates"), settings=settings,
                  gateways=3)
    stack.gateways[1].settings["Broadcaster"]["EventsPort"] = stack.gateways[0].port
    with stack:
        say(addresses(stack))
        for line in sys.stdin:
            try:
                say({"ok": obey(stack, json.loads(line))})
            except Exception as problem:  # the test that asked shall fail, not all of them
                say({"error": f"{type(problem).__name__}: {problem}"})


if __name__ == "__main__":
    main()
