# SPDX-License-Identifier: MIT
"""Who the clients of a run are, and what they subscribe to."""
import random

from support.users import token_of

from .checker import Channel
from .client import Client


def channels_of(place, user, role):
    """What a session of this role subscribes to."""
    contest, topic = place.contest, f"contest/{place.contest}"
    if role == "admin":
        return [Channel(f"/contest/{contest}/admin", "admin", topic, contest, user, True),
                Channel(f"/contest/{contest}", "contest", topic, contest, user, True),
                Channel(f"/problem/{place.problem}", "problem", f"problem/{place.problem}",
                        place.problem, user, True)]
    if role == "board":
        return [Channel(f"/scoreboard/{place.board}", "scoreboard", topic, contest),
                Channel(f"/scoreboard/{place.admin_board}", "scoreboard", topic, contest,
                        sees_all=True)]
    channels = [Channel(f"/problem/{place.problem}", "problem", f"problem/{place.problem}",
                        place.problem, user)]
    if user or place.public:
        channels.append(Channel(f"/contest/{contest}", "contest", topic, contest, user))
    if user:
        channels.append(Channel(f"/user/{user}", "user", f"user/{user}", user, user))
    return channels


def make_client(world, number, place, user, role, rng):
    ports = [proxy.port for proxy in world.client_proxies]
    return Client(number, user and token_of(user), channels_of(place, user, role), ports,
                  random.Random(rng.random()))


def make_clients(world, places, rng, count):
    """A tenth admins, a tenth before scoreboards, a tenth nobody, the others contestants."""
    clients = []
    for number in range(count):
        place = places[number % len(places)]
        role = {0: "admin", 1: "board", 2: "nobody"}.get(number // len(places) % 10, "contestant")
        user = {"admin": place.admin, "contestant": rng.choice(place.users)}.get(role)
        clients.append(make_client(world, number, place, user, role, rng))
    return clients


def make_admins(world, place, rng, count):
    return [make_client(world, n, place, place.admin, "admin", rng) for n in range(count)]
