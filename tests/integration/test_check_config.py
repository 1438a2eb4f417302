# SPDX-License-Identifier: MIT
"""--check-config says what a start would, and makes nothing; =online asks the others, too."""
import json
import os
import subprocess

import pytest
from support.frontend import Frontend
from support.process import LIMIT, free_port, program

KINDS = ["publisher", "gateway"]


def check(service, *arguments, option="--check-config"):
    done = subprocess.run([program(service.kind), "--config", str(service.config_path), *arguments,
                           option], capture_output=True, text=True, timeout=LIMIT, check=False)
    return done.returncode, done.stderr


def service_of(stack, kind):
    return next(service for service in stack.services if service.kind == kind)


def everything_below(directory):
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*")
            if not path.name.endswith(".log")}


@pytest.mark.parametrize("option", ["--check-config", "--check-config=online"])
@pytest.mark.parametrize("kind", KINDS)
def test_good_configuration_of_a_running_service_is_good_and_left_alone(stack, tmp_path, kind,
                                                                       option):
    """The ports are taken and the log is not there: neither is touched."""
    service = service_of(stack, kind)
    with stack.redis.client() as redis:
        keys = sorted(redis.keys("*check*"))
    before = everything_below(stack.directory)
    status, said = check(service, "--set", f"Logging.File={tmp_path / 'new.log'}", option=option)
    assert status == 0, said
    assert os.listdir(tmp_path) == []
    assert everything_below(stack.directory) == before
    with stack.redis.client() as redis:
        assert sorted(redis.keys("*check*")) == keys


@pytest.mark.parametrize("kind,setting,word", [
    ("publisher", "Broadcaster.TLS.CertFile=/none/cert", "/none/cert"),
    ("publisher", "Broadcaster.TLS.ClientCAFile=/none/ca", "/none/ca"),
    ("publisher", "Broadcaster.PublishTokensFile=/none/tokens", "/none/tokens"),
    ("gateway", "Auth.File=/none/users", "/none/users"),
    ("gateway", "Broadcaster.FrontendURL=https://your-judge.invalid", "placeholder"),
    ("gateway", "Metrics.Port=EVENTS", "Metrics.Port: is the port of Broadcaster.EventsPort"),
    ("gateway", "Logging.File=/none/log", "Logging.File: /none/log: No such file or directory"),
    ("publisher", "Logging.File=/none/log", "Logging.File: /none/log: No such file or directory"),
])
def test_what_forbids_a_start_is_said_by_both(stack, kind, setting, word):
    service = service_of(stack, kind)
    setting = setting.replace("EVENTS", str(service.port))
    status, said = check(service, "--set", setting)
    assert status == 1 and word in said
    start = subprocess.run([program(kind), "--config", str(service.config_path), "--set", setting],
                           capture_output=True, text=True, timeout=LIMIT, check=False)
    assert start.returncode == 1 and word in start.stderr.replace('\\"', '"')


@pytest.mark.parametrize("kind", KINDS)
def test_online_says_what_is_good(make_stack, kind):
    judge = Frontend()
    stack = make_stack(frontend=judge,
                       settings={"Broadcaster": {"ScoreboardUpdateSecret": "s",
                                                 "Proxied": kind == "publisher"}})
    status, said = check(service_of(stack, kind), option="--check-config=online")
    judge.down()
    assert status == 0, said
    for line in ("good: Redis.URL: connected, version ", "good: Redis.URL: maxmemory-policy is noev",
                 "good: Broadcaster.FrontendURL: answers (status ", "Broadcaster.TLS.CertFile: it is for"):
        assert line in said


@pytest.mark.parametrize("kind", KINDS)
def test_online_says_what_is_not(make_stack, kind, certificates):
    stack = make_stack(settings={"Broadcaster": {"ScoreboardUpdateSecret": "s"}})
    service = service_of(stack, kind)
    with stack.redis.client() as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        redis.acl_setuser("weak", enabled=True, nopass=True, keys=["*"], channels=["*"],
                          commands=["+@all", "-publish"])
    url = f"redis://weak:x@127.0.0.1:{stack.redis.port}"
    status, said = check(service, "--set", f"Redis.URL={url}", option="--check-config=online")
    assert status == 1
    assert "bad: Redis.URL: its maxmemory-policy is allkeys-lru" in said
    assert "bad: Redis.URL: its user lacks a right: " in said and "publish" in said
    nobody = free_port()
    status, said = check(service, "--set", f"Redis.URLs=redis://127.0.0.1:{nobody},{stack.redis.url}",
                         "--set", "Auth.File=", option="--check-config=online")
    assert status == 1
    assert "bad: Redis.URLs[0]: no connection: " in said
    assert "good: Redis.URLs[1]: connected" in said
    assert "bad: Broadcaster.FrontendURL: no answer" in said
    if kind == "publisher":
        expired = json.dumps(certificates.path("expired.pem"))
        key = json.dumps(certificates.path("expired.key"))
        status, said = check(service, "--set", f"Broadcaster.TLS.CertFile={expired}", "--set",
                             f"Broadcaster.TLS.KeyFile={key}", option="--check-config=online")
        assert status == 1 and "bad: Broadcaster.TLS.CertFile: it has expired" in said
    with stack.redis.client() as redis:
        redis.config_set("maxmemory-policy", "noeviction")
