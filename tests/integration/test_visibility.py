# SPDX-License-Identifier: MIT
"""Who may subscribe to what, and who then sees which event."""
import pytest
from support import events

SUBSCRIBED = "subscribed"

# user -> (contest, admin, problem, scoreboard, /user/ana) of a closed place
MAY = {
    None: ("unauthorized", "unauthorized", "unauthorized", SUBSCRIBED, "unauthorized"),
    "dora": ("forbidden", "forbidden", "forbidden", SUBSCRIBED, "forbidden"),
    "ana": (SUBSCRIBED, "forbidden", SUBSCRIBED, SUBSCRIBED, SUBSCRIBED),
    "beto": (SUBSCRIBED, "forbidden", SUBSCRIBED, SUBSCRIBED, "forbidden"),
    "carla": (SUBSCRIBED, SUBSCRIBED, SUBSCRIBED, SUBSCRIBED, "forbidden"),
    "root": (SUBSCRIBED, SUBSCRIBED, SUBSCRIBED, SUBSCRIBED, SUBSCRIBED),
}


@pytest.mark.parametrize("user", MAY, ids=str)
def test_subscription_to_a_closed_place(stack, user):
    place = stack.place()
    client = stack.ws(user)
    channels = (place.contest_channel, place.admin_channel, place.problem_channel,
                place.scoreboard_channel, "/user/ana")
    answers = [client.subscribe(channel) for channel in channels]
    assert tuple(a.get("error", a["type"]) for a in answers) == MAY[user]
    assert [a["channel"] for a in answers] == list(channels)


@pytest.mark.parametrize("user", [None, "dora"], ids=str)
def test_public_contest_and_problem_are_open_to_all_but_not_their_admin_channel(stack, user):
    place = stack.place(public=True)
    client = stack.ws(user).subscribed(place.contest_channel, place.problem_channel)
    answer = client.subscribe(place.admin_channel)
    assert answer["error"] == ("forbidden" if user else "unauthorized")


def test_no_such_things_are_not_found(stack):
    client = stack.ws("dora")
    for channel in ("/scoreboard/NoSuchToken", "/contest/no-such-contest-0"):
        answer = client.subscribe(channel)
        assert (answer["type"], answer["error"]) == ("error", "not_found"), channel


# Each event with who sees it on /contest/A.
CONTEST_EVENTS = [
    ("public run", dict(user="ana", public=True), {"ana", "beto", "carla", "root"}),
    ("private run of ana", dict(user="ana"), {"ana", "carla", "root"}),
    ("private run of nobody", dict(user=None), {"carla", "root"}),
    ("private run of somebody unknown", dict(user="zoe"), {"carla", "root"}),
    ("envelope's user wins over data's", dict(user="ana", envelope_user="beto"),
     {"beto", "carla", "root"}),
    ("a name that only begins alike", dict(user="an"), {"carla", "root"}),
    ("names are compared byte for byte", dict(user="Ana"), {"carla", "root"}),
]


def run_of(place, user, public=None, envelope_user=None):
    event = events.run_update(place)
    if user is None:
        del event["data"]["username"]
    else:
        event["data"]["username"] = user
    if public is not None:
        event["public"] = public
    if envelope_user is not None:
        event["user"] = envelope_user
    return event


@pytest.mark.parametrize("options,seen_by", [row[1:] for row in CONTEST_EVENTS],
                         ids=[row[0] for row in CONTEST_EVENTS])
def test_who_sees_a_run_on_the_contests_channel(stack, options, seen_by):
    place = stack.place()
    clients = {user: stack.ws(user).subscribed(place.contest_channel)
               for user in ("ana", "beto", "carla", "root")}
    stack.post(run_of(place, **options))
    stack.post(events.end_mark(place))
    saw = {user for user, client in clients.items()
           if len(client.recv_until(events.is_end_mark)) > 1}
    assert saw == seen_by


def test_graders_private_run_of_an_empty_name_is_nobodys(stack):
    place = stack.place(public=True)
    client = stack.ws().subscribed(place.contest_channel)
    member = stack.ws("ana").subscribed(place.contest_channel)
    for user in ("", None):
        stack.post({**events.grader_form(place, {"type": "run_update", "data": {}}), "user": user})
    stack.post(events.end_mark(place))
    for who in (client, member):
        assert len(who.recv_until(events.is_end_mark)) == 1


def test_admin_channel_shows_every_event_of_the_contest(stack):
    place = stack.place()
    client = stack.ws("carla").subscribed(place.admin_channel)
    stack.post(run_of(place, user="ana"))
    stack.post(events.clarification(place, public=False))
    stack.post(events.scoreboard_update(place, public=False))
    stack.post(events.contest_update(place, public=False))
    assert [client.recv()["type"] for _ in range(4)] == \
        ["run_update", "clarification", "scoreboard_update", "contest_update"]


@pytest.mark.parametrize("public,seen_by", [(True, {"ana", "beto", "carla", "root"}),
                                            (False, {"ana", "carla", "root"})])
def test_who_sees_a_clarification_on_the_problems_channel(stack, public, seen_by):
    place = stack.place()
    clients = {user: stack.ws(user).subscribed(place.problem_channel)
               for user in ("ana", "beto", "carla", "root")}
    stack.post(events.clarification(place, public=public, author="ana"))
    stack.post(events.end_mark(place))
    saw = {user for user, client in clients.items()
           if len(client.recv_until(events.is_end_mark)) > 1}
    assert saw == seen_by


def test_private_scoreboard_only_behind_the_admin_token(stack):
    place = stack.place()
    contestants = stack.ws().subscribed(place.scoreboard_channel)
    jury = stack.ws().subscribed(place.admin_scoreboard_channel)
    stack.post(events.scoreboard_update(place, n=1, public=False))
    stack.post(events.scoreboard_update(place, n=2))
    stack.post(events.end_mark(place))
    assert [m["data"].get("n") for m in contestants.recv_until(events.is_end_mark)] == [2, None]
    assert [m["data"].get("n") for m in jury.recv_until(events.is_end_mark)] == [1, 2, None]


def test_scoreboard_channel_shows_no_runs_even_public_ones(stack):
    place = stack.place()
    client = stack.ws().subscribed(place.scoreboard_channel)
    stack.post(run_of(place, user="ana", public=True))
    stack.post(events.clarification(place))
    stack.post(events.contest_update(place))
    stack.post(events.end_mark(place))
    assert len(client.recv_until(events.is_end_mark)) == 1


def test_nobody_on_a_public_contest_sees_public_events_only(stack):
    place = stack.place(public=True)
    client = stack.ws().subscribed(place.contest_channel)
    stack.post(run_of(place, user=None))
    stack.post(run_of(place, user="ana"))
    stack.post(events.contest_update(place))
    assert client.recv()["type"] == "contest_update"


def test_own_channel_shows_private_events_and_those_of_no_contest(stack):
    ana, root = stack.ws("ana").subscribed("/user/ana"), stack.ws("root").subscribed("/user/ana")
    answer = stack.post({"type": "badge_earned", "data": {"username": "ana", "badge": "first"}})
    for client in (ana, root):
        message = client.recv()
        assert (message["id"], message["channel"]) == (answer["id"], "/user/ana")


def test_admin_of_one_contest_is_nobody_special_in_another(make_stack):
    stack = make_stack()
    place, other = stack.place(), stack.place()
    stack.write_users({"tokens": {"t": {"username": "eva", "contests": [other.contest],
                                        "contest_admin": [place.contest]}}})
    stack.gateway.stop()
    stack.gateway.start()
    eva = stack.ws(token="t").subscribed(other.contest_channel)
    stack.post(run_of(other, user="ana"))
    stack.post(events.end_mark(other))
    assert len(eva.recv_until(events.is_end_mark)) == 1
    assert eva.subscribe(other.admin_channel)["error"] == "forbidden"
