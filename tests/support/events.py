# SPDX-License-Identifier: MIT
"""Events as backends send them: as the reference pages print them, or at any place."""
import json

TIMESTAMP = 1704067200

# Exactly as the reference pages print them (less `channel`, which the gateway adds).
REFERENCE = {
    "run_update": {
        "type": "run_update", "timestamp": TIMESTAMP,
        "data": {"guid": "abc123def456", "run_id": 12345, "contest_alias": "annual-2024",
                 "problem_alias": "sum-two", "username": "contestant1", "status": "ready",
                 "verdict": "AC", "score": 1.0, "contest_score": 100.0, "runtime": 0.045,
                 "memory": 2048}},
    "scoreboard_update": {
        "type": "scoreboard_update", "timestamp": TIMESTAMP,
        "data": {"contest_alias": "annual-2024",
                 "scoreboard_url": "/api/contest/scoreboard/..."}},
    "clarification": {
        "type": "clarification", "timestamp": TIMESTAMP,
        "data": {"clarification_id": 567, "contest_alias": "annual-2024",
                 "problem_alias": "sum-two", "author": "admin",
                 "message": "The input is guaranteed to be positive.", "answer": None,
                 "public": True}},
    "contest_update": {
        "type": "contest_update", "timestamp": TIMESTAMP,
        "data": {"contest_alias": "annual-2024", "event": "extended",
                 "finish_time": 1704153600}},
}
# Page 001's payload of the same event is smaller.
REFERENCE_SHORT_RUN = {
    "type": "run_update", "timestamp": TIMESTAMP,
    "data": {"run_id": 12345, "verdict": "AC", "score": 1.0, "contest_alias": "contest-2024",
             "problem_alias": "sum-two"}}


def run_update(place, user="ana", run_id=1, **more):
    return {"type": "run_update", "timestamp": TIMESTAMP, **more,
            "data": {"run_id": run_id, "contest_alias": place.contest,
                     "problem_alias": place.problem, "username": user, "verdict": "AC"}}


def scoreboard_update(place, n=1, **more):
    return {"type": "scoreboard_update", "timestamp": TIMESTAMP, **more,
            "data": {"contest_alias": place.contest, "n": n}}


def clarification(place, public=True, author="ana", n=1):
    return {"type": "clarification", "timestamp": TIMESTAMP,
            "data": {"clarification_id": n, "contest_alias": place.contest,
                     "problem_alias": place.problem, "author": author, "public": public}}


def contest_update(place, n=1, **more):
    return {"type": "contest_update", "timestamp": TIMESTAMP, **more,
            "data": {"contest_alias": place.contest, "event": "extended", "n": n}}


def end_mark(place, user="ana"):
    """Public and of no known type, so that it reaches every channel of the place and of the user.

    Events of a topic come in order: whoever got this and not what was posted before will not get
    that any more. So tests need not wait to see that nothing comes.
    """
    return {"type": "end_mark", "public": True, "user": user,
            "data": {"contest_alias": place.contest, "problem_alias": place.problem,
                     "problemset": place.problemset}}


def is_end_mark(message):
    return message.get("type") == "end_mark"


def grader_form(place, message, user=None, public=None, problemset=None):
    """The body that the grader sends today."""
    body = {"contest": place.contest, "problem": place.problem, "message": json.dumps(message)}
    if user is not None:
        body["user"] = user
    if public is not None:
        body["public"] = public
    if problemset is not None:
        body["problemset"] = problemset
    return body
