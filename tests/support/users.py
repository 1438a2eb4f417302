# SPDX-License-Identifier: MIT
"""A users file with a cast, and places (contest, problem, problemset, scoreboards) enough for a
fresh one per test.

ana, beto        contestants of every closed place
contestant1      the same; the name of the reference pages
carla            administers every place, is no system administrator
root             system administrator
dora             known, but sees nothing that is not public
"""
from dataclasses import dataclass

PLACES = 400
REFERENCE_CONTEST = "annual-2024"
REFERENCE_PROBLEM = "sum-two"
REFERENCE_SCOREBOARD = "ReferenceBoard"
CAST = ("ana", "beto", "contestant1", "carla", "root", "dora")


def token_of(user):
    return f"token-{user}"


@dataclass(frozen=True)
class Place:
    """Where a test lets things happen; nobody else uses the same names."""
    contest: str
    problem: str
    problemset: int
    scoreboard: str
    admin_scoreboard: str

    @property
    def contest_channel(self):
        return f"/contest/{self.contest}"

    @property
    def admin_channel(self):
        return f"/contest/{self.contest}/admin"

    @property
    def problem_channel(self):
        return f"/problem/{self.problem}"

    @property
    def scoreboard_channel(self):
        return f"/scoreboard/{self.scoreboard}"

    @property
    def admin_scoreboard_channel(self):
        return f"/scoreboard/{self.admin_scoreboard}"


def place(number, public=False):
    kind = "open" if public else "closed"
    return Place(f"{kind}-{number}", f"{kind}-problem-{number}",
                 number + (10000 if public else 1000), f"Board{kind}{number}",
                 f"AdminBoard{kind}{number}")


def reference_place():
    return Place(REFERENCE_CONTEST, REFERENCE_PROBLEM, 17, REFERENCE_SCOREBOARD, "AdminBoard")


def users_file(extra_tokens=None):
    """The value of the file that Auth.File names."""
    closed = [place(n) for n in range(PLACES)] + [reference_place()]
    opened = [place(n, public=True) for n in range(PLACES)]

    def lists(places, suffix=""):
        return {f"contest{suffix or 's'}": [p.contest for p in places],
                f"problem{suffix or 's'}": [p.problem for p in places],
                f"problemset{suffix or 's'}": [p.problemset for p in places]}

    tokens = {
        token_of("ana"): {"username": "ana", **lists(closed)},
        token_of("beto"): {"username": "beto", **lists(closed)},
        token_of("contestant1"): {"username": "contestant1", **lists(closed)},
        token_of("carla"): {"username": "carla", **lists(closed + opened, "_admin")},
        token_of("root"): {"username": "root", "admin": True},
        token_of("dora"): {"username": "dora"},
        **(extra_tokens or {}),
    }
    scoreboards = {}
    for p in closed + opened:
        for token, admin in ((p.scoreboard, False), (p.admin_scoreboard, True)):
            scoreboards[token] = {"contest": p.contest, "problemset": p.problemset, "admin": admin}
    return {"tokens": tokens, "public": lists(opened), "scoreboards": scoreboards}
