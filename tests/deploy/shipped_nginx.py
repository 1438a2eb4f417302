# SPDX-License-Identifier: MIT
"""nginx on the files that ship. Changed are ports, names and places of files, nothing else."""
import os
import re
import shutil
import socket

from support.process import ROOT, Process, free_port, wait_until

DEPLOY = ROOT / "deploy"
PROGRAM = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")

# Which files compose.yaml and the installation steps put beside nginx.conf.
VARIANTS = {"nginx": ("nginx", "nginx", "nginx"), "compose": ("compose", "compose", "nginx")}
FILES = ("gateways.conf", "server.conf", "unlimited.conf")


def shipped(variant):
    return {name: (DEPLOY / folder / name).read_text()
            for name, folder in zip(FILES, VARIANTS[variant])}


def with_gateways(text, ports):
    """The file's own `server` line, once for each gateway. Debian 12's nginx is too old for `resolve`,
    and there is no resolver here."""
    text = re.sub(r"(?m)^resolver .*\n", "", text).replace(" resolve", "")
    text, n = re.subn(r"(?m)^server [\w.]+:39613(.*;)\n",
                      lambda m: "".join(f"server 127.0.0.1:{p}{m[1]}\n" for p in ports), text)
    assert n == 1, "gateways.conf has another form now"
    return text


def with_places(text, certificates, log, ports):
    """`ports` maps the file's own ports to those of the test; the log goes to `log`."""
    for directive, name in (("ssl_certificate", "server.pem"), ("ssl_certificate_key", "server.key")):
        text = re.sub(rf"(?m)^{directive} .*;", f"{directive} {certificates.path(name)};", text)
    text = re.sub(r"access_log \S+", f"access_log {log}", text)
    text = re.sub(r"(?m)^listen \[::\]:.*\n", "", text)
    return re.sub(r"(?m)^listen (\d+)", lambda m: f"listen 127.0.0.1:{ports[int(m[1])]}", text)


class Nginx:
    """Listens with TLS and, as in compose.yaml, without."""

    def __init__(self, directory, certificates, gateways, variant="compose", unlimited=None,
                 origins=None):
        self.directory = directory
        self.port, self.tls_port = free_port(), free_port()
        files = shipped(variant)
        (directory / "nginx").mkdir(parents=True)
        shutil.copy(DEPLOY / "nginx.conf", directory)
        files["gateways.conf"] = with_gateways(files["gateways.conf"], [g.port for g in gateways])
        files["server.conf"] = with_places(
            files["server.conf"], certificates, "/dev/stdout",
            {39613: self.port, 8443: self.tls_port, 443: self.tls_port})
        if unlimited:
            files["unlimited.conf"] += unlimited
        if origins:
            files["origins.conf"] = origins
        for name, text in files.items():
            (directory / "nginx" / name).write_text(text)
        self.process = Process(
            "nginx", [PROGRAM, "-p", str(directory), "-c", str(directory / "nginx.conf"),
                      "-g", "daemon off; pid nginx.pid;"], directory)
        wait_until(self.listens, what="nginx to listen")

    def listens(self):
        assert self.process.is_running(), self.process.tail()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.tls_port)) == 0

    def statuses(self):
        """Of all answered requests so far, oldest first."""
        return [int(s) for s in re.findall(r'(?m)^\S+ \[.*\] ".*" (\d{3}) ', self.process.log())]

    def stop(self):
        self.process.stop()
