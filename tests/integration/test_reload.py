# SPDX-License-Identifier: MIT
"""SIGHUP: every setting does what the table says, and a refused reload changes nothing at all."""
import copy
import hashlib
import json
import re
import signal
import ssl
import subprocess

import pytest
import websockets.exceptions
from support import events
from support.certificates import Certificates
from support.http_client import Http
from support.process import ROOT, free_port, program, wait_until
from support.ws_client import WebSocket

ROW = re.compile(r"^\| `(?P<name>[\w.]+)`(?: \(older: `\w+`\))? \| (?P<type>[^|]+) \| `(?P<default>.*?)` \| "
                 r"[^|]* \| (?P<applied>[^|]+) \| ")


def settings_table():
    """name -> (type, who applies it), of docs/configuration.md, which a unit test holds against the
    table of the programs."""
    table, section = {}, ""
    for line in (ROOT / "docs/configuration.md").read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        row = ROW.match(line)
        if row and row["type"] != "ignored":
            table[f"{section}.{row['name']}"] = (row["type"], row["applied"])
    assert len(table) > 40
    return table


TABLE = settings_table()


def test_table_and_parts_have_the_same_names():
    parts = {"log"}
    for kind in ("gateway", "publisher"):
        parts |= set(re.findall(r'^    \{"(\w+)", ', (ROOT / kind / "app.c").read_text(), re.M))
    assert parts == {applied for _, applied in TABLE.values()} - {"restart"}


def get(settings, name):
    for part in name.split("."):
        settings = settings.get(part, {})
    return settings


def put(settings, name, value):
    *sections, key = name.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
    settings[key] = value


def write(service, settings):
    """As its file; service.settings goes on to say where it listens."""
    service.config_path.write_text(json.dumps(settings))


def dumped(service):
    done = subprocess.run([program(service.kind), "--config", str(service.config_path),
                           "--dump-config"], capture_output=True, text=True, timeout=20, check=True)
    return json.loads(done.stdout)


def in_effect(service):
    return service.get("/debug/config").json()


def other_value(name, kind, now, texts):
    if name in texts:
        return texts[name]
    if kind == "true or false":
        return not now
    if kind in ("number", "bytes"):
        return now + 1
    assert kind.startswith("time"), f"{name}: what else may it be?"
    return f"{int(float(str(now).rstrip('ms'))) + 1}s" if kind == "time" else 7


def hang_up(service, result):
    name = f'broadcaster_reloads_total{{result="{result}"}}'
    before = service.metrics()[name]
    service.process.signal(signal.SIGHUP)
    wait_until(lambda: service.metrics()[name] == before + 1, what=f"a reload that is {result}")


def served_certificate(service):
    return ssl.get_server_certificate(("127.0.0.1", service.port)).strip()


def certificate_of(path):
    end = "-----END CERTIFICATE-----"
    text = path.read_text()
    return text[text.index("-----BEGIN CERT"):text.index(end)] + end


def services_with_tls(make_stack, **settings):
    settings["Broadcaster"] = {"Proxied": False, **settings.get("Broadcaster", {})}
    stack = make_stack(settings=settings)
    return stack, {service.kind: service for service in stack.services}


@pytest.mark.parametrize("kind", ["publisher", "gateway"])
def test_every_setting_does_at_sighup_what_the_table_says(make_stack, tmp_path, kind):
    stack, services = services_with_tls(make_stack)
    service = services[kind]
    other = Certificates(tmp_path / "other")
    tokens = tmp_path / "tokens"
    tokens.write_text(f"grader:{hashlib.sha256(b'open sesame').hexdigest()}\n")
    log = tmp_path / "other.log"
    texts = {
        "Broadcaster.Bind": "127.0.0.2", "Metrics.Bind": "127.0.0.2",
        "Broadcaster.TLS.CertFile": other.path("server.pem"),
        "Broadcaster.TLS.KeyFile": other.path("server.key"),
        "Broadcaster.TLS.ClientCAFile": other.path("ca.pem"),
        "Broadcaster.TLS.ClientAuth": "require", "Broadcaster.TLS.ClientNames": ["client"],
        "Broadcaster.FrontendURL": "http://127.0.0.1:8",
        "Broadcaster.ScoreboardUpdateSecret": "another",
        "Broadcaster.AllowedOrigins": ["https://other.example"],
        "Broadcaster.TrustedProxies": ["127.0.0.1"],
        "Broadcaster.PublishTokensFile": str(tokens),
        "Redis.URL": "redis://127.0.0.1:1", "Redis.URLs": ["redis://127.0.0.1:2"],
        "Redis.TLS.CAFile": other.path("ca.pem"), "Redis.TLS.CertFile": other.path("client.pem"),
        "Redis.TLS.KeyFile": other.path("client.key"), "Redis.TLS.ServerName": "redis.example",
        "Redis.Sentinel.Username": "ana", "Redis.Sentinel.Password": "sesame",
        "Redis.Channel": "other", "Logging.Level": "info", "Logging.File": str(log),
        "Console.Dir": str(tmp_path), "Auth.File": str(tmp_path / "users-2.json"),
        **{name: free_port() for name, row in TABLE.items()
           if name.endswith("Port") and row[0] == "number"}}
    before = in_effect(service)
    assert before == dumped(service)
    settings = copy.deepcopy(service.settings)
    for name, (type_, _) in TABLE.items():
        put(settings, name, other_value(name, type_, get(before, name), texts))
    write(service, settings)
    wanted = dumped(service)
    hang_up(service, "ok")
    after = in_effect(service)
    for name, (_, applied) in TABLE.items():
        assert get(wanted, name) != get(before, name) or get(wanted, name) == "***", name
        expected = before if applied == "restart" else wanted
        assert get(after, name) == get(expected, name), name
        told = f"setting changes only at a restart setting={name}\n" in service.process.log()
        assert told == (applied == "restart"), name
    # What parts keep beside the settings themselves.
    assert served_certificate(service) == certificate_of(tmp_path / "other/server.pem")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert "configuration reloaded" in [line["message"] for line in lines]
    assert not [line for line in lines if line["level"] == "debug"]
    if kind == "publisher":
        backend = Http(service.port, other.client_context("client"), "open sesame")
        for _ in range(5):
            assert backend.post(events.contest_update(stack.place())).status == 200


def test_history_reaches_the_logs_in_redis_and_the_gateways_memory(make_stack):
    stack = make_stack(settings={"Redis": {"HistoryEvents": 1000}})
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)

    def post(n):
        for _ in range(n):
            stack.post(events.contest_update(place))
            client.recv()
    post(20)
    kept = stack.gateway.metrics()["broadcaster_ring_bytes"]
    for service in stack.services:
        settings = copy.deepcopy(service.settings)
        put(settings, "Redis.HistoryEvents", 3)
        write(service, settings)
        hang_up(service, "ok")
    post(1)
    assert stack.gateway.metrics()["broadcaster_ring_bytes"] < kept / 3
    with stack.redis.client() as redis:
        assert redis.xlen(f"omegaup:events:contest/{place.contest}:log") <= 4


BAD = {
    "settings": lambda s, d: put(s, "Broadcaster.MaxSubscriptions", "many"),
    "proxy": lambda s, d: put(s, "Broadcaster.TrustedProxies", ["10.0.0.0/33"]),
    "certificate": lambda s, d: put(s, "Broadcaster.TLS.CertFile", str(d / "broken")),
    "key": lambda s, d: put(s, "Broadcaster.TLS.KeyFile", str(d / "broken")),
    "log": lambda s, d: put(s, "Logging.File", str(d / "broken" / "x.log")),
    "port": lambda s, d: (put(s, "Broadcaster.Port", 9999),
                          put(s, "Broadcaster.EventsPort", 9999)),
    "ca": lambda s, d: put(s, "Broadcaster.TLS.ClientCAFile", str(d / "broken")),
    "tokens": lambda s, d: put(s, "Broadcaster.PublishTokensFile", str(d / "broken")),
    "users": lambda s, d: (d / "users.json").write_text("{broken"),
}
ONLY = {"ca": "publisher", "tokens": "publisher", "users": "gateway"}


@pytest.mark.parametrize("kind,bad", [(kind, bad) for kind in ("publisher", "gateway") for bad in BAD
                                      if ONLY.get(bad, kind) == kind])
def test_refused_reload_changes_nothing_whatever_refuses(make_stack, tmp_path, kind, bad):
    users = tmp_path / "users.json"
    users.write_text("{}")
    (tmp_path / "broken").write_text("neither a certificate nor a list\n")
    first_log = tmp_path / "first.log"
    _, services = services_with_tls(
        make_stack, Broadcaster={"MaxConnectionsPerAddress": 1}, Auth={"File": str(users)},
        Logging={"File": str(first_log), "Level": "warn"})
    service = services[kind]
    before, certificate = in_effect(service), served_certificate(service)
    other = Certificates(tmp_path / "other")
    good = {"Broadcaster.TLS.CertFile": other.path("server.pem"),
            "Broadcaster.TLS.KeyFile": other.path("server.key"),
            "Broadcaster.TLS.ClientCAFile": other.path("ca.pem"),
            "Broadcaster.TrustedProxies": ["127.0.0.1"], "Broadcaster.MaxSubscriptions": 3,
            "Logging.File": str(tmp_path / "second.log"), "Logging.Level": "debug",
            "Logging.JSON": True}
    better, worse = copy.deepcopy(service.settings), copy.deepcopy(service.settings)
    for name, value in good.items():
        put(better, name, value)
        put(worse, name, value)
    BAD[bad](worse, tmp_path)
    write(service, worse)
    checked = subprocess.run([program(kind), "--config", str(service.config_path),
                              "--check-config"], capture_output=True, text=True, timeout=20)
    assert checked.returncode == 1 and checked.stderr, "--check-config says what a reload would"
    hang_up(service, "refused")
    assert in_effect(service) == before
    assert served_certificate(service) == certificate
    assert not (tmp_path / "second.log").exists()
    assert "configuration not changed" in first_log.read_text()
    assert " debug " not in first_log.read_text()
    problem = checked.stderr.splitlines()[0].split(": ")[-1]
    assert problem in first_log.read_text().replace('\\"', '"')
    if kind == "gateway":
        assert is_limited_together(service)
    # The next one is not hindered by what was refused.
    users.write_text("{}")
    write(service, better)
    hang_up(service, "ok")
    assert served_certificate(service) != certificate
    if kind == "gateway":
        assert not is_limited_together(service)


def is_limited_together(gateway):
    """Do two clients behind one proxy count as one address?"""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    made = []
    try:
        for n in (1, 2):
            made.append(WebSocket(gateway.port, tls=tls,
                                  headers={"X-Forwarded-For": f"192.0.2.{n}"}))
        return False
    except websockets.exceptions.InvalidStatusCode:
        return True
    finally:
        for client in made:
            client.close()
        wait_until(lambda: gateway.metrics()["connections_active"] == 0, what="their end")
