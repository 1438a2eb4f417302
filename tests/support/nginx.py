# SPDX-License-Identifier: MIT
"""nginx in front of the gateways: today's location of omegaUp, and the one that our page prints."""
import re
from pathlib import Path

from .http_client import get_plain
from .process import ROOT, Process, free_port, wait_until

PROGRAM = "/usr/sbin/nginx"

# What omegaUp has: Host without port, all cookies, no X-Forwarded-For, and `Connection: upgrade`
# for every request, also for one that asks for no upgrade.
TODAY = """
    location ^~ /events/ {
        rewrite ^/events/(.*) /$1 break;
        proxy_pass http://gateways;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header Host $host;
        proxy_redirect off;
        proxy_connect_timeout 90;
        proxy_read_timeout 90;
    }
"""

FRAME = """
daemon off;
master_process off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {directory};
    proxy_temp_path {directory};
    fastcgi_temp_path {directory};
    uwsgi_temp_path {directory};
    scgi_temp_path {directory};
    large_client_header_buffers 4 128k;
    upstream gateways {{
{servers}
    }}
    {maps}
    server {{
        listen 127.0.0.1:{tls_port} ssl;
        listen 127.0.0.1:{port};
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        {location}
    }}
}}
"""


def documented():
    """(maps, location) as docs/migration.md prints them, with our upstream in it."""
    page = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
    snippet = re.search(r"```nginx\n(.*?)```", page, re.S).group(1)
    snippet, n = re.subn(r"proxy_pass http://[^/;]+/;", "proxy_pass http://gateways/;", snippet)
    assert n == 1, "the page's snippet has another form now"
    maps = [line for line in snippet.splitlines() if line.startswith("map ")]
    return "\n".join(maps), "\n".join(line for line in snippet.splitlines() if line not in maps)


class Nginx:
    """wss on `tls_port`, ws on `port`; `location` is today's unless another is given."""

    def __init__(self, directory, certificates, gateway_ports, location=("", TODAY)):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port, self.tls_port = free_port(), free_port()
        maps, text = location
        self.config_path = self.directory / "nginx.conf"
        self.config_path.write_text(FRAME.format(
            directory=self.directory, port=self.port, tls_port=self.tls_port, maps=maps,
            location=text, certificate=certificates.path("server.pem"),
            key=certificates.path("server.key"),
            servers="\n".join(f"server 127.0.0.1:{p} max_fails=0;" for p in gateway_ports)))
        self.process = None

    def start(self):
        self.process = Process(
            "nginx", [PROGRAM, "-p", str(self.directory), "-c", str(self.config_path),
                      "-e", str(self.directory / "nginx-error.log")], self.directory)
        wait_until(self._answers, what="nginx")
        return self

    def _answers(self):
        assert self.process.is_running(), f"nginx ended:\n{self.process.tail()}"
        try:
            return get_plain(self.port, "/").status
        except OSError:
            return None

    def stop(self):
        if self.process:
            self.process.kill()
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
