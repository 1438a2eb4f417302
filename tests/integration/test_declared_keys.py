# SPDX-License-Identifier: MIT
"""Every key that a script touches stands in its KEYS: some services refuse any other."""
import threading

from support import events

KEYLESS = {"PUBLISH", "INFO", "TIME"}  # commands without keys


def touched(command):
    """The keys of a command as MONITOR prints it."""
    words = command.split(" ")
    if words[0].upper() == "DEL":
        return words[1:]
    return [] if words[0].upper() in KEYLESS else words[1:2]


class Monitor:
    """What Redis executes, until an ECHO."""

    def __init__(self, client):
        self.undeclared, self.scripts = set(), 0
        self._monitor = client.monitor()
        self._monitor.__enter__()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        declared = set()
        while True:
            heard = self._monitor.next_command()
            command = heard["command"]
            if command.startswith("ECHO end"):
                return
            if heard["client_type"] == "lua":
                self.undeclared |= {key for key in touched(command) if key not in declared}
            elif command.upper().startswith("EVALSHA"):
                words = command.split(" ")
                declared = set(words[3:3 + int(words[2])])
                self.scripts += 1

    def wait(self, client):
        client.execute_command("ECHO", "end")
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._monitor.__exit__(None, None, None)


def test_every_key_that_a_script_touches_is_declared(make_stack):
    stack = make_stack()
    place = stack.place()
    with stack.redis.client() as client:
        monitor = Monitor(client)
        reader = stack.ws("ana").subscribed(place.contest_channel)
        stack.post(events.contest_update(place), headers={"Idempotency-Key": "once"})
        stack.post(events.contest_update(place), headers={"Idempotency-Key": "once"})
        stack.post(events.scoreboard_update(place))
        stack.post(events.grader_form(place, {"type": "run"}, user="ana"))
        assert reader.recv()["type"]
        stack.redis.change_history()  # the publisher renews what it wrote
        stack.publisher.wait_ready()
        stack.post(events.contest_update(place))
        backend = stack.backend()
        assert backend.request("PUT", "/scoreboard/Board1",
                               b'{"contest": "a", "expires": 4102444800}').status == 200
        assert backend.get("/deauthenticate/beto").status == 200
        monitor.wait(client)
    assert monitor.scripts > 8
    assert monitor.undeclared == set()
