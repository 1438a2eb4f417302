# SPDX-License-Identifier: MIT
"""What an operator sees and does: health, metrics, configuration, signals."""
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest
from support import events
from support.certificates import Certificates
from support.http_client import Http
from support.process import LIMIT, free_port, program, wait_until

FIXED = {"connections_active", "subscriptions_total", "messages_sent_total",
         "messages_received_total"}
OF_TODAY = {"broadcaster_websockets_count", "broadcaster_sse_count", "broadcaster_messages_total",
            "broadcaster_channel_drop_total", "broadcaster_dispatch_latency_seconds_sum",
            "broadcaster_dispatch_latency_seconds_count",
            "broadcaster_process_latency_seconds_sum",
            "broadcaster_process_latency_seconds_count", "build_info"}
SERVICES = ("publisher", "gateway")


def services(stack):
    return {"publisher": stack.publisher, "gateway": stack.gateway}


# --- health, ready, metrics ---------------------------------------------------------------

@pytest.mark.parametrize("name", SERVICES)
def test_health_and_ready(stack, name):
    service = services(stack)[name]
    health = service.get("/health")
    assert (health.status, health.json()["status"]) == (200, "ok")
    assert service.get("/ready").status == 200
    assert service.get("/nothing").status == 404


@pytest.mark.parametrize("name", SERVICES)
def test_metrics_are_prometheus_text_with_the_fixed_names(stack, name):
    answer = services(stack)[name].get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    seen, declared = set(), set()
    for line in answer.body.decode().splitlines():
        if line.startswith("# TYPE "):
            metric = line.split()[2]
            assert metric not in declared, f"{metric} is declared twice"
            declared.add(metric)
        elif not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? '
                                r'(-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?|[+-]Inf|NaN)', line), line
            series = line.rpartition(" ")[0]
            assert series not in seen, f"{series} comes twice"
            seen.add(series)
    names = {series.partition("{")[0] for series in seen}
    assert FIXED <= names
    assert "broadcaster_build_info" in names
    if name == "gateway":
        assert OF_TODAY <= names, OF_TODAY - names


def test_publisher_has_the_same_pages_over_tls(stack):
    backend = stack.backend(client=None)
    assert backend.get("/health").json() == {"status": "ok"}
    assert b"messages_received_total" in backend.get("/metrics").body


def test_gateways_health_on_the_events_port_counts_connections(stack):
    stack.ws(), stack.ws()
    assert Http(stack.gateway.port).get("/health").json()["connections"] >= 2


def test_metrics_count_what_happens(stack):
    place = stack.place()
    before_gateway, before_publisher = stack.gateway.metrics(), stack.publisher.metrics()
    clients = [stack.ws("ana").subscribed(place.contest_channel, place.problem_channel)
               for _ in range(3)]
    answered = stack.gateway.metrics()["messages_sent_total"]
    for n in range(5):
        stack.post(events.contest_update(place, n))
    for client in clients:
        for _ in range(5):
            client.recv()
    gateway, publisher = stack.gateway.metrics(), stack.publisher.metrics()
    assert gateway["connections_active"] - before_gateway["connections_active"] == 3
    assert gateway["subscriptions_total"] - before_gateway["subscriptions_total"] == 6
    assert gateway["messages_sent_total"] - answered == 15
    assert publisher["messages_received_total"] - before_publisher["messages_received_total"] == 5
    assert gateway["messages_received_total"] == 0
    stack.close_clients()
    wait_until(lambda: stack.gateway.metrics()["connections_active"] ==
               before_gateway["connections_active"], what="the clients to be gone")
    assert stack.gateway.metrics()["subscriptions_total"] == before_gateway["subscriptions_total"]


def test_debug_topics_lists_topics_with_their_sessions(stack):
    place = stack.place()
    stack.ws("ana").subscribed(place.contest_channel)
    stack.post(events.contest_update(place))
    answer = stack.gateway.get("/debug/topics")
    assert answer.status == 200
    assert f"contest/{place.contest}" in answer.body.decode()


# --- command line -----------------------------------------------------------------------------

def run(name, *arguments, env=None):
    """Runs a program to its end; returns (status, stdout, stderr)."""
    environment = {k: v for k, v in os.environ.items()
                   if not k.startswith(("REDIS_", "BROADCASTER_"))}
    done = subprocess.run([program(name), *map(str, arguments)], capture_output=True, text=True,
                          timeout=LIMIT, stdin=subprocess.DEVNULL,
                          env={**environment, **(env or {})})
    return done.returncode, done.stdout, done.stderr


def config_file(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def dumped(name, *arguments, env=None):
    status, out, err = run(name, *arguments, "--dump-config", env=env)
    assert status == 0, err
    return json.loads(out)


@pytest.mark.parametrize("name", SERVICES)
def test_version_and_help(name):
    status, out, _ = run(name, "--version")
    assert status == 0 and re.fullmatch(rf"broadcaster-{name} \d+\.\d+\.\d+\S*\n", out)
    status, out, err = run(name, "--help")
    assert status == 0 and "--config" in out + err and f"broadcaster-{name} " in out + err


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("dashes", ["-", "--"])
def test_options_with_one_or_two_dashes(name, dashes):
    assert run(name, f"{dashes}version")[0] == 0


@pytest.mark.parametrize("name", SERVICES)
def test_wrong_option_is_named(name):
    status, _, err = run(name, "--no-such-option")
    assert status != 0 and "no-such-option" in err


@pytest.mark.parametrize("name", SERVICES)
def test_check_config_accepts_a_good_file_and_what_dump_config_prints(name, stack, tmp_path):
    good = services(stack)[name].config_path
    status, _, err = run(name, "--config", good, "--check-config")
    assert status == 0, err
    again = config_file(tmp_path, dumped(name, "--config", good))
    assert run(name, "--config", again, "--check-config")[0] == 0
    assert dumped(name, "--config", again) == dumped(name, "--config", good)


WRONG = [
    ("not JSON", '{\n "Broadcaster": {\n  "Port": 1,,\n }\n}', 3, None),
    ("wrong type", '{\n "Broadcaster": {\n  "Port": "many"\n }\n}', 3, "Broadcaster.Port"),
    ("out of range", '{\n "Broadcaster": {\n\n  "EventsPort": 70000\n }\n}', 4,
     "Broadcaster.EventsPort"),
    ("bad duration", '{\n "Broadcaster": { "PingInterval": "3 parsecs" }\n}', 2,
     "Broadcaster.PingInterval"),
    ("bad URL", '{\n "Redis": {\n  "URL": "mysql://x"\n }\n}', 3, "Redis.URL"),
    ("unknown key", '{\n "Broadcaster": {\n  "PingIntervall": 30\n }\n}', 3, "PingInterval"),
]


@pytest.mark.parametrize("text,line,key", [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
@pytest.mark.parametrize("name", SERVICES)
def test_wrong_config_names_file_line_and_key(name, tmp_path, text, line, key):
    path = config_file(tmp_path, text)
    status, out, err = run(name, "--config", path, "--check-config")
    assert status == 1
    assert f"{path}:{line}" in out + err
    assert key is None or key in out + err


@pytest.mark.parametrize("name", SERVICES)
def test_missing_config_file_is_named(name, tmp_path):
    status, out, err = run(name, "--config", tmp_path / "none.json", "--check-config")
    assert status == 1 and "none.json" in out + err


@pytest.mark.parametrize("name", SERVICES)
def test_unknown_key_is_an_error_only_when_strict(name, tmp_path):
    path = config_file(tmp_path, {"Broadcaster": {"Prot": 1}})
    assert run(name, "--config", path, "--dump-config")[0] == 0
    assert run(name, "--config", path, "--strict", "--dump-config")[0] == 1


def test_omegaups_own_files_are_understood(tmp_path):
    """Older names, other cases, Go's durations and the sections of other programs."""
    path = config_file(tmp_path, {
        "broadcaster": {"eventsport": 1234, "PingPeriod": "1m30s", "WriteDeadline": "500ms",
                        "ChannelLength": 10, "FrontendURL": "https://omegaup.com/",
                        "Proxied": True, "Port": 32672},
        "Tracing": {"Enabled": True}, "DB": {"Driver": "mysql"}, "Grader": {}, "Runner": {},
        "InputManager": {}, "NewRelic": {}, "TLS": {"CertFile": "x"},
        "Logging": {"File": "stderr", "Level": "info"}})
    value = dumped("gateway", "--config", path)
    assert value["Broadcaster"]["EventsPort"] == 1234
    assert seconds(value["Broadcaster"]["PingInterval"]) == 90
    assert seconds(value["Broadcaster"]["WriteTimeout"]) == 0.5
    assert value["Broadcaster"]["FrontendURL"] == "https://omegaup.com"


def seconds(value):
    """A duration as --dump-config prints it."""
    if isinstance(value, (int, float)):
        return value
    parts = re.findall(r"([0-9.]+)(ms|s|m|h)", value)
    return sum(float(n) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit] for n, unit in parts)


def test_file_then_environment_then_command_line(tmp_path):
    path = config_file(tmp_path, {"Broadcaster": {"Port": 1, "EventsPort": 1},
                                  "Redis": {"URL": "redis://file:1"}})
    environment = {"BROADCASTER_PORT": "2", "BROADCASTER_EVENTS_PORT": "2",
                   "BROADCASTER_FRONTEND_URL": "https://env.example"}
    value = dumped("gateway", "--config", path, "--set", "Broadcaster.EventsPort=3",
                   "--set", "Broadcaster.PingInterval=5s", env=environment)
    assert value["Broadcaster"]["Port"] == 2
    assert value["Broadcaster"]["EventsPort"] == 3
    assert value["Broadcaster"]["FrontendURL"] == "https://env.example"
    assert seconds(value["Broadcaster"]["PingInterval"]) == 5


def test_dump_config_shows_no_secret(tmp_path):
    path = config_file(tmp_path, {"Broadcaster": {"ScoreboardUpdateSecret": "hush-secret"},
                                  "Redis": {"URL": "redis://u:hush-password@h:1"}})
    status, out, err = run("publisher", "--config", path, "--dump-config")
    assert status == 0
    assert "hush" not in out + err


def test_redis_url_of_the_environment_is_used(make_stack):
    stack = make_stack(publisher=False)
    gateway = stack._service("gateway", 9)
    gateway.settings["Redis"]["URL"] = "redis://127.0.0.1:1"
    gateway.env = {"REDIS_URL": stack.redis.url}
    stack.gateways.append(gateway)
    gateway.start()


def test_port_in_use_is_named(stack):
    gateway = stack.gateway
    status, out, err = run("gateway", "--config", gateway.config_path,
                           "--set", f"Broadcaster.EventsPort={free_port()}")
    assert status == 1
    assert str(gateway.metrics_port) in out + err


# --- signals -----------------------------------------------------------------------------------

def test_sigterm_closes_clients_with_1012_and_exits_0(make_stack):
    stack = make_stack()
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    process = stack.gateway.process
    process.signal(signal.SIGTERM)
    messages = client.recv_until(lambda m: m["type"] == "reconnect")
    assert messages[-1]["after"] <= messages[-1]["deadline"]
    assert client.wait_closed() == 1012
    assert process.wait() == 0
    stack.gateway.stop()


def test_leaving_gateway_is_not_ready_and_takes_nobody_before_its_clients_go(make_stack):
    stack = make_stack(settings={"Broadcaster": {"DrainSeconds": 3}})
    place = stack.place()
    clients = [stack.ws("ana").subscribed(place.contest_channel) for _ in range(5)]
    process = stack.gateway.process
    process.signal(signal.SIGTERM)
    wait_until(lambda: stack.gateway.answers() == 503, what="/ready to fall")
    with pytest.raises(OSError):
        stack.ws("ana")
    stack.post(events.contest_update(place, 7))
    for client in clients:  # they stay as long as they may, and miss nothing meanwhile
        kinds = {m["type"] for m in client.recv_until(lambda m: m["type"] == "reconnect")}
        if "contest_update" not in kinds:
            client.recv_until(lambda m: m["type"] == "contest_update")
    assert [client.wait_closed() for client in clients] == [1012] * len(clients)
    assert process.wait() == 0
    stack.gateway.stop()


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_and_sigint_end_with_status_0(make_stack, name, number):
    stack = make_stack()
    process = services(stack)[name].process
    process.signal(number)
    assert process.wait() == 0


def test_publisher_answers_what_it_has_taken_before_it_ends(make_stack):
    stack = make_stack()
    backend = stack.backend()
    assert backend.post(events.contest_update(stack.place())).status == 200
    stack.publisher.process.signal(signal.SIGTERM)
    assert stack.publisher.process.wait() == 0
    with pytest.raises(OSError):
        stack.backend().post(events.contest_update(stack.place()))


def test_sighup_takes_new_settings_and_keeps_the_clients(make_stack):
    stack = make_stack(settings={"Broadcaster": {"MaxSubscriptions": 1}})
    place, public = stack.place(), stack.place(public=True)
    client = stack.ws("ana").subscribed(place.contest_channel)
    assert client.subscribe(public.contest_channel)["error"] == "too_many_subscriptions"
    stack.gateway.settings["Broadcaster"]["MaxSubscriptions"] = 5
    stack.gateway.write_config()
    stack.gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: client.subscribe(public.contest_channel)["type"] == "subscribed",
               what="the new limit")
    stack.post(events.contest_update(place))
    assert client.recv()["channel"] == place.contest_channel


def test_sighup_with_a_wrong_file_keeps_the_old_settings(make_stack):
    stack = make_stack()
    for service in stack.services:
        service.config_path.write_text('{"Broadcaster": {"MaxSubscriptions": "many"}}')
        service.process.signal(signal.SIGHUP)
        wait_until(lambda s=service: "Broadcaster.MaxSubscriptions" in s.process.log(),
                   what="the log line")
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    stack.post(events.contest_update(place))
    assert client.recv()["type"] == "contest_update"


def test_sighup_takes_a_new_users_file(make_stack):
    stack = make_stack()
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel, "/user/ana")
    stack.write_users({"tokens": {"token-ana": {"username": "ana"},
                                  "new": {"username": "nina"}},
                       "public": {}, "scoreboards": {}})
    stack.gateway.process.signal(signal.SIGHUP)
    assert client.recv() == {"type": "revoked", "channel": place.contest_channel}
    assert stack.ws().auth("new") == {"type": "auth_success", "username": "nina"}


def test_sighup_takes_new_certificates(make_stack, tmp_path):
    stack = make_stack()
    assert stack.backend().get("/health").status == 200
    other = Certificates(tmp_path / "other")
    tls = stack.publisher.settings["Broadcaster"]["TLS"]
    tls["CertFile"], tls["KeyFile"] = other.path("server.pem"), other.path("server.key")
    stack.publisher.write_config()
    stack.publisher.process.signal(signal.SIGHUP)

    def is_new():
        try:
            return Http(stack.publisher.port, other.client_context(None)).get("/health").status
        except OSError:
            return None
    assert wait_until(is_new, what="the new certificate") == 200


def not_after(path):
    """When the first certificate of a PEM file ends, as Unix time."""
    text = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in", path], check=True,
                          capture_output=True, text=True).stdout
    return ssl.cert_time_to_seconds(text.strip().removeprefix("notAfter="))


def expiry(service, role):
    return service.metrics()[f'broadcaster_certificate_expiry_timestamp_seconds{{role="{role}"}}']


def test_end_of_certificates_is_exported_and_follows_a_reload(make_stack, certificates):
    stack = make_stack(gateways=2)
    first, second = stack.gateways
    assert expiry(stack.publisher, "server") == not_after(certificates.path("server.pem"))
    assert expiry(stack.publisher, "client_ca") == not_after(certificates.path("ca.pem"))
    assert b"certificate_expiry" not in first.get("/metrics").body, "it stands behind a proxy"

    tls = {"CertFile": certificates.path("own.pem"), "KeyFile": certificates.path("own.key")}
    own = not_after(certificates.path("own.pem"))
    assert own != not_after(certificates.path("server.pem"))
    second.stop()
    second.settings["Broadcaster"].update(Proxied=False, TLS=tls)
    second.start()
    assert expiry(second, "server") == own
    assert b"client_ca" not in second.get("/metrics").body

    stack.publisher.settings["Broadcaster"]["TLS"] = tls
    stack.publisher.write_config()
    stack.publisher.process.signal(signal.SIGHUP)
    wait_until(lambda: expiry(stack.publisher, "server") == own, what="the new certificate's end")
    assert b"client_ca" not in stack.publisher.get("/metrics").body


def test_log_file_is_opened_anew_on_sighup(make_stack, tmp_path):
    log = tmp_path / "gateway.log"
    stack = make_stack(settings={"Logging": {"File": str(log)}})
    wait_until(lambda: log.exists() and log.stat().st_size, what="the log file")
    log.rename(tmp_path / "gateway.log.1")
    stack.gateway.process.signal(signal.SIGHUP)
    wait_until(log.exists, what="a new log file")


# --- log -------------------------------------------------------------------------------------------

def test_log_lines_can_be_json(make_stack):
    stack = make_stack(settings={"Logging": {"JSON": True}})
    place = stack.place()
    stack.ws("ana").subscribed(place.contest_channel).close()
    lines = stack.gateway.process.log().splitlines()
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)


def test_lines_that_others_cause_are_limited_and_counted(make_stack):
    stack = make_stack()
    lost = 'broadcaster_log_lines_lost_total{reason="rate"}'
    with stack.redis.client() as redis, redis.pipeline(transaction=False) as pipe:
        for n in range(3000):
            pipe.publish("omegaup:events:control", f"nonsense {n}")
        pipe.execute()
    phrase = "control message not understood"
    wait_until(lambda: stack.gateway.metrics()[lost] + stack.gateway.process.log().count(phrase)
               >= 3000, what="all of them")
    assert stack.gateway.process.log().count(phrase) < 300
    wait_until(lambda: stack.redis.client().publish("omegaup:events:control", "x") and
               " left_out=" in stack.gateway.process.log(), what="how many were left out",
               pause=0.2)


def test_messages_are_logged_only_when_asked(make_stack):
    for chatty in (False, True):
        own = make_stack(settings={"Logging": {"IncludeMessages": chatty}})
        place = own.place()
        client = own.ws("ana").subscribed(place.contest_channel)
        own.post({"type": "contest_update", "data": {"contest_alias": place.contest,
                                                     "words": "quite-private-words"}})
        client.recv()
        logs = own.gateway.process.log() + own.publisher.process.log()
        assert ("quite-private-words" in logs) is chatty


def test_latencies_and_closes_are_counted(make_stack):
    stack = make_stack()
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    before = stack.gateway.metrics()["broadcaster_process_latency_seconds_count"]
    stack.post(events.contest_update(place))
    client.recv()
    assert stack.gateway.metrics()["broadcaster_process_latency_seconds_count"] > before
    client.send("x" * 5000)
    assert client.wait_closed() == 1009
    assert 'broadcaster_closes_total{reason="protocol"} 1\n' in \
        stack.gateway.get("/metrics").body.decode()


def test_publisher_counts_what_it_refuses_and_what_it_waits_for(make_stack):
    """Each moves by itself; those of the refresh and of kept events have tests of their own."""
    stack = make_stack()
    seen = {}

    def moved(name):
        """The difference since the last look."""
        value = stack.publisher.metrics()[name]
        seen[name], before = value, seen.get(name, 0)
        return value - before

    def status(code):
        return moved(f'broadcaster_http_requests_total{{status="{code}"}}')

    backend, place = stack.backend(), stack.place()
    status(200), moved("broadcaster_http_accepted_total")
    assert backend.post(events.contest_update(place)).status == 200
    assert moved('broadcaster_publishes_total{result="written"}') == 1
    assert moved("broadcaster_publish_seconds_count") == 1
    assert moved("broadcaster_http_accepted_total") >= 1
    assert backend.post("no json").status == 400
    assert status(400) == 1 and moved("messages_received_total") == 1
    assert stack.backend(client=None).post({}).status == 401
    assert status(401) == 1
    assert backend.get("/nothing").status == 404
    assert status(404) == 1
    assert backend.get("/broadcast/").status == 405
    assert status(405) == 1
    key = {"Idempotency-Key": "k"}
    assert backend.post({"message": "1"}, headers=key).status == 200
    assert backend.post({"message": "1"}, headers=key).status == 200
    assert moved('broadcaster_publishes_total{result="repeated"}') == 1
    assert backend.post({"message": "2"}, headers=key).status == 422
    assert status(422) == 1 and moved('broadcaster_publishes_total{result="conflict"}') == 1
    assert moved("messages_received_total") == 1  # the repeated one is no new event
    assert backend.post({"message": "1", "contest": "a\nb"}).status == 200
    assert moved("broadcaster_names_refused_total") == 1
    assert backend.request("POST", "/deauthenticate/nobody").status == 200
    assert moved('broadcaster_control_total{type="deauthenticate"}') == 1
    assert backend.request("DELETE", "/scoreboard/T").status == 200
    assert moved('broadcaster_control_total{type="scoreboard"}') == 1
    with pytest.raises(OSError):
        stack.backend(client="stranger").post({"message": "1"})
    assert moved("broadcaster_tls_handshake_failures_total") == 1
    assert expiry(stack.publisher, "server") > time.time()
    stack.publisher.process.signal(signal.SIGHUP)
    wait_until(lambda: moved('broadcaster_reloads_total{result="ok"}') == 1, what="the reload")
    stack.publisher.config_path.write_text("{")
    stack.publisher.process.signal(signal.SIGHUP)
    wait_until(lambda: moved('broadcaster_reloads_total{result="refused"}') == 1, what="the refusal")
    assert moved("broadcaster_redis_ready") == 1
    stack.redis.kill()
    wait_until(lambda: stack.publisher.metrics()["broadcaster_redis_ready"] == 0, what="the loss")
    assert backend.post({"message": "1"}).status == 503
    assert status(503) >= 1
    assert moved("broadcaster_kept_events") == 1 and moved("broadcaster_kept_bytes") > 0
    stack.redis.start()
    wait_until(lambda: moved('broadcaster_kept_events_total{result="written"}') == 1, 20,
               "the kept event")
    assert moved("broadcaster_kept_events") == -1
    assert moved("broadcaster_redis_connects_total") >= 2


def test_a_lost_link_is_counted_once_however_often_it_is_tried_again(make_stack):
    stack = make_stack(publisher=False)
    stack.redis.kill()
    wait_until(lambda: stack.gateway.metrics()["broadcaster_redis_up"] == 0, what="the loss")
    time.sleep(1)  # some attempts
    stack.redis.start()
    wait_until(lambda: stack.gateway.metrics()["broadcaster_redis_up"] == 1, 20, "the links")
    assert stack.gateway.metrics()["broadcaster_redis_lost_total"] == 2  # subscriber and reader


# --- the ports that nobody has set ----------------------------------------------------------------

DEFAULT_PORT, OLD_PORT = 39613, 22291


def listening(port):
    """A socket on the port, alone; the test is skipped when somebody else has it."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(("127.0.0.1", port))
        taken.listen()
    except OSError:
        taken.close()
        pytest.skip(f"port {port} is in use on this machine")
    return taken


@pytest.fixture
def gateway_without_events_port(make_stack):
    listening(DEFAULT_PORT).close()
    gateway = make_stack(publisher=False, gateways=0)._service("gateway", 0)
    del gateway.settings["Broadcaster"]["EventsPort"]
    yield gateway
    gateway.stop()


def test_without_events_port_todays_port_is_served_too(gateway_without_events_port):
    listening(OLD_PORT).close()
    gateway = gateway_without_events_port.start()
    for port in (DEFAULT_PORT, OLD_PORT):
        assert Http(port).get("/health").status == 200
    assert "warn" not in gateway.process.log()


def test_todays_port_in_use_is_only_a_warning(gateway_without_events_port):
    with listening(OLD_PORT):
        gateway = gateway_without_events_port.start()
        assert Http(DEFAULT_PORT).get("/health").status == 200
        warnings = [line for line in gateway.process.log().splitlines() if " warn " in line]
        assert any(str(OLD_PORT) in line for line in warnings), gateway.process.log()
