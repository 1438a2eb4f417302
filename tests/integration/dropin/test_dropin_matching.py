# SPDX-License-Identifier: MIT
"""Which events a legacy session gets: protocol.md, section 2, rule by rule."""
import itertools
import json
import time
import urllib.parse

import pytest
from support.http_client import raw_exchange, raw_status
from support.omegaup import ORIGIN, filter_path
from support.process import wait_until
from support.ws_client import SUBPROTOCOL

# --- five kinds of filter, seven kinds of session -------------------------------------------------

OWN, OTHER, NOBODY = "own", "other", "nobody"
EVENTS = list(itertools.product(("public", "private"), (OWN, OTHER, NOBODY)))
PUBLIC = {event for event in EVENTS if event[0] == "public"}
ALL = set(EVENTS)
MINE = PUBLIC | {("private", OWN)}
ONLY_MINE = {("public", OWN), ("private", OWN)}
REFUSED = None

# session -> what it gets under all-events, user, problem, problemset, contest. Whoever has no name
# owns nothing: there, `own` are events of "", which is nobody's name.
TABLE = {
    "nobody": (REFUSED, REFUSED, PUBLIC, PUBLIC, PUBLIC),
    "contestant": (REFUSED, ONLY_MINE, MINE, MINE, MINE),
    "another contestant": (REFUSED, ONLY_MINE, MINE, MINE, MINE),
    "problem admin": (REFUSED, ONLY_MINE, ALL, MINE, MINE),
    "problemset admin": (REFUSED, ONLY_MINE, MINE, ALL, MINE),
    "contest admin": (REFUSED, ONLY_MINE, MINE, MINE, ALL),
    "system admin": (ALL, ONLY_MINE, ALL, ALL, ALL),
}
KINDS = ("all-events", "user", "problem", "problemset", "contest")
NAMES = {"contestant": "omi:ana", "another contestant": "teams:omi:rojos",
         "problem admin": "pablo", "problemset admin": "sara", "contest admin": "carla",
         "system admin": "root"}
ROWS = [(session, kind) for session in TABLE for kind in KINDS]


def filter_of(kind, place, name):
    return {"all-events": "/all-events", "user": f"/user/{name or 'omi:ana'}",
            "problem": place.problem_channel, "problemset": f"/problemset/{place.problemset}",
            "contest": place.contest_channel}[kind]


def cookie_of(omegaup, session, place):
    if session not in NAMES:
        return None
    rights = {"problem admin": {"problem_admin": [place.problem]},
              "problemset admin": {"problemset_admin": [place.problemset]},
              "contest admin": {"contest_admin": [place.contest]},
              "system admin": {"admin": True}}
    return omegaup.user(NAMES[session], **rights.get(session, {}))


class Matrix:
    """All sessions at one place; every event was posted once for each name that is somebody's."""

    def __init__(self, omegaup):
        self.omegaup = omegaup
        self.place, self.elsewhere = omegaup.place(), omegaup.place()
        self.pages = {}
        for n, (session, kind) in enumerate(ROWS):
            name = NAMES.get(session)
            self.pages[session, kind] = omegaup.page(
                filter_of(kind, self.place, name), gateway=n % len(omegaup.gateways),
                cookie=cookie_of(omegaup, session, self.place))
        self.post_all()

    def post_all(self):
        for kind in KINDS:
            for session in TABLE:
                if TABLE[session][KINDS.index(kind)] is not REFUSED:
                    self.omegaup.begin([self.pages[session, kind]], self.place,
                                       user=NAMES.get(session))
        for name in ["", *NAMES.values()]:
            for public in (True, False):
                self.omegaup.post(self.place, json.dumps(["here", public, name]), user=name,
                                  public=public)
        self.omegaup.post(self.elsewhere, json.dumps(["elsewhere"]), public=True)
        for name in NAMES.values():
            self.omegaup.post(self.place, json.dumps(["end"]), user=name, public=True)

    def got(self, session, kind):
        """(publicness, whose) of all events that came, each once."""
        page, name = self.pages[session, kind], NAMES.get(session, "")
        wait_until(lambda: json.dumps(["end"]) in page.texts, what="the last event")
        seen = [json.loads(text) for text in list(page.texts)]
        here = [what[1:] for what in seen if what[0] == "here"]
        assert len(here) == len({tuple(what) for what in here}), "an event came twice"
        assert (["elsewhere"] in seen) == (kind == "all-events")
        return here, name


@pytest.fixture(scope="module")
def matrix(session_omegaup):
    yield Matrix(session_omegaup)
    session_omegaup.tidy()


def whose(owner, name):
    if not owner:
        return NOBODY
    return OWN if owner == name else OTHER


@pytest.mark.parametrize("session,kind", ROWS, ids=[f"{s}-{k}" for s, k in ROWS])
def test_matching_rules(matrix, session, kind):
    expected = TABLE[session][KINDS.index(kind)]
    page = matrix.pages[session, kind]
    if expected is REFUSED:
        assert page.wait_closed() == 4003
        assert page.close_reason and page.texts == []
        return
    here, name = matrix.got(session, kind)
    possible = {(public, owner) for public in (True, False) for owner in ["", *NAMES.values()]}
    should = {(public, owner) for public, owner in possible
              if ("public" if public else "private", whose(owner, name)) in expected}
    assert {tuple(what) for what in here} == should


def test_system_admin_sees_the_private_events_of_anybody_by_name(omegaup):
    place = omegaup.place()
    page = omegaup.page("/user/omi:ana", cookie=omegaup.user("root", admin=True))
    omegaup.begin([page], place, user="omi:ana")
    omegaup.post(place, '"of another"', user="root", public=True)
    omegaup.post(place, '"of ana"', user="omi:ana")
    assert page.recv_text() == '"of ana"'


def test_rules_hold_even_when_the_frontend_lets_everything_pass(omegaup, monkeypatch):
    monkeypatch.setattr(omegaup.judge, "check_filter", lambda parts, account: None)
    place, elsewhere = omegaup.place(), omegaup.place()
    page = omegaup.page("/all-events", place.contest_channel, cookie=omegaup.user("fisgona"))
    omegaup.begin([page], place)
    omegaup.post(elsewhere, '"elsewhere"', public=True)
    omegaup.post(place, '"of another"', user="omi:ana")
    omegaup.post(place, '"public"', public=True)
    assert page.recv_text() == '"public"'


def every_filter(place):
    return ["/user/omi:ana", place.problem_channel, f"/problemset/{place.problemset}",
            place.contest_channel, f"{place.contest_channel}/{place.scoreboard}"]


@pytest.mark.parametrize("order", [1, -1], ids=["as the rules name them", "the other way round"])
def test_event_that_several_filters_match_comes_once(omegaup, order):
    place = omegaup.place()
    page = omegaup.page(*every_filter(place)[::order], cookie=omegaup.user("omi:ana"))
    omegaup.begin([page], place)
    for n, envelope in enumerate([{"user": "omi:ana"}, {"public": True}, {"user": "x"},
                                  {"user": "omi:ana", "public": True, "problem": None},
                                  {"user": "omi:ana", "contest": None, "problemset": None}]):
        omegaup.post(place, f"{n}", **envelope)
    omegaup.post(place, '"end"', public=True)
    assert [page.recv_text() for _ in range(5)] == ["0", "1", "3", "4", '"end"']


def test_nobody_comes_back_to_nothing(omegaup):
    """Of a session without a user nothing is kept: it goes on with what comes from then on."""
    place = omegaup.place()
    page = omegaup.page(place.contest_channel)
    omegaup.begin([page], place)
    gateway = omegaup.gateways[0]
    kept = gateway.metrics()["broadcaster_legacy_kept_total"]
    open_before = gateway.metrics()["connections_active"]
    page.abort()
    wait_until(lambda: gateway.metrics()["connections_active"] < open_before, what="its end")
    omegaup.post(place, '"private"')
    omegaup.post(place, '"public"', public=True)
    again = omegaup.page(place.contest_channel)
    omegaup.begin([again], place)
    omegaup.post(place, '"of nobody"')
    omegaup.post(place, '"later"', public=True)
    assert again.recv_text() == '"later"'
    assert gateway.metrics()["broadcaster_legacy_kept_total"] == kept


# --- identities -----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["ana", "omi:ana", "teams:omi:rojos"])
def test_each_kind_of_identity_gets_its_own_runs_and_no_namesakes(omegaup, name):
    place = omegaup.place()
    page = omegaup.page(f"/user/{name}", cookie=omegaup.user(name))
    omegaup.begin([page], place, user=name)
    others = {"ana", "omi:ana", "teams:omi:rojos", "teams:ana", "omi", "ana:omi"} - {name}
    for other in sorted(others):
        omegaup.post(place, '"another"', user=other, public=True)
    omegaup.post(place, '"mine"', user=name)
    assert page.recv_text() == '"mine"'


@pytest.mark.parametrize("name", ["ñandú", "with space", "a/b", "*", "%2F", "x" * 200, "a:b:c:d"])
def test_event_of_a_name_outside_any_rule_is_not_lost(omegaup, name):
    place = omegaup.place()
    everything = omegaup.page("/all-events", cookie=omegaup.user("root", admin=True))
    here = omegaup.page(place.contest_channel)
    omegaup.begin([everything, here], place)
    text = json.dumps(["odd", name])
    omegaup.post(place, text, user=name, problem=name, public=True)
    assert [everything.recv_text(), here.recv_text()] == [text, text]
    omegaup.post(None, text, contest=name)
    assert everything.recv_text() == text


def test_switched_identity_sees_what_the_new_one_may(omegaup):
    """The same cookie becomes another user. What the old one missed is not for the new one."""
    place = omegaup.place()
    gateway = len(omegaup.gateways) - 1
    cookie = omegaup.user("lupe", token=f"switching-{place.contest}")
    where = f"/problemset/{place.problemset}"
    old = omegaup.page(where, cookie=cookie, gateway=gateway)
    omegaup.begin([old], place)
    omegaup.judge.accounts[cookie].username = "teams:omi:verdes"
    switched = time.monotonic()
    omegaup.post(place, '"to lupe"', user="lupe")
    assert old.recv_text() == '"to lupe"', "a connection keeps its identity"
    old.close()
    seen = []
    while '"to verdes"' not in seen:
        opened = time.monotonic()
        page = omegaup.page(where, cookie=cookie, gateway=gateway)
        omegaup.begin([page], place)
        omegaup.post(place, '"to lupe"', user="lupe")
        omegaup.post(place, '"to verdes"', user="teams:omi:verdes")
        seen.append(page.recv_text())
        page.close()
        assert seen[-1] == '"to verdes"' or opened - switched < 2.5, \
            "an answer serves new connections for two seconds"
        time.sleep(0.2)
    assert set(seen) <= {'"to lupe"', '"to verdes"'}
    page = omegaup.page(where, cookie=cookie, gateway=gateway)
    omegaup.begin([page], place)
    assert '"to lupe"' not in page.texts


# --- public scoreboards, tokens -------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["problemset", "contest"])
def test_scoreboard_token_in_the_filter_opens_what_is_closed_to_nobody(omegaup, kind):
    place = omegaup.place(public=False)
    name = place.problemset if kind == "problemset" else place.contest
    page = omegaup.page(f"/{kind}/{name}/{place.scoreboard}")
    omegaup.begin([page], place)
    omegaup.post(place, '"private"', user="ana")
    omegaup.post(place, '"public"', public=True)
    assert page.recv_text() == '"public"'
    for wrong in (f"/{kind}/{name}", f"/{kind}/{name}/Wrong"):
        assert omegaup.page(wrong).wait_closed() == 4003


# --- credentials ----------------------------------------------------------------------------------

API_TOKEN = "89abcdef" * 5


@pytest.mark.parametrize("headers", [
    {"Authorization": f"token {API_TOKEN}"}, {"Cookie": f"api_token={API_TOKEN}"},
    {"Cookie": "ouat=cookie-of-api-user; api_token=nonsense", "Authorization": "token nonsense"}],
    ids=["authorization", "api_token cookie", "ouat before both"])
def test_credentials_of_other_clients(omegaup, headers):
    place = omegaup.place()
    for token in (API_TOKEN, "cookie-of-api-user"):
        omegaup.user("apiuser", token=token)
    page = omegaup.page("/user/apiuser", place.contest_channel, headers=headers)
    omegaup.begin([page], place, user="apiuser")
    assert {call.user for call in omegaup.judge.questions if "validate" in call.path} == {"apiuser"}


@pytest.mark.parametrize("stream", [False, True], ids=["websocket", "event-stream"])
@pytest.mark.parametrize("through", ["gateway", "nginx"])
def test_cookies_of_64_kib(omegaup, through, stream):
    where = filter_path("/user/galleta", omegaup.place().contest_channel)
    size = 65536 - 2048  # with the other headers it stays within 64 KiB
    cookie = f"ouat={omegaup.user('galleta')}"
    many = "; ".join(f"c{n}={'x' * 4000}" for n in range(15)) + "; "
    cookies = many + "y=" + "z" * (size - len(many) - len(cookie) - 4) + "; " + cookie
    assert len(cookies) == size
    port = omegaup.gateways[-1].port if through == "gateway" else omegaup.nginx.port
    head = f"GET {where} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\n"
    if stream:
        answer = raw_exchange(port, f"{head}Accept: text/event-stream\r\n\r\n".encode(),
                              until="head")
        assert raw_status(answer) == 200, answer[:300]
    else:
        head += ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\nOrigin: https://localhost\r\n\r\n")
        assert raw_status(raw_exchange(port, head.encode())) == 101
    wait_until(lambda: omegaup.judge.questions, what="the question")
    assert [call.user for call in omegaup.judge.questions] == ["galleta"]


# --- misleading filters ---------------------------------------------------------------------------

CRAFTED = ["/contest/a?filter=/all-events", "/contest/a&filter=/all-events", "/contest/a/T/../..",
           "/problemset/1/x?auth_token=y", "/problemset/1%2Fx", "/problem/../all-events",
           "/problem/a#", "/user/ana;/all-events", "/contest/a\r\nX: y", "/contest/a b",
           "/problemset/1/T/filter/%2Fall-events", "/user/ana\x00", "/contest/a%00", "//contest/a",
           "/CONTEST/a", "/problemset/-1", "/problemset/017", "/problemset/1e3", "/problemset/9223372036854775808",
           "/user/a:b:c:d", "all-events", "/all-events/", "/all-events/x", ",/contest/a"]


@pytest.mark.parametrize("crafted", CRAFTED)
def test_filter_crafted_to_mislead_the_frontend_is_refused_without_a_question(omegaup, crafted):
    head = (f"GET {filter_path(crafted)} HTTP/1.1\r\nHost: localhost\r\n"
            f"Cookie: ouat={omegaup.user('ana')}\r\n")
    for rest in ("Accept: text/event-stream\r\n",
                 "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"):
        answer = raw_exchange(omegaup.gateways[0].port, f"{head}{rest}\r\n".encode())
        assert raw_status(answer) == 400, answer[:300]
    assert omegaup.judge.questions == []


def test_what_is_asked_is_written_anew_from_what_was_understood(omegaup):
    """However the client wrote it: the frontend splits the raw URI."""
    place = omegaup.place()
    board = f"/problemset/{place.problemset}/{place.scoreboard}"
    filters = f"{board},{place.contest_channel}"
    for n, path in enumerate((f"/events/?x=1&filter={board}&filter={place.contest_channel}&y",
                              "/?filter=" + "".join(f"%{ord(c):02x}" for c in filters))):
        omegaup.judge.forget_calls()
        page = omegaup.stack.ws(path=path, subprotocols=[SUBPROTOCOL], origin=ORIGIN,
                                headers={"Cookie": f"ouat={omegaup.user(f'writer{n}')}"})
        omegaup.begin([page], place)
        call, = [call for call in omegaup.judge.questions if "validateFilter" in call.path]
        assert call.raw_uri == ("/api/user/validateFilter/?filter="
                                + urllib.parse.quote(filters, safe=""))
