# SPDX-License-Identifier: MIT
"""The publisher's TLS, seen with OpenSSL's command line."""
import json
import re
import subprocess

import pytest
from support.omegaup import Omegaup, run_text

NO_CERTIFICATE = object()


@pytest.fixture(scope="module")
def omegaup(tmp_path_factory, certificates):
    """Gateways play no part here: one is enough."""
    with Omegaup(tmp_path_factory.mktemp("tls"), certificates) as omegaup:
        yield omegaup

@pytest.fixture(scope="module")
def plain_ca(certificates):
    """A CA, and a leaf of it, that say nothing of what their keys are for."""
    bare = certificates.path("bare.cnf")
    with open(bare, "w", encoding="ascii") as file:
        file.write("[req]\ndistinguished_name=dn\n[dn]\n")
    for name, more in (("bareca", ("-addext", "basicConstraints=CA:TRUE")),
                       ("bare", certificates._signed_by("bareca"))):
        certificates._make(name, "-config", bare, *more)
    for name in ("bareca", "bare"):
        text = subprocess.run(["openssl", "x509", "-in", certificates.path(f"{name}.pem"), "-noout",
                               "-text"], capture_output=True, text=True, check=True).stdout
        assert "Key Usage" not in text
    return certificates.path("bareca.pem")


class SClient:
    """One run of `openssl s_client`: its output, and whether it got a connection."""

    def __init__(self, omegaup, *options, certificate="own", request=b"", verify=True):
        self.certificates = omegaup.certificates
        files = ["-CAfile", self.certificates.path("ca.pem"), "-verify_hostname", "localhost"]
        if verify:
            files += ["-verify_return_error"]
        if certificate is not NO_CERTIFICATE:
            files += ["-cert", self.certificates.path(f"{certificate}.pem"),
                      "-key", self.certificates.path(f"{certificate}.key")]
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{omegaup.stack.publisher.port}",
             "-servername", "localhost", *files, *(["-ign_eof"] if request else []), *options],
            input=request, capture_output=True, timeout=20, check=False)
        self.text = (done.stdout + done.stderr).decode(errors="replace")
        self.is_connected = done.returncode == 0

    def find(self, pattern):
        found = re.search(pattern, self.text, re.M)
        return found.group(1) if found else None

    @property
    def status(self):
        return int(self.find(r"HTTP/1\.1 (\d+)") or 0)


def request_of(place):
    body = json.dumps({"contest": place.contest, "public": True, "message": run_text("tls")})
    return ("POST /broadcast/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


@pytest.mark.parametrize("offered,chosen", [("h2,http/1.1", "http/1.1"), ("http/1.1", "http/1.1"),
                                            ("http/1.1,h2", "http/1.1")])
def test_alpn_is_answered_with_http_1_1(omegaup, offered, chosen):
    assert SClient(omegaup, "-alpn", offered).find(r"^ALPN protocol: (.*)") == chosen


def test_client_that_offers_no_alpn_is_served(omegaup):
    client = SClient(omegaup, request=request_of(omegaup.place()))
    assert "No ALPN negotiated" in client.text and client.status == 200


@pytest.mark.parametrize("option,version", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_tls_1_2_and_1_3_are_spoken(omegaup, option, version):
    client = SClient(omegaup, option, request=request_of(omegaup.place()))
    assert client.status == 200, client.text
    assert client.find(r"^New, (TLSv1\.\d), Cipher is [A-Z]") == version


@pytest.mark.parametrize("option", ["-tls1", "-tls1_1"])
def test_older_tls_is_refused_by_us(omegaup, option):
    client = SClient(omegaup, option, "-cipher", "ALL:@SECLEVEL=0")
    assert not client.is_connected
    assert "alert protocol version" in client.text, client.text


def test_list_of_ca_names_is_empty_so_that_go_sends_its_certificate(omegaup):
    for option in ("-tls1_2", "-tls1_3"):
        assert "No client certificate CA names sent" in SClient(omegaup, option).text


def test_whole_chain_is_sent(omegaup):
    client = SClient(omegaup, "-showcerts")
    assert client.text.count("BEGIN CERTIFICATE") == 2
    assert "Verify return code: 0 (ok)" in client.text


@pytest.mark.parametrize("certificate,status", [("own", 200), ("client", 200), ("stranger", 0),
                                                ("expired", 0), ("serverpurpose", 0),
                                                (NO_CERTIFICATE, 401)],
                         ids=["own", "of our CA", "stranger", "expired", "only a server's", "none"])
@pytest.mark.parametrize("option", ["-tls1_2", "-tls1_3"])
def test_who_may_publish(omegaup, option, certificate, status):
    client = SClient(omegaup, option, certificate=certificate, request=request_of(omegaup.place()))
    assert client.status == status, client.text
    # In TLS 1.3 the request is on its way before the verdict, and may make the alert's connection
    # be reset before the alert is read.
    told = "alert" in client.text or (option == "-tls1_3" and "errno=104" in client.text)
    assert told == (status == 0), client.text


def test_certificate_without_key_usage_of_a_named_ca_publishes(make_omegaup, plain_ca):
    site = make_omegaup(settings={"Broadcaster": {"TLS": {"ClientCAFile": plain_ca}}})
    assert SClient(site, certificate="bare", request=request_of(site.place())).status == 200
    assert SClient(site, certificate="client", request=request_of(site.place())).status == 0


def test_certificate_without_key_usage_that_is_the_servers_own_publishes(make_omegaup, plain_ca,
                                                                         certificates):
    site = make_omegaup(settings={"Broadcaster": {"TLS": {
        "CertFile": certificates.path("bare.pem"), "KeyFile": certificates.path("bare.key")}}})
    assert plain_ca
    for certificate, status in (("bare", 200), ("bareca", 0), ("own", 0)):
        client = SClient(site, certificate=certificate, request=request_of(site.place()),
                         verify=False)
        assert client.status == status, client.text
