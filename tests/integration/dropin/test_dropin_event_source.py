# SPDX-License-Identifier: MIT
"""Server-Sent Events with npm's EventSource, through nginx."""
import json
from pathlib import Path

import pytest
from support import events
from support.node import NodeScript
from support.omegaup import filter_path, json_of, run_text

SCRIPT = (Path(__file__).parent / "event_source.js").read_text(encoding="utf-8")
CLOSED = 2  # EventSource.readyState


@pytest.fixture
def open_source(omegaup, tmp_path):
    sources = []

    def make(path, cookie=None, names=()):
        directory = tmp_path / f"source-{len(sources)}"
        directory.mkdir()
        sources.append(NodeScript(
            SCRIPT, directory, CA=omegaup.certificates.path("ca.pem"), NAMES=list(names),
            URI=f"https://localhost:{omegaup.nginx.tls_port}{path}",
            HEADERS={"Cookie": f"ouat={cookie}"} if cookie else {}))
        return sources[-1]

    yield make
    for source in sources:
        source.stop()


def listening(omegaup, source, place):
    assert source.report() == ["open"]
    for n in range(50):
        omegaup.post(place, f"[{n}]", public=True)
        try:
            while source.report(timeout=0.5)[1] != f"[{n}]":
                pass
            return source
        except AssertionError:  # nothing came
            continue
    raise AssertionError("the stream carries nothing")


def test_legacy_stream_carries_the_backends_texts(omegaup, open_source):
    place = omegaup.place()
    source = listening(omegaup, open_source(filter_path(f"/problemset/{place.problemset}"),
                                            omegaup.user("ana")), place)
    texts = [run_text("1"), json_of("/scoreboard/update/", scoreboard={"name": "ñ"}),
             '{\n  "several":\n  "lines"\n}', "7"]
    for text in texts:
        omegaup.post(place, text, user="ana")
        assert source.report()[:2] == ["message", text]


def come_back(omegaup, source, post):
    """Ends every gateway, posts, starts them again, waits for the stream to be open again."""
    for gateway in omegaup.gateways:
        gateway.stop()
    post()
    for gateway in omegaup.gateways:
        gateway.start()
    while source.report() != ["open"]:
        pass


def test_legacy_stream_comes_back_to_what_it_missed(omegaup, open_source):
    place = omegaup.place()
    source = listening(omegaup, open_source(filter_path(place.contest_channel),
                                            omegaup.user("ana")), place)
    come_back(omegaup, source, lambda: [omegaup.post(place, f"{n}", public=True)
                                        for n in range(3)])
    omegaup.post(place, "3", public=True)
    assert [source.report()[1] for _ in range(4)] == ["0", "1", "2", "3"]


def test_documented_stream_resumes_by_its_last_event_id(omegaup, open_source):
    place = omegaup.place()
    path = f"/events/?channel={place.contest_channel}&channel=/user/ana"
    names = ["subscribed", "contest_update"]
    source = open_source(path, omegaup.user("ana"), names)
    assert source.report() == ["open"]
    assert {json.loads(source.report()[1])["channel"] for _ in range(2)} == \
        {place.contest_channel, "/user/ana"}

    def update(n):
        omegaup.post(place, json.dumps(events.contest_update(place, n)), public=True)

    update(0)
    assert json.loads(source.report()[1])["data"]["n"] == 0
    come_back(omegaup, source, lambda: [update(n) for n in (1, 2)])
    update(3)
    reports = [source.report() for _ in range(5)]
    resumed = [json.loads(r[1]) for r in reports if r[0] == "subscribed"]
    assert [s["recovered"] for s in resumed] == [True, True]
    assert [json.loads(r[1])["data"]["n"] for r in reports if r[0] == "contest_update"] == [1, 2, 3]


@pytest.mark.parametrize("number,status", [("closed", 403), ("unknown", 404)])
def test_refused_stream_learns_the_status_and_stays_away(omegaup, open_source, number, status):
    place = omegaup.place(public=False)
    number = place.problemset if number == "closed" else 987654321
    source = open_source(filter_path(f"/problemset/{number}"), omegaup.user("ana"))
    assert source.report() == ["error", status, CLOSED]
