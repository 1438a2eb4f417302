# SPDX-License-Identifier: MIT
"""permessage-deflate: each event compressed once for all, and what clients send compressed."""
import json

import pytest
from support import events
from support.listening import begin
from support.users import token_of
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory


def big_update(place, n):
    """Public, and compresses well; n tells them apart."""
    return {"type": "contest_update", "timestamp": events.TIMESTAMP,
            "data": {"contest_alias": place.contest, "n": n, "pad": f"omega {n}, " * 9999}}


def names_of(client):
    return [extension.name for extension in client._ws.extensions]


def test_compressed_and_plain_client_get_the_same_texts_in_order(stack):
    place = stack.place()
    clients = [stack.ws("ana", compression=c).subscribed(place.contest_channel)
               for c in ("deflate", None, "deflate")]
    assert [names_of(c) for c in clients] == [["permessage-deflate"], [], ["permessage-deflate"]]
    sent = [events.contest_update(place), big_update(place, 1), events.contest_update(place, n=2),
            big_update(place, 3), events.end_mark(place)]
    for event in sent:
        stack.post(event)
    texts = [[client.recv_text() for _ in sent] for client in clients]
    assert texts[0] == texts[1] == texts[2]
    assert [json.loads(text)["data"].get("n") for text in texts[0][:4]] == [1, 1, 2, 3]


def test_message_is_compressed_once_however_many_want_it(stack):
    place = stack.place()
    clients = [stack.ws("ana", compression="deflate").subscribed(place.contest_channel)
               for _ in range(5)]
    before = stack.gateway.metrics()
    stack.post(big_update(place, 1))
    stack.post(events.contest_update(place))  # too small
    for client in clients:
        assert [client.recv()["type"] for _ in range(2)] == ["contest_update"] * 2
    after = stack.gateway.metrics()

    def grown(name):
        return after[name] - before[name]
    assert grown("broadcaster_deflated_total") == 1
    plain = grown('broadcaster_deflated_bytes_total{form="plain"}')
    compressed = grown('broadcaster_deflated_bytes_total{form="compressed"}')
    assert 0 < compressed < plain / 20
    assert grown("broadcaster_bytes_sent_total") < plain


@pytest.mark.parametrize("options", [
    {"client_max_window_bits": True},
    {"client_max_window_bits": 9},
    {"server_max_window_bits": 15},
    {"server_max_window_bits": 15, "client_max_window_bits": 12,
     "server_no_context_takeover": True, "client_no_context_takeover": True},
], ids=str)
def test_client_that_names_parameters_is_understood(stack, options):
    place = stack.place()
    factory = ClientPerMessageDeflateFactory(**options)
    client = stack.ws("ana", extensions=[factory]).subscribed(place.contest_channel)
    extension, = client._ws.extensions
    assert extension.remote_no_context_takeover and extension.local_no_context_takeover
    stack.post(big_update(place, 7))
    assert client.recv()["data"]["n"] == 7



def test_replays_are_compressed_once_for_clients_that_come_one_after_another(stack):
    place = stack.place()
    client = stack.ws("ana", compression="deflate")
    start = client.subscribe(place.contest_channel)["position"]
    for n in range(5):
        event = events.contest_update(place, n, public=True)
        stack.post({**event, "data": {**event["data"], "filler": "x" * 500}})
        client.recv()
    before = stack.gateway.metrics()["broadcaster_deflated_total"]
    for _ in range(4):
        again = stack.ws("ana", compression="deflate")
        assert again.subscribe(place.contest_channel, position=start)["recovered"]
        assert [again.recv()["data"]["n"] for _ in range(5)] == [*range(5)]
        again.close()
    assert stack.gateway.metrics()["broadcaster_deflated_total"] - before == 5

def test_client_that_wants_a_smaller_window_is_served_plain(stack):
    place = stack.place()
    factory = ClientPerMessageDeflateFactory(server_max_window_bits=10)
    client = stack.ws("ana", extensions=[factory]).subscribed(place.contest_channel)
    assert names_of(client) == []
    stack.post(big_update(place, 7))
    assert client.recv()["data"]["n"] == 7
    both = [factory, ClientPerMessageDeflateFactory(client_max_window_bits=True)]
    assert names_of(stack.ws(extensions=both)) == ["permessage-deflate"]


def test_commands_of_any_cut_may_come_compressed(stack):
    place = stack.place()
    client = stack.ws(compression="deflate")
    assert client.auth(token_of("ana"))["type"] == "auth_success"
    client.subscribed(place.contest_channel)
    command = json.dumps({"type": "ping", "id": "x" * 60, "pad": "y" * 3000})
    for pieces in ([command], [command[:5], command[5:]], list(command[:200]) + [command[200:]]):
        client.send(pieces)
        assert client.recv() == {"type": "pong", "id": "x" * 60}


def test_largest_command_is_measured_after_inflating(stack):
    client = stack.ws(compression="deflate")
    client.send(json.dumps({"type": "ping"}).ljust(4096))
    assert client.recv() == {"type": "pong"}
    client.send(json.dumps({"type": "ping"}).ljust(4097))
    assert client.wait_closed() == 1009


@pytest.mark.parametrize("megabytes", [1, 50])
def test_bomb_closes_with_1009_and_harms_nobody(stack, megabytes):
    other = stack.ws(compression="deflate")
    bomb = stack.ws(compression="deflate")
    bomb.send(" " * (megabytes << 20))
    assert bomb.wait_closed() == 1009
    assert other.ask({"type": "ping"}) == {"type": "pong"}


def test_compressed_text_that_is_no_utf8_closes_with_1007(stack):
    client = stack.ws(compression="deflate")
    client.send_frame(1, b'{"type":"ping\xff"}')
    assert client.wait_closed() == 1007


def test_nothing_is_compressed_when_it_is_off(make_stack):
    stack = make_stack(settings={"Broadcaster": {"Compression": False}})
    place = stack.place()
    client = stack.ws("ana", compression="deflate").subscribed(place.contest_channel)
    assert names_of(client) == []
    stack.post(big_update(place, 1))
    assert client.recv()["data"]["n"] == 1
    assert stack.gateway.metrics()["broadcaster_deflated_total"] == 0


def test_compressed_over_tls_of_our_own(make_stack, certificates):
    stack = make_stack(settings={"Broadcaster": {"Proxied": False}})
    place = stack.place()
    client = stack.ws("ana", compression="deflate", tls=certificates.client_context(None))
    client.subscribed(place.contest_channel)
    assert names_of(client) == ["permessage-deflate"]
    stack.post(big_update(place, 1))
    assert client.recv()["data"]["n"] == 1


def test_legacy_client_gets_its_texts_compressed(stack):
    place = stack.place()
    client = stack.ws("ana", path=f"/?filter=/contest/{place.contest}", compression="deflate",
                      subprotocols=["com.omegaup.events"])
    assert names_of(client) == ["permessage-deflate"]
    begin(client, lambda mark: stack.post({"contest": place.contest, "public": True,
                                           "message": mark}))
    text = json.dumps({"message": "/scoreboard/update/", "scoreboard_type": "contestant",
                       "scoreboard": {"ranking": [{"username": f"u{n}"} for n in range(999)]}})
    stack.post({"contest": place.contest, "public": True, "message": text})
    assert client.recv_text() == text
