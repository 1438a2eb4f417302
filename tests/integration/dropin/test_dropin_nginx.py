# SPDX-License-Identifier: MIT
"""Behind nginx: omegaUp's location of today, and the one that docs/migration.md prints."""
import json

import pytest
from support import events
from support.listening import begin_stream
from support.nginx import TODAY, Nginx, documented
from support.omegaup import ORIGIN, filter_path
from support.ws_client import SUBPROTOCOL, EventStream, WebSocket

LOCATIONS = {"today": lambda: ("", TODAY), "documented": documented}


class Front:
    """Clients whose way leads through nginx, over TLS."""

    def __init__(self, omegaup, nginx):
        self.omegaup, self.port = omegaup, nginx.tls_port
        self.tls = omegaup.certificates.client_context(None)
        self._open = []

    def page(self, *filters, cookie=None):
        return self.websocket(filter_path(*filters), [SUBPROTOCOL], cookie)

    def websocket(self, path="/events/", subprotocols=None, cookie=None):
        headers = {"Cookie": f"a=b; ouat={cookie}"} if cookie else {}
        self._open.append(WebSocket(self.port, path, headers=headers, origin=ORIGIN, tls=self.tls,
                                    subprotocols=subprotocols))
        return self._open[-1]

    def stream(self, path):
        self._open.append(EventStream(self.port, path, tls=self.tls))
        return self._open[-1]

    def close(self):
        for client in self._open:
            client.close()


@pytest.fixture(params=LOCATIONS)
def front(request, omegaup, tmp_path):
    with Nginx(tmp_path / "nginx", omegaup.certificates, [g.port for g in omegaup.gateways],
               LOCATIONS[request.param]()) as nginx:
        front = Front(omegaup, nginx)
        yield front
        front.close()


def test_every_kind_of_client_passes(front, omegaup):
    place = omegaup.place()
    page = front.page(place.contest_channel, cookie=omegaup.user("ana"))
    assert page.subprotocol == SUBPROTOCOL
    documented_page = front.websocket(cookie=omegaup.user("ana")).subscribed("/user/ana")
    stream = front.stream(filter_path(place.contest_channel))
    assert stream.response.headers["Content-Type"].startswith("text/event-stream")
    begin_stream(stream, lambda mark: omegaup.post(place, mark, public=True))
    omegaup.begin([page], place)
    event = events.run_update(place)
    omegaup.post(place, json.dumps(event), user="ana", public=True)
    assert json.loads(page.recv_text()) == event
    assert documented_page.recv()["data"] == event["data"] | {"problemset": place.problemset}
    while "run_update" not in stream.read_event()[2]:  # nginx keeps nothing back
        pass


def test_gateways_that_are_away_are_passed_over(front, omegaup):
    place = omegaup.place()
    for gateway in omegaup.gateways[1:]:
        gateway.stop()
    pages = [front.page(place.contest_channel) for _ in range(6)]
    omegaup.begin(pages, place)


def with_a_limit(make_omegaup, location):
    """One connection per address may be there; nginx is trusted to say whose it is."""
    omegaup = make_omegaup(settings={"Broadcaster": {"MaxConnectionsPerAddress": 1,
                                                     "TrustedProxies": ["127.0.0.1"]}})
    omegaup.nginx.stop()
    omegaup.nginx = Nginx(omegaup.directory / "other", omegaup.certificates,
                          [g.port for g in omegaup.gateways], location).start()
    return Front(omegaup, omegaup.nginx)


def test_documented_location_lets_addresses_be_counted(make_omegaup):
    front = with_a_limit(make_omegaup, documented())
    where = front.omegaup.place().contest_channel
    first, second = front.page(where), front.page(where)
    assert second.wait_closed() == 1013 and second.close_reason
    assert first.is_open()
    front.close()


def test_todays_location_names_nobody_so_nobody_is_counted(make_omegaup):
    front = with_a_limit(make_omegaup, ("", TODAY))
    place = front.omegaup.place()
    front.omegaup.begin([front.page(place.contest_channel) for _ in range(5)], place)
    front.close()
