# SPDX-License-Identifier: MIT
"""Sites whose PHP posts straight to the publisher, with curl's extension and omegaUp's options."""
import json
import signal
import subprocess
from pathlib import Path

import pytest
from support.omegaup import run_text

SCRIPT = Path(__file__).parent / "publish.php"
PEER_FAILED_VERIFICATION = 60
TIMED_OUT = 28


class Php:
    """One run of the script."""

    def __init__(self, omegaup, body, *, host="localhost", certificate="own", ca="own",
                 timeout_ms=30_000, path="/broadcast/"):
        files = [omegaup.certificates.path(name)
                 for name in (f"{certificate}.pem", f"{certificate}.key", f"{ca}.pem")]
        self._process = subprocess.Popen(
            ["php", str(SCRIPT), f"https://{host}:{omegaup.stack.publisher.port}{path}", *files,
             str(timeout_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process.stdin.write(body if isinstance(body, str) else json.dumps(body))
        self._process.stdin.close()

    def wait_for_attempt(self, number):
        while self._process.stdout.readline() not in (f"attempt {number}\n", ""):
            pass

    def result(self):
        """What the script says in its last line."""
        text = self._process.stdout.read()
        assert self._process.wait(30) == 0, text
        self._process.stdout.close()
        return json.loads(text.splitlines()[-1])


def run_of(place, guid="php"):
    return {"contest": place.contest, "problem": place.problem, "user": "ana", "public": False,
            "message": run_text(guid)}


@pytest.fixture
def page(omegaup):
    """(place, what is posted there is seen by this page)."""
    place = omegaup.place()
    page = omegaup.page(place.contest_channel, "/user/ana", cookie=omegaup.user("ana"),
                        gateway=len(omegaup.gateways) - 1)
    omegaup.begin([page], place)
    return place, page


@pytest.mark.parametrize("ca", ["own", "ca"])
def test_php_publishes_with_the_server_certificate_itself_or_its_ca_as_ca(omegaup, page, ca):
    place, client = page
    result = Php(omegaup, run_of(place), ca=ca).result()
    assert (result["ok"], result["attempts"], result["status"]) == (True, 1, 200), result
    assert client.recv_text() == run_text("php")


def test_php_verifies_the_host_name(omegaup):
    """Else the test above would say nothing about our certificate."""
    result = Php(omegaup, run_of(omegaup.place()), host="127.0.0.1").result()
    assert (result["ok"], result["errno"]) == (False, PEER_FAILED_VERIFICATION)


def test_php_without_a_known_certificate_is_refused(omegaup):
    result = Php(omegaup, run_of(omegaup.place()), certificate="stranger").result()
    assert not result["ok"] and result["status"] == 0 and result["errno"] not in (0, TIMED_OUT)


def test_php_is_told_what_is_wrong(omegaup):
    result = Php(omegaup, {"contest": "a"}).result()
    assert (result["ok"], result["status"], result["attempts"]) == (False, 400, 1)
    answer = json.loads(result["body"])
    assert (answer["status"], answer["error"]) == ("error", "bad_request") and answer["message"]


def test_php_is_told_to_go_on_when_the_body_is_large(omegaup, page):
    """From 1 MiB on, curl asks with `Expect: 100-continue`, and would wait a second for nothing."""
    place, client = page
    text = json.dumps({"message": "/scoreboard/update/", "scoreboard": {"pad": "x" * 3_000_000}})
    result = Php(omegaup, {"contest": place.contest, "public": True, "message": text}).result()
    assert result["ok"], result
    assert result["lines"] == ["HTTP/1.1 100 Continue", "HTTP/1.1 200 OK"]
    assert client.recv_text() == text


def test_php_that_times_out_tries_again_and_gets_through(omegaup, page):
    place, client = page
    publisher = omegaup.stack.publisher.process
    publisher.signal(signal.SIGSTOP)
    php = Php(omegaup, run_of(place), timeout_ms=2000)
    php.wait_for_attempt(2)
    publisher.signal(signal.SIGCONT)
    result = php.result()
    assert result["ok"] and result["attempts"] in (2, 3), result
    assert client.recv_text() == run_text("php")


def test_php_gives_up_after_three_attempts(omegaup):
    omegaup.stack.publisher.process.signal(signal.SIGSTOP)
    try:
        result = Php(omegaup, run_of(omegaup.place()), timeout_ms=100).result()
    finally:
        omegaup.stack.publisher.process.signal(signal.SIGCONT)
    assert (result["ok"], result["attempts"], result["errno"]) == (False, 3, TIMED_OUT)
    omegaup.stack.publisher.wait_ready()
