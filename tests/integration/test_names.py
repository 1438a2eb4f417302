# SPDX-License-Identifier: MIT
"""Names of hosts: the system's files are read again, and every address is tried.

The programs run in a mount namespace of their own, where these files are the test's.
"""
import subprocess

import pytest
from support import process, users
from support.dns_server import DnsServer
from support.process import Process, wait_until
from support.redis_server import SERVER, RedisServer
from support.stack import Service, Stack

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
             'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/resolv.conf && shift && '
             'exec "$@"']


@pytest.fixture
def files(tmp_path):
    hosts, resolv = tmp_path / "hosts", tmp_path / "resolv.conf"
    hosts.write_text("127.0.0.1 localhost\n")
    resolv.write_text("nameserver 127.0.0.1:9\noptions timeout:1 attempts:1\n")
    try:
        subprocess.run([*NAMESPACE, str(hosts), str(resolv), "true"], check=True,
                       capture_output=True)
    except subprocess.CalledProcessError as problem:
        pytest.skip(f"no mount namespace here: {problem.stderr.decode()}")
    return hosts, resolv


class Namespaced(Service):
    files = ()

    def start(self, ready=True):
        self.write_config()
        self.process = Process(self.name, [*NAMESPACE, *map(str, self.files),
                                           process.program(self.kind), "--config",
                                           str(self.config_path)], self.directory)
        wait_until(lambda: self.answers() is not None, 60, f"{self.name} to listen")
        return self


def start_publisher(tmp_path, certificates, files, host, redis_server):
    stack = Stack(tmp_path / "stack", certificates, redis_server=redis_server, gateways=0,
                  settings={"Redis": {"URL": f"redis://{host}:{redis_server.port}"}})
    stack.write_users(users.users_file())
    publisher = Namespaced(stack, "publisher", 0, stack.publisher.settings)
    publisher.files = files
    return publisher.start()


@pytest.fixture
def publisher_of(tmp_path, certificates, files):
    """A function: starts a publisher whose Redis is at this host, listening on these addresses."""
    started = []

    def start(host, *addresses):
        redis_server = RedisServer(tmp_path, options=["--bind", *(addresses or ["127.0.0.1"])])
        started.append(redis_server)
        if "127.0.0.1" in addresses or not addresses:
            redis_server.start()
        else:
            redis_server.process = Process(
                "redis", [SERVER, "--port", str(redis_server.port), "--bind", *addresses,
                          "--save", "", "--dir", str(tmp_path)], tmp_path)
        publisher = start_publisher(tmp_path, certificates, files, host, redis_server)
        started.append(publisher)
        return publisher

    yield start
    for one in reversed(started):
        one.kill()


def test_hosts_file_is_read_again_and_the_log_names_the_host(publisher_of, files):
    publisher = publisher_of("redis-host")
    wait_until(lambda: "cannot resolve redis-host" in publisher.process.log(), what="the failure")
    assert publisher.answers() == 503
    files[0].write_text("127.0.0.1 localhost redis-host\n")
    publisher.wait_ready()


def test_resolv_conf_is_read_again(publisher_of, files):
    publisher = publisher_of("redis.example")
    wait_until(lambda: "cannot resolve redis.example" in publisher.process.log(),
               what="the failure")
    server = DnsServer({"redis.example": ["127.0.0.1"]})
    files[1].write_text(f"nameserver {server.address}\n")
    publisher.wait_ready()
    server.close()


def test_the_last_of_many_addresses_is_found(publisher_of, files):
    addresses = [f"127.0.0.{n}" for n in range(11, 31)]
    server = DnsServer({"redis.example": [*addresses, "127.0.0.1"]})
    files[1].write_text(f"nameserver {server.address}\n")
    publisher = publisher_of("redis.example")
    publisher.wait_ready()
    assert "redis link lost" not in publisher.process.log()
    assert "cannot reach redis" not in publisher.process.log()
    server.close()


@pytest.mark.parametrize("host", ["localhost", "six"])
def test_a_redis_on_ipv6_loopback_only_is_found_by_name(publisher_of, files, host):
    files[0].write_text("127.0.0.1 localhost\n::1 six\n")
    publisher_of(host, "::1").wait_ready()
