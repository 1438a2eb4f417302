# SPDX-License-Identifier: MIT
"""Who may see what is asked of the judge's frontend: rightly, once, and never for ever."""
import json
import signal
import time
import urllib.parse

import pytest
from support import events, users
from support.frontend import SECRET_HASH, Frontend
from support.listening import begin
from support.process import wait_until
from support.stack import Stack

API_TOKEN = "0123456789abcdef0123456789abcdef01234567"
CREDENTIAL = "Credential=abc,Signature=def"
AT_ONCE = 16  # questions of one gateway


@pytest.fixture(scope="module")
def judge():
    frontend = Frontend()
    for user in ("ana", "beto", "dora"):
        frontend.add_user(user)
    frontend.add_user("root", admin=True)
    yield frontend
    frontend.down()


@pytest.fixture(scope="module")
def judged_stack(tmp_path_factory, certificates, judge):
    settings = {"Broadcaster": {"ScoreboardUpdateSecret": "s3&cr=t", "ScoreboardUpdateTimeout": 2,
                                "AuthCacheSeconds": 2}}
    with Stack(tmp_path_factory.mktemp("judged"), certificates, frontend=judge,
               settings=settings) as stack:
        yield stack


@pytest.fixture
def stack(judged_stack, judge):
    judge.mode, judge.delay, judge.close_idle = "ok", 0.0, False
    judge.up()
    judge.forget_calls()
    yield judged_stack
    judged_stack.close_clients()
    judge.mode, judge.delay, judge.close_idle = "ok", 0.0, False
    judge.up()


@pytest.fixture
def place(stack, judge):
    """A contest that ana takes part in, and a problem that all may see."""
    place = stack.place()
    judge.add_contest(place.contest, scoreboard=f"S{place.contest.replace('-', '')}")
    judge.add_problem(place.problem)
    judge.accounts["cookie-ana"].contests.add(place.contest)
    return place


def fresh_user(stack, judge, **rights):
    """A user that no answer is kept for."""
    name = f"user{next(stack._numbers)}"
    return name, judge.add_user(name, **rights)


# --- how it is asked ------------------------------------------------------------------------

def test_session_token_goes_as_cookie_alone(stack, judge):
    name, token = fresh_user(stack, judge)
    assert stack.ws().auth(token) == {"type": "auth_success", "username": name}
    call, = judge.questions
    assert (call.method, call.raw_uri) == ("GET", "/api/session/currentSession/")
    headers = {k.lower(): v for k, v in call.headers.items()}
    assert headers["cookie"] == f"ouat={token}"
    assert "authorization" not in headers


@pytest.mark.parametrize("token", [API_TOKEN, CREDENTIAL])
def test_api_token_goes_as_authorization_alone(stack, judge, token):
    judge.add_user("apiuser", token)
    assert stack.ws().auth(token) == {"type": "auth_success", "username": "apiuser"}
    headers = {k.lower(): v for k, v in judge.questions[0].headers.items()}
    assert headers["authorization"] == f"token {token}"
    assert "cookie" not in headers


def test_no_other_header_of_the_client_is_passed_on(stack, judge):
    name, token = fresh_user(stack, judge)
    client = stack.ws(headers={"Cookie": f"ouat={token}; secret=1", "X-Other": "x",
                               "User-Agent": "special"}, origin="https://omegaup.com")
    client.subscribed(f"/user/{name}")
    text = json.dumps([c.headers for c in judge.questions])
    for stranger in ("secret", "X-Other", "special"):
        assert stranger not in text


def test_filter_is_percent_encoded_since_the_frontend_splits_the_raw_uri(stack, judge, place):
    stack.ws(headers={"Authorization": "token x", "Cookie": "ouat=cookie-ana"},
             origin="https://omegaup.com")
    client = stack.ws()
    client.auth("cookie-ana")
    client.subscribed(place.contest_channel)
    call = next(c for c in judge.questions if "validateFilter" in c.path)
    assert call.raw_uri == \
        f"/api/user/validateFilter/?filter=%2Fcontest%2F{place.contest}"
    assert call.arguments == {"filter": place.contest_channel}


def test_own_channel_is_decided_without_a_question(stack, judge):
    client = stack.ws()
    client.auth("cookie-ana")
    client.subscribed("/user/ana")
    assert client.subscribe("/user/beto")["error"] == "forbidden"
    assert judge.count("validateFilter") == 0


def test_bad_token_text_is_refused_without_a_question(stack, judge):
    assert stack.ws().auth("no token at all; really")["error"] == "unauthorized"
    assert judge.questions == []


# --- what its answers mean ----------------------------------------------------------------------

def test_expired_session_is_unauthorized(stack):
    assert stack.ws().auth("expired-token")["error"] == "unauthorized"


def test_contest_access(stack, judge, place):
    rows = [("cookie-ana", "subscribed"), ("cookie-beto", "forbidden"), (None, "unauthorized"),
            ("cookie-root", "subscribed")]
    for token, expected in rows:
        client = stack.ws()
        if token:
            client.auth(token)
        answer = client.subscribe(place.contest_channel)
        assert answer.get("error", answer["type"]) == expected, token
    assert stack.ws().subscribe("/contest/no-such")["error"] == "not_found"


def test_admin_channel_needs_the_contest_among_contest_admin(stack, judge, place):
    judge.accounts["cookie-beto"].contest_admin = [place.contest]
    for token, expected in (("cookie-ana", "forbidden"), ("cookie-beto", "subscribed"),
                            ("cookie-root", "subscribed")):
        client = stack.ws()
        client.auth(token)
        answer = client.subscribe(place.admin_channel)
        assert answer.get("error", answer["type"]) == expected, token
    judge.accounts["cookie-beto"].contest_admin = []


def test_scoreboard_token_is_not_believed_when_the_answer_does_not_name_its_contest(stack, place):
    """Today's frontend answers 200 to filters of kinds that it does not know."""
    assert stack.ws().subscribe(place.scoreboard_channel)["error"] == "not_found"


STATUSES = [("401", "unauthorized", "unauthorized"), ("403", "unauthorized", "forbidden"),
            ("412", "unauthorized", "forbidden"), ("400", "not_found", "not_found"),
            ("404", "not_found", "not_found"), ("302", "unavailable", "unavailable"),
            ("429", "unavailable", "unavailable"), ("broken", "unavailable", "unavailable"),
            ("nonsense", "unavailable", "unavailable"), ("no_user", "unavailable", "unavailable"),
            ("hang_up", "unavailable", "unavailable")]


@pytest.mark.parametrize("mode,for_nobody,for_known", STATUSES, ids=[s[0] for s in STATUSES])
def test_what_the_frontend_says_becomes_an_error(stack, judge, mode, for_nobody, for_known):
    place = stack.place()
    nobody, known = stack.ws(), stack.ws()
    _, token = fresh_user(stack, judge)
    known.auth(token)
    judge.mode = mode
    assert nobody.subscribe(place.contest_channel)["error"] == for_nobody
    assert known.subscribe(place.contest_channel)["error"] == for_known
    assert known.ask({"type": "ping"}) == {"type": "pong"}


@pytest.mark.parametrize("mode", ["broken", "nonsense", "no_user", "hang_up", "302"])
def test_auth_against_a_broken_frontend_is_unavailable_and_later_works(stack, judge, mode):
    name, token = fresh_user(stack, judge)
    judge.mode = mode
    client = stack.ws()
    assert client.auth(token)["error"] == "unavailable"
    judge.mode = "ok"
    assert wait_until(lambda: client.auth(token)["type"] == "auth_success", what="it to work again")


# --- slow, down ---------------------------------------------------------------------------------

def test_slow_frontend_holds_up_nobody_else(stack, judge, place):
    other = stack.ws()
    other.auth("cookie-ana")
    other.subscribed(place.contest_channel)
    judge.hold()
    waiting = stack.ws()
    _, token = fresh_user(stack, judge)
    waiting.send({"type": "auth", "token": token})
    wait_until(lambda: judge.at_once, what="the question")
    for _ in range(5):
        assert other.ask({"type": "ping"}) == {"type": "pong"}
        stack.post(events.contest_update(place))
        assert other.recv()["type"] == "contest_update"
    assert waiting.texts == []
    judge.release()
    assert waiting.recv()["type"] == "auth_success"


def test_frontend_that_takes_over_five_seconds_is_unavailable(stack, judge):
    judge.hold()
    _, token = fresh_user(stack, judge)
    started = time.monotonic()
    assert stack.ws().auth(token)["error"] == "unavailable"
    assert time.monotonic() - started > 4.5


def test_frontend_down_is_unavailable_and_later_works(stack, judge):
    _, token = fresh_user(stack, judge)
    judge.down()
    client = stack.ws()
    assert client.auth(token)["error"] == "unavailable"
    judge.up()
    assert wait_until(lambda: client.auth(token)["type"] == "auth_success", what="it to work again")


def test_kept_alive_connection_that_was_just_closed_is_tried_again(stack, judge):
    judge.close_idle = True
    for _ in range(10):
        _, token = fresh_user(stack, judge)
        assert stack.ws().auth(token)["type"] == "auth_success"


def test_token_known_at_the_upgrade_waits_for_the_frontend(stack, judge, place):
    judge.delay = 0.5
    name, token = fresh_user(stack, judge, contests={place.contest})
    client = stack.ws(token=None, headers={"Cookie": f"ouat={token}"},
                      origin="https://omegaup.com")
    client.subscribed(place.contest_channel, f"/user/{name}")


# --- how often ------------------------------------------------------------------------------------

def test_same_question_at_the_same_time_is_asked_once(stack, judge):
    _, token = fresh_user(stack, judge)
    clients = [stack.ws() for _ in range(30)]
    judge.hold()
    for client in clients:
        client.send({"type": "auth", "token": token})
    judge.release()
    assert {client.recv()["type"] for client in clients} == {"auth_success"}
    assert judge.count("currentSession") == 1


def test_answer_serves_new_connections_for_two_seconds(stack, judge):
    _, token = fresh_user(stack, judge)
    asked = time.monotonic()
    stack.ws().auth(token)
    stack.ws().auth(token)
    before = judge.count("currentSession")
    assert before == 1 or time.monotonic() - asked > 2
    time.sleep(2.2)
    stack.ws().auth(token)
    assert judge.count("currentSession") == before + 1


def test_questions_of_many_wait_for_their_turn(stack, judge):
    tokens = [fresh_user(stack, judge)[1] for _ in range(50)]
    clients = [stack.ws() for _ in tokens]
    judge.hold()
    for client, token in zip(clients, tokens):
        client.send({"type": "auth", "token": token})
    wait_until(lambda: judge.at_once == AT_ONCE, what="as many questions as may be asked at once")
    judge.delay = 0.02  # so that one too many would be seen
    judge.release()
    assert {client.recv()["type"] for client in clients} == {"auth_success"}
    assert judge.most_at_once == AT_ONCE


def test_deauthenticate_purges_what_was_answered(stack, judge):
    name, token = fresh_user(stack, judge)
    client = stack.ws()
    client.auth(token)
    del judge.accounts[token]
    assert stack.backend().get(f"/deauthenticate/{name}").status == 200
    assert client.wait_closed() == 4001
    assert stack.ws().auth(token)["error"] == "unauthorized"


# --- secrecy ----------------------------------------------------------------------------------------

def test_neither_tokens_nor_the_frontends_secrets_are_logged(stack, judge, place):
    stack.ws(headers={"Cookie": "ouat=cookie-ana"}, origin="https://omegaup.com")
    client = stack.ws(path="/events/?secretquery=1")
    client.auth("cookie-ana")
    client.subscribed(place.contest_channel)
    client.auth("expired-secret-token")
    judge.mode = "broken"
    client.auth("another-secret-token")
    log = stack.gateway.process.log() + stack.publisher.process.log()
    assert "session" in log  # it does log something
    for secret in (SECRET_HASH, "ana@example.com", "cookie-ana", "expired-secret-token",
                   "another-secret-token", "s3&cr=t", "secretquery"):
        assert secret not in log, secret


# --- legacy -----------------------------------------------------------------------------------------

def legacy(stack, filters, token=None, **options):
    if token:
        options.update(headers={"Cookie": f"ouat={token}"}, origin="https://omegaup.com")
    return stack.ws(path="/events/?filter=" + urllib.parse.quote(filters),
                    subprotocols=["com.omegaup.events"], **options)


def test_legacy_filters_are_one_question(stack, judge, place):
    client = legacy(stack, f"/user/ana,{place.contest_channel}", "cookie-ana")
    begin(client, lambda mark: stack.post({"contest": place.contest, "user": "ana",
                                           "message": mark}))
    calls = [c for c in judge.questions if "validateFilter" in c.path]
    assert [c.arguments["filter"] for c in calls] == [f"/user/ana,{place.contest_channel}"]
    assert judge.count("currentSession") == 0


@pytest.mark.parametrize("mode,code", [("401", 4003), ("403", 4003), ("412", 4003), ("400", 4004),
                                       ("404", 4004), ("broken", 1013), ("nonsense", 1013),
                                       ("no_user", 1013), ("hang_up", 1013)])
def test_legacy_client_is_upgraded_and_then_told_by_a_close_code(stack, judge, mode, code):
    judge.mode = mode
    client = legacy(stack, stack.place().contest_channel)
    assert client.wait_closed() == code
    assert client.close_reason


def test_legacy_all_events_is_for_system_admins(stack, judge, place):
    assert legacy(stack, "/all-events", "cookie-ana").wait_closed() == 4003
    client = legacy(stack, "/all-events", "cookie-root")
    begin(client, lambda mark: stack.post({"contest": place.contest, "message": mark}))
    text = '{"message":"/run/update/","run":{"guid":"all"}}'
    stack.post({"contest": place.contest, "user": "ana", "message": text})
    assert client.recv_text() == text


@pytest.mark.parametrize("mode,status", [("401", 401), ("403", 403), ("404", 404),
                                         ("broken", 502), ("nonsense", 502)])
def test_legacy_event_stream_gets_the_frontends_status(stack, judge, mode, status):
    judge.mode = mode
    stream = stack.sse("/events/?filter=" + urllib.parse.quote(stack.place().contest_channel, ""))
    assert stream.status == status


# --- scoreboard refresh -------------------------------------------------------------------------------

REFRESH_DUE, REFRESHING = "omegaup:events:refresh:due", "omegaup:events:refreshing"


def nothing_due(stack):
    with stack.redis.client() as redis:
        return not redis.exists(REFRESH_DUE, REFRESHING)


def refreshes(judge, place):
    return [c for c in judge.calls if "refresh" in c.path
            and urllib.parse.parse_qs(c.body).get("alias") == [place.contest]]


def test_run_update_makes_the_frontend_refresh_the_scoreboard(stack, judge, place):
    stack.post(events.run_update(place))
    call = wait_until(lambda: refreshes(judge, place), what="the refresh")[0]
    assert (call.method, call.raw_uri) == ("POST", "/api/scoreboard/refresh/")
    assert urllib.parse.parse_qs(call.body) == {"token": ["s3&cr=t"], "alias": [place.contest]}


def test_many_runs_are_one_refresh_and_one_more_after_the_period(stack, judge, place):
    began = time.monotonic()
    stack.post(events.run_update(place))
    wait_until(lambda: refreshes(judge, place), what="the first refresh")
    for _ in range(10):
        stack.post(events.run_update(place))
    took = time.monotonic() - began
    wait_until(lambda: nothing_due(stack), what="the last refresh")
    assert 2 <= len(refreshes(judge, place)) <= 2 + took // 2


def test_other_events_refresh_nothing(stack, judge, place):
    stack.post(events.contest_update(place))
    stack.post(events.scoreboard_update(place))
    with stack.redis.client() as redis:
        assert not redis.zscore(REFRESH_DUE, place.contest)
    later = stack.place()
    judge.add_contest(later.contest)
    stack.post(events.run_update(later))
    wait_until(lambda: refreshes(judge, later), what="a refresh that comes later")
    assert refreshes(judge, place) == []


def test_slow_refresh_delays_no_post(stack, judge, place):
    judge.hold()
    backend = stack.backend()
    assert backend.post(events.run_update(place)).status == 200
    wait_until(lambda: refreshes(judge, place), what="the refresh")
    for _ in range(20):
        assert backend.post(events.run_update(place)).status == 200
    assert len(refreshes(judge, place)) == 1, "it is not answered yet"


def test_reload_asks_the_same_frontend(stack, judge):
    """SIGHUP must not lose the way to the frontend."""
    stack.gateway.process.signal(signal.SIGHUP)
    _, token = fresh_user(stack, judge)
    assert stack.ws().auth(token)["type"] == "auth_success"


def test_users_of_the_tests_file_play_no_part_here(stack):
    assert stack.ws().auth(users.token_of("ana"))["error"] == "unauthorized"
