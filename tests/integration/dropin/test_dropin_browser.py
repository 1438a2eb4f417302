# SPDX-License-Identifier: MIT
"""Pages of today's frontend: npm's `ws` as the browser, through nginx and TLS."""
import json
from pathlib import Path

import pytest
from support.node import NodeScript
from support.omegaup import ORIGIN, filter_path, json_of, run_text

BROWSER = (Path(__file__).parent / "browser.js").read_text(encoding="utf-8")
LONG = 3600_000


class Page(NodeScript):
    def __init__(self, omegaup, directory, *filters, cookie=None, origin=ORIGIN, retry_ms=LONG,
                 ping_ms=LONG):
        directory.mkdir(exist_ok=True)
        super().__init__(
            BROWSER, directory, CA=omegaup.certificates.path("ca.pem"), ORIGIN=origin,
            URI=f"wss://localhost:{omegaup.nginx.tls_port}{filter_path(*filters)}",
            COOKIE=f"lang=es; ouat={cookie}" if cookie else None, RETRY_MS=retry_ms,
            PING_MS=ping_ms)

    def reports(self, n):
        return [self.report() for _ in range(n)]

    def open(self):
        assert self.report() == ["open", "com.omegaup.events"]
        return self


@pytest.fixture
def open_page(omegaup, tmp_path):
    pages = []

    def make(*filters, **options):
        pages.append(Page(omegaup, tmp_path / f"page-{len(pages)}", *filters, **options))
        return pages[-1]

    yield make
    for page in pages:
        page.stop()


def listening(omegaup, page, place, **envelope):
    """Posts runs until the page, which may not listen yet, has got the newest."""
    for n in range(50):
        omegaup.post(place, run_text(f"mark-{n}"), **{"public": True, **envelope})
        try:
            while page.report(timeout=0.5)[1].get("guid") != f"mark-{n}":
                pass
            return page
        except AssertionError:  # nothing came
            continue
    raise AssertionError("the page gets nothing")


TEXTS = [
    (run_text("a/b"), ["/run/update/", {"guid": "a/b", "verdict": "AC"}]),
    (json_of("/clarification/update/", clarification={"clarification_id": 5, "message": "¿ñ?"}),
     ["/clarification/update/", {"clarification_id": 5, "message": "¿ñ?"}]),
    (json_of("/scoreboard/update/", scoreboard_type="contestant", scoreboard={"ranking": []}),
     ["/scoreboard/update/", ["contestant", {"ranking": []}]]),
    (json_of("/contest/problem/update/", type="added", contest_alias="c", problem_alias="p"),
     ["/contest/problem/update/", ["added", "p"]]),
]


def test_page_of_a_contest_gets_every_kind_of_message(omegaup, open_page):
    place = omegaup.place()
    page = open_page(f"/problemset/{place.problemset}", cookie=omegaup.user("ana")).open()
    listening(omegaup, page, place)
    for text, _ in TEXTS:
        omegaup.post(place, text.replace("/", "\\/"), public=True)  # as PHP writes slashes
    assert page.reports(len(TEXTS)) == [expected for _, expected in TEXTS]


def test_public_scoreboard_by_token_without_a_cookie(omegaup, open_page):
    place = omegaup.place(public=False)
    page = open_page(f"/problemset/{place.problemset}/{place.scoreboard}").open()
    listening(omegaup, page, place)
    omegaup.post(place, run_text("private"), user="ana")
    omegaup.post(place, TEXTS[2][0], public=True)
    assert page.report() == TEXTS[2][1]


def test_cookie_alone_tells_whose_runs_to_show(omegaup, open_page):
    place = omegaup.place()
    page = open_page(f"/problemset/{place.problemset}", cookie=omegaup.user("omi:ana")).open()
    listening(omegaup, page, place)
    omegaup.post(place, run_text("rojos"), user="teams:omi:rojos")
    omegaup.post(place, run_text("mine"), user="omi:ana")
    assert page.report()[1]["guid"] == "mine"


def test_pings_are_answered_by_nothing(omegaup, open_page):
    place = omegaup.place()
    page = open_page(f"/problemset/{place.problemset}", ping_ms=5).open()
    listening(omegaup, page, place)
    for n in range(20):
        omegaup.post(place, run_text(f"{n}"), public=True)
        assert page.report() == ["/run/update/", {"guid": f"{n}", "verdict": "AC"}]


# --- coming back ----------------------------------------------------------------------------------

def test_page_comes_back_after_a_restart_to_what_it_missed(omegaup, open_page):
    place = omegaup.place()
    page = open_page(f"/problemset/{place.problemset}", cookie=omegaup.user("vuelve"),
                     retry_ms=1200).open()
    listening(omegaup, page, place)
    for gateway in omegaup.gateways:
        gateway.stop()
    code, reason = page.report()[1:]
    assert code == 1012 and reason
    for n in range(5):
        omegaup.post(place, run_text(f"missed-{n}"), public=n % 2 == 0, user="vuelve")
    omegaup.post(place, run_text("of another"), user="otra")
    for gateway in omegaup.gateways:
        gateway.start()
    page.open()
    assert [page.report()[1]["guid"] for _ in range(5)] == [f"missed-{n}" for n in range(5)]
    omegaup.post(place, run_text("new"), public=True)
    assert page.report()[1]["guid"] == "new"


def test_page_that_comes_while_the_frontend_is_broken_is_let_in_later(omegaup, open_page):
    place = omegaup.place()
    omegaup.judge.mode = "broken"
    page = open_page(f"/problemset/{place.problemset}", retry_ms=300).open()
    code, reason = page.report()[1:]
    assert code == 1013 and reason
    omegaup.judge.mode = "ok"
    while page.report()[0] == "close":  # once more, if this was slow
        pass
    listening(omegaup, page, place)


# --- refused --------------------------------------------------------------------------------------

def test_page_of_another_site_is_refused_and_gives_up(omegaup, open_page):
    page = open_page(omegaup.place().contest_channel, cookie=omegaup.user("ana"),
                     origin="https://localhost.evil.example", retry_ms=10)
    assert page.reports(3) == [["refused", 403], ["close", 1006, ""], ["gives up", 0]]
    assert omegaup.judge.questions == []


@pytest.mark.parametrize("where,code", [("closed", 4003), ("unknown", 4004)])
def test_refused_page_learns_why_each_time_and_gives_up_after_ten(omegaup, open_page, where, code):
    place = omegaup.place(public=False)
    number = place.problemset if where == "closed" else 987654321
    page = open_page(f"/problemset/{number}", cookie=omegaup.user("ana"), retry_ms=10)
    reports = page.reports(23)
    assert reports[-1] == ["gives up", 10]
    reasons = {json.dumps(report) for report in reports if report[0] == "close"}
    assert [json.loads(r)[1] for r in reasons] == [code]
    assert all(report[2] for report in reports if report[0] == "close")


def test_deauthenticated_page_is_told_so(omegaup, open_page):
    place = omegaup.place()
    page = open_page(f"/problemset/{place.problemset}", cookie=omegaup.user("fuera")).open()
    listening(omegaup, page, place)
    assert omegaup.stack.backend("own").get("/deauthenticate/fuera").status == 200
    assert page.report()[:2] == ["close", 4001]
