# SPDX-License-Identifier: MIT
"""Legacy sessions are not told when they listen: marks are posted until they get one."""
import json
import threading

from .process import LIMIT

SOON = 0.3  # seconds after which another mark is posted


def begin(client, post):
    """Gets the newest mark through a WebSocket; returns the texts that came before any mark.
    `post` takes a text that the session may see."""
    before = []
    for n in range(int(LIMIT / SOON)):
        mark = json.dumps(["begin", n])
        post(mark)
        try:
            while (text := client.recv_text(timeout=SOON)) != mark:
                if not text.startswith('["begin",'):
                    before.append(text)
            return before
        except AssertionError:  # nothing came
            assert client.is_open(), f"closed with {client.close_code} {client.close_reason}"
    raise AssertionError(f"it gets nothing: {client.texts}")


def begin_stream(stream, post):
    """The same through an event stream, which can only be read until something comes."""
    posted, is_heard = [], threading.Event()

    def post_marks():
        for n in range(int(LIMIT / SOON)):
            posted.append(json.dumps(["begin", n]))
            post(posted[-1])
            if is_heard.wait(SOON):
                return

    poster = threading.Thread(target=post_marks)
    poster.start()
    try:
        text = stream.read_event()[2]
    finally:
        is_heard.set()
        poster.join()
    while text != posted[-1]:
        text = stream.read_event()[2]
