# SPDX-License-Identifier: MIT
"""From the first line of main() to the last: signals, lines of the start, limits, a full stderr."""
import json
import os
import resource
import signal
import subprocess

import pytest
from support.http_client import get_plain
from support.process import LIMIT, program, wait_until

KINDS = ["publisher", "gateway"]


@pytest.fixture
def service_without_redis(make_stack, tmp_path):
    """One service of a stack, ended; its Redis is gone. Starts again with what a test asks for."""
    stack = make_stack(settings={"Logging": {"Level": "info"}})
    services = {service.kind: service for service in stack.services}
    for service in stack.services:
        service.stop()
    stack.redis.kill()
    made = []

    def start(kind, *arguments, **popen):
        service = services[kind]
        log = open(tmp_path / f"{kind}.out", "wb")
        made.append(subprocess.Popen(
            [program(kind), "--config", str(service.config_path), *arguments],
            stdin=subprocess.DEVNULL, stdout=log, **{"stderr": log, **popen}))
        return service, made[-1], tmp_path / f"{kind}.out"

    yield start, stack
    for process in made:
        process.kill()
        process.wait(LIMIT)


def is_listening(service):
    try:
        return get_plain(service.metrics_port, "/health").status == 200
    except OSError:
        return False


def pending(*signals):
    """Run in the child before it becomes the program: these wait for it from its first line on."""
    def send():
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        for number in signals:
            os.kill(os.getpid(), number)
    return send


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", KINDS)
def test_signal_to_end_during_the_start_ends_it_with_status_0(service_without_redis, kind, number):
    start, _ = service_without_redis
    _, process, _ = start(kind, preexec_fn=pending(number))
    assert process.wait(LIMIT) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_sighup_during_the_start_is_done_when_it_runs(service_without_redis, kind):
    start, _ = service_without_redis
    _, process, log = start(kind, preexec_fn=pending(signal.SIGHUP))
    wait_until(lambda: "configuration reloaded" in log.read_text(), what="the reload")
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT) == 0, "it waits for Redis, and ends all the same"


def test_second_sigterm_ends_at_once(make_stack):
    stack = make_stack(settings={"Broadcaster": {"DrainSeconds": 3600}})
    client = stack.ws("ana").subscribed(stack.place().contest_channel)
    process = stack.gateway.process
    process.signal(signal.SIGTERM)
    assert client.recv()["type"] == "reconnect"
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


@pytest.mark.parametrize("json_lines", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_lines_of_a_start_without_redis_come_in_order(service_without_redis, kind, json_lines):
    start, stack = service_without_redis
    _, process, log = start(kind, "--set", f"Logging.JSON={json.dumps(json_lines)}")
    wait_until(lambda: "cannot reach redis" in log.read_text(), what="the first try")
    assert "ready role" not in log.read_text() and '"message":"ready"' not in log.read_text()
    stack.redis.start()

    def phrases():
        lines = log.read_text().splitlines()
        if json_lines:
            return [json.loads(line)["message"] for line in lines]
        return [line.split(" ", 2)[2] for line in lines]
    wait_until(lambda: any(p.split(" role")[0] == "ready" for p in phrases()), what="ready")
    order = [next(i for i, p in enumerate(phrases()) if p.startswith(word))
             for word in ("listening", "cannot reach redis", "ready")]
    assert order == sorted(order)


@pytest.mark.parametrize("kind", KINDS)
def test_what_forbids_a_start_is_a_log_line_too(service_without_redis, kind, tmp_path):
    start, _ = service_without_redis
    key = {"publisher": "PublishTokensFile", "gateway": None}[kind]
    setting = f"Broadcaster.{key}=/none/x" if key else "Auth.File=/none/x"
    _, process, log = start(kind, "--set", setting, "--set", "Logging.JSON=true")
    assert process.wait(LIMIT) == 1
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines[-1]["message"] == "cannot start" and "/none/x" in lines[-1]["problem"]


@pytest.mark.parametrize("kind", KINDS)
def test_port_that_is_taken_is_told_in_the_log_and_to_who_starts_it(service_without_redis, kind,
                                                                   tmp_path):
    start, _ = service_without_redis
    own = tmp_path / "own.log"
    service, first, _ = start(kind)

    wait_until(lambda: is_listening(service), what="the first to listen")
    _, process, log = start(kind, "--set", f"Logging.File={own}")
    assert process.wait(LIMIT) == 1
    assert "cannot start" in own.read_text() and "Address already in use" in own.read_text()
    assert "Address already in use" in log.read_text()


def test_gateway_without_a_source_of_access_names_the_line_to_add(service_without_redis, tmp_path):
    start, _ = service_without_redis
    for option in ((), ("--check-config",)):
        _, process, log = start("gateway", "--set", "Auth.File=", "--set",
                                "Broadcaster.FrontendURL=", *option)
        assert process.wait(LIMIT) == 1
        text = log.read_text().replace('\\"', '"')
        assert '"Broadcaster": {"FrontendURL": "https://judge.example.org"}' in text
        assert '"Auth": {"File": "/etc/omegaup/broadcaster/users.json"}' in text


@pytest.mark.parametrize("kind", KINDS)
def test_soft_limit_of_descriptors_becomes_the_hard_one(service_without_redis, kind):
    start, stack = service_without_redis
    stack.redis.start()

    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2048))
    service, process, _ = start(kind, preexec_fn=lower)

    def limits():
        with open(f"/proc/{process.pid}/limits", encoding="ascii") as f:
            return next(line for line in f if line.startswith("Max open files")).split()[3:5]
    wait_until(lambda: limits() == ["2048", "2048"], what="the higher limit")


@pytest.mark.parametrize("kind", KINDS)
def test_closed_stderr_is_no_socket_s_place(service_without_redis, kind):
    """A connection with descriptor 2 would be sent the log."""
    start, stack = service_without_redis
    stack.redis.start()
    service, process, _ = start(kind, "--set", "Logging.Level=debug",
                                preexec_fn=lambda: os.closerange(0, 3))

    wait_until(lambda: is_listening(service), what="it to listen")
    assert {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in (0, 1, 2)} == {"/dev/null"}


@pytest.mark.parametrize("kind", KINDS)
def test_full_stderr_does_not_stop_the_process(service_without_redis, kind):
    """Lines are dropped and counted, and the first that fits says how many."""
    start, stack = service_without_redis
    stack.redis.start()
    reading, writing = os.pipe()
    service, process, _ = start(kind, "--set", "Logging.Level=debug", stderr=writing)
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 512)
    except BlockingIOError:
        os.close(writing)
    lost = 'broadcaster_log_lines_lost_total{reason="no_room"}'

    def dropped():
        process.send_signal(signal.SIGHUP)  # says something each time
        text = get_plain(service.metrics_port, "/metrics").body.decode()
        return float(text.split(lost + " ")[1].split()[0])
    wait_until(lambda: is_listening(service), what="it to listen")
    wait_until(lambda: dropped() > 3, what="lines that are dropped")
    seen = b""

    def told():
        nonlocal seen
        seen += os.read(reading, 1 << 16)
        process.send_signal(signal.SIGHUP)
        return b"log lines dropped lines=" in seen
    wait_until(told, what="the count")
    os.close(reading)
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT) == 0


def test_second_publisher_of_a_port_starts_only_when_both_ask_for_it(service_without_redis):
    start, stack = service_without_redis
    stack.redis.start()
    other = ["--set", "Metrics.PublisherPort=0"]

    def listening(log):
        return "listening role=publisher" in log.read_text()
    for shared in (False, True):
        options = ["--set", f"Broadcaster.ReusePort={json.dumps(shared)}"]
        _, first, log = start("publisher", *options)
        wait_until(lambda: listening(log), what="the first")
        _, second, log = start("publisher", *options, *other)
        if shared:
            wait_until(lambda: listening(log), what="the second")
            second.terminate()
        assert second.wait(LIMIT) == (0 if shared else 1)
        assert shared or "Address already in use" in log.read_text()
        first.terminate()
        assert first.wait(LIMIT) == 0
