# SPDX-License-Identifier: MIT
"""What the original broadcaster did badly: bursts, stampedes, large scoreboards, needless calls."""
import json
import threading
import time

import pytest
from support.crowd import Crowd, frame
from support.http_client import raw_exchange, raw_status
from support.listening import begin_stream
from support.omegaup import AUTH_CONCURRENCY, Grader, filter_path, json_of, run_text
from support.process import LIMIT, wait_until
from support.ws_client import SUBPROTOCOL

BURST, CROWD, STAMPEDE = 1000, 1000, 500


def crowd_of(omegaup, count, place, cookie=None):
    more = f"Cookie: ouat={cookie}\r\n" if cookie else ""
    return Crowd(count, [g.port for g in omegaup.gateways], filter_path(place.contest_channel),
                 more)


def all_listen(omegaup, crowd, place):
    """Posts marks until everybody has got the newest; forgets all that came until then."""
    for n in range(30):
        mark = json.dumps(["mark", n, time.time()])
        omegaup.post(place, mark, public=True)
        end = frame(mark)
        if crowd.run_until(lambda end=end: all(m.bytes.endswith(end) or not m.is_open
                                               for m in crowd.members), 10):
            crowd.take()
            return
    raise AssertionError("some get nothing")


def total(omegaup, name):
    return sum(gateway.metrics().total(name) for gateway in omegaup.gateways)


def test_burst_of_a_thousand_posts_to_a_thousand_pages_loses_nothing(omegaup):
    place = omegaup.place()
    texts = [run_text(f"{n}") for n in range(BURST)]
    expected = b"".join(map(frame, texts))
    dropped = total(omegaup, "broadcaster_channel_drop_total")
    with crowd_of(omegaup, CROWD, place) as crowd:
        assert crowd.upgrade() == CROWD
        all_listen(omegaup, crowd, place)
        statuses = []

        def post():
            grader = Grader(omegaup.stack.publisher.port, omegaup.certificates.client_context("own"))
            statuses.extend(grader.post(text, contest=place.contest, public=True)
                            for text in texts)
            grader.close()

        poster = threading.Thread(target=post)
        poster.start()
        crowd.run_until(lambda: crowd.have(len(expected)), 120)
        poster.join(LIMIT)
        assert statuses == [200] * BURST
        assert crowd.count_open() == CROWD
        assert sum(got != expected for got in crowd.take()) == 0
    assert total(omegaup, "broadcaster_channel_drop_total") == dropped


def test_five_hundred_pages_of_the_same_instant_all_stay(omegaup):
    """Each with the same cookie and filters: one user's many tabs, or a classroom of nobody."""
    place = omegaup.place()
    began = time.monotonic()
    with crowd_of(omegaup, STAMPEDE, place, omegaup.user("ana")) as crowd:
        assert crowd.upgrade() == STAMPEDE
        all_listen(omegaup, crowd, place)
        omegaup.post(place, '"all"', public=True)
        expected = frame('"all"')
        assert crowd.run_until(lambda: crowd.have(len(expected)), LIMIT)
        assert set(crowd.take()) == {expected}
        assert crowd.count_open() == STAMPEDE
    asked = [call for call in omegaup.judge.questions if "validateFilter" in call.path]
    times = 2 + (time.monotonic() - began) // 2  # an answer serves for two seconds
    assert len(asked) <= times * len(omegaup.gateways), "the same question is asked once"


def test_five_hundred_users_of_the_same_instant_all_stay(omegaup):
    """Each asks a question of its own; they wait for their turn, connected."""
    place = omegaup.place()
    omegaup.judge.delay = 0.02
    ports = [g.port for g in omegaup.gateways]
    crowds = [Crowd(1, [ports[n % len(ports)]], filter_path(place.contest_channel),
                    f"Cookie: ouat={omegaup.user(f'alumna{n}')}\r\n") for n in range(STAMPEDE)]
    try:
        for crowd in crowds:
            crowd.turn(0)
        assert sum(crowd.upgrade() for crowd in crowds) == STAMPEDE
        for n in range(3):
            omegaup.post(place, f"{n}", public=True)
        wanted = frame("0") + frame("1") + frame("2")
        late = [c for c in crowds if not c.run_until(lambda c=c: c.have(len(wanted)), LIMIT)]
        assert not late
        assert {bytes(c.members[0].bytes) for c in crowds} == {wanted}
        assert sum(c.count_open() for c in crowds) == STAMPEDE
    finally:
        for crowd in crowds:
            crowd.__exit__()
    asked = [call.user for call in omegaup.judge.questions if "validateFilter" in call.path]
    assert len(asked) == len(set(asked)) == STAMPEDE
    assert omegaup.judge.most_at_once <= AUTH_CONCURRENCY * len(omegaup.gateways) + 2


def test_scoreboard_of_three_megabytes_passes(omegaup):
    place = omegaup.place()
    row = {"username": "teams:omi:rojos", "problems": [{"points": 100, "runs": 3}] * 10}
    board = {"ranking": [row] * 10_000}
    text = json_of("/scoreboard/update/", scoreboard_type="contestant", scoreboard=board)
    assert len(text) > 3_000_000
    gateway = len(omegaup.gateways) - 1
    page = omegaup.page(place.contest_channel, gateway=gateway)
    stream = omegaup.stack.sse(filter_path(place.contest_channel), gateway=gateway)
    documented = omegaup.stack.ws(gateway=gateway).subscribed(place.contest_channel)
    begin_stream(stream, lambda mark: omegaup.post(place, mark, public=True))
    omegaup.begin([page], place)
    omegaup.post(place, text, public=True)
    omegaup.post(place, '"after"', public=True)
    assert [page.recv_text(), page.recv_text()] == [text, '"after"']
    while (came := stream.read_event()[2]).startswith('["mark"'):
        pass
    assert came == text
    message = documented.recv_until(lambda m: m["type"] == "scoreboard_update")[-1]
    assert message["data"]["scoreboard"] == board


def test_same_question_at_the_same_time_is_one_call_per_gateway(omegaup):
    place = omegaup.place()
    omegaup.judge.hold()
    cookie = omegaup.user("conjunta")
    pages = [omegaup.page(place.contest_channel, cookie=cookie, gateway=n % len(omegaup.gateways))
             for n in range(12)]
    omegaup.judge.release()
    omegaup.begin(pages, place)
    calls = [call for call in omegaup.judge.questions if "validateFilter" in call.path]
    assert len(calls) == len(omegaup.gateways)


# --- who is let in --------------------------------------------------------------------------------

ORIGINS = [  # headers -> is the cookie believed? If not, an upgrade is refused, and a stream nobody's
    ("the page's own", {"Origin": "https://localhost"}, True),
    ("its own, another port", {"Origin": "https://localhost:8443"}, True),
    ("none", {}, True),
    ("none, same origin", {"Sec-Fetch-Site": "same-origin"}, True),
    ("another site", {"Origin": "https://evil.example"}, False),
    ("a name that begins alike", {"Origin": "https://localhost.evil.example"}, False),
    ("null", {"Origin": "null"}, False),
    ("none, cross-site", {"Sec-Fetch-Site": "cross-site"}, False),
    ("none, same-site", {"Sec-Fetch-Site": "same-site"}, False),
]


@pytest.mark.parametrize("stream", [False, True], ids=["websocket", "event-stream"])
@pytest.mark.parametrize("headers,believed", [row[1:] for row in ORIGINS],
                         ids=[row[0] for row in ORIGINS])
def test_cookie_is_believed_only_when_the_origin_is_allowed(omegaup, headers, believed, stream):
    name = f"origen{omegaup.place().problemset}"
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
               "Sec-WebSocket-Protocol": SUBPROTOCOL}
    headers = {"Host": "localhost", "Cookie": f"ouat={omegaup.user(name)}", **headers,
               **({"Accept": "text/event-stream"} if stream else upgrade)}
    head = "".join(f"{field}: {value}\r\n" for field, value in headers.items())
    request = f"GET {filter_path(f'/user/{name}')} HTTP/1.1\r\n{head}\r\n"
    status = raw_status(raw_exchange(omegaup.gateways[0].port, request.encode(), until="head"))
    if believed:
        assert status == (200 if stream else 101)
        wait_until(lambda: omegaup.judge.questions, what="the question")
        assert [call.user for call in omegaup.judge.questions] == [name]
    else:
        assert status == 403
        assert {call.user for call in omegaup.judge.questions} <= {None}


REFUSALS = [("401", 4003), ("403", 4003), ("412", 4003), ("400", 4004), ("404", 4004),
            ("broken", 1013), ("nonsense", 1013), ("no_user", 1013), ("hang_up", 1013)]


@pytest.mark.parametrize("mode,code", REFUSALS)
def test_refused_page_learns_why(omegaup, mode, code):
    """The original cut the connection; a stream is told the frontend's own words."""
    place = omegaup.place()
    omegaup.judge.mode = mode
    for gateway in range(len(omegaup.gateways)):
        page = omegaup.page(place.contest_channel, gateway=gateway)
        assert page.wait_closed() == code and page.close_reason
    with omegaup.stack.sse(filter_path(place.problem_channel)) as stream:
        assert stream.status == (502 if code == 1013 else int(mode))
        assert stream.response.headers["X-Content-Type-Options"] == "nosniff"
        body = stream.response.read()
        assert body and len(body) <= 4096
