# SPDX-License-Identifier: MIT
"""Certificates good and bad, made with openssl once per test session."""
import ssl
import subprocess
from pathlib import Path

from .process import ROOT

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Certificates:
    """ca, server, client of tools/certificates, and beside them what must be refused:
    stranger (of another CA), expired, serverpurpose (may only be a server). And two that today's
    installations have: own (for everything), chain (own, and the CA behind it)."""

    def __init__(self, directory):
        self.directory = Path(directory)
        subprocess.run([ROOT / "tools/certificates", self.directory], check=True)
        self._make("stranger-ca", "-addext", "basicConstraints=critical,CA:TRUE")
        self._make("stranger", *self._signed_by("stranger-ca"))
        self._make("serverpurpose", *self._signed_by("ca"), "-addext",
                   "extendedKeyUsage=serverAuth")
        self._make_expired()
        self._make("own", *self._signed_by("ca"), "-addext", "subjectAltName=DNS:localhost")
        self._make_chain()

    def path(self, name):
        return str(self.directory / name)

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def _signed_by(self, ca):
        return ["-CA", self.path(f"{ca}.pem"), "-CAkey", self.path(f"{ca}.key"),
                "-addext", "basicConstraints=critical,CA:FALSE"]

    def _make(self, name, *options):
        self._openssl("req", "-x509", *NEW_KEY, "-days", "30", "-subj", f"/CN={name}", "-keyout",
                      self.path(f"{name}.key"), "-out", self.path(f"{name}.pem"), *options)

    def _make_expired(self):
        request = self.path("expired.csr")
        self._openssl("req", "-new", *NEW_KEY, "-subj", "/CN=expired", "-keyout",
                      self.path("expired.key"), "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.path("ca.pem"), "-CAkey",
                      self.path("ca.key"), "-days", "-1", "-out", self.path("expired.pem"))

    def _make_chain(self):
        with open(self.path("chain.pem"), "w", encoding="ascii") as chain:
            for name in ("own.pem", "ca.pem"):
                chain.write(Path(self.path(name)).read_text(encoding="ascii"))

    def client_context(self, client="client"):
        """A client's TLS context that trusts our CA and shows the named certificate (None: none)."""
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        if client:
            context.load_cert_chain(self.path(f"{client}.pem"), self.path(f"{client}.key"))
        return context
