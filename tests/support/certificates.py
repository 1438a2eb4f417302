# SPDX-License-Identifier: MIT
"""Certificates good and bad, made with openssl once per test session."""
import ssl
import subprocess
import time
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

    def make_short(self, name, seconds):
        """One that ends so soon."""
        request = self.path(f"{name}.csr")
        self._openssl("req", "-new", *NEW_KEY, "-subj", f"/CN={name}", "-keyout",
                      self.path(f"{name}.key"), "-out", request)
        begin, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + offset))
                      for offset in (-60, seconds))
        index = self.directory / f"{name}.index"
        index.write_text("")
        config = self.directory / f"{name}.cnf"
        config.write_text(f"[ca]\ndefault_ca=short\n[short]\ndatabase={index}\n"
                          f"new_certs_dir={self.directory}\nrand_serial=yes\n"
                          "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n")
        self._openssl("ca", "-batch", "-notext", "-config", str(config), "-in", request, "-cert",
                      self.path("ca.pem"), "-keyfile", self.path("ca.key"), "-startdate", begin,
                      "-enddate", end, "-out", self.path(f"{name}.pem"))

    def ends(self, name):
        """When a certificate does, as Unix time."""
        text = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in",
                               self.path(f"{name}.pem")], check=True, capture_output=True,
                              text=True).stdout
        return ssl.cert_time_to_seconds(text.strip().removeprefix("notAfter="))

    def make_namesake(self, name, of):
        """One with the common name of another, and a key of its own."""
        subject = subprocess.run(["openssl", "x509", "-noout", "-subject", "-nameopt", "compat",
                                  "-in", self.path(f"{of}.pem")], check=True, capture_output=True,
                                 text=True).stdout.strip().removeprefix("subject=").strip()
        self._openssl("req", "-x509", *NEW_KEY, "-days", "30", "-subj",
                      subject if subject.startswith("/") else f"/{subject}", "-keyout",
                      self.path(f"{name}.key"), "-out", self.path(f"{name}.pem"),
                      *self._signed_by("ca"))

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
