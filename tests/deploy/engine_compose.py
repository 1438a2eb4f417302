# SPDX-License-Identifier: MIT
"""compose.yaml, as it is, on a real container engine in namespaces of its own.

    unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc \\
        /usr/bin/python3 tests/deploy/engine_compose.py CACHE BUILD DIRECTORY

Run by test_engine.py. Images come from what engine_prepare.sh has put into CACHE and the programs of
BUILD: their Dockerfile is the shipped one without the steps that need a network. Bridges, firewall
rules and published ports stay in the namespace. TRIAL_CGROUP names the control groups of
all containers, which the caller removes. Ends with status 0 when no client lost anything.
"""
import asyncio
import collections
import http.client
import json
import os
import re
import resource
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import websockets
import yaml

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 90
CLIENTS = 30
CHANNEL = "/contest/annual-2024"
started_at = time.monotonic()


def say(*words):
    print(f"[{time.monotonic() - started_at:6.1f}]", *words, flush=True)


def wait_for(condition, what):
    end = time.monotonic() + LIMIT
    while not (value := condition()):
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {LIMIT} s")
        time.sleep(0.2)
    return value


class Engine:
    def __init__(self, cache, directory):
        self.directory = directory
        unpacked = cache / "engine"
        libraries = unpacked / "usr/lib/x86_64-linux-gnu"
        path = [unpacked / "bin", unpacked / "usr/bin", unpacked / "usr/sbin", os.environ["PATH"]]
        self.socket = f"unix://{directory}/engine.sock"
        self.env = {**os.environ, "PATH": ":".join(map(str, path)), "DOCKER_HOST": self.socket,
                    "LD_LIBRARY_PATH": str(libraries), "XTABLES_LIBDIR": str(libraries / "xtables"),
                    "DOCKER_BUILDKIT": "0", "HOME": str(directory), "TMPDIR": "/tmp"}
        subprocess.run("ip link set lo up; echo 1 >/proc/sys/net/ipv4/ip_forward", shell=True,
                       check=True)
        log = open(directory / "engine.log", "ab")
        subprocess.Popen(
            ["dockerd", "--data-root", directory / "data", "--exec-root", directory / "exec",
             "--pidfile", directory / "engine.pid", "-H", self.socket, "--storage-driver", "overlay2",
             "--cgroup-parent", os.environ["TRIAL_CGROUP"]],
            env=self.env, stdout=log, stderr=log)
        wait_for(lambda: self.run("docker", "version", check=False).returncode == 0, "the engine")
        say("the engine runs")

    def run(self, *command, check=True, **options):
        done = subprocess.run([*map(str, command)], env=self.env, text=True, capture_output=True,
                              cwd=ROOT, **options)
        if check and done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
        return done

    def import_tree(self, tree, image):
        self.run("sh", "-c", f"tar -C {tree} -c . | docker import - {image}")


class Images:
    """What compose.yaml names."""

    def __init__(self, engine, cache, context):
        self.engine, self.context = engine, context
        engine.import_tree(cache / "debian", "debian-with-libraries")
        engine.import_tree(cache / "nginx", "debians-nginx")
        self.build("nginx:1.28-bookworm", "FROM debians-nginx\nSTOPSIGNAL SIGQUIT\n"
                   "ENV PATH=/usr/sbin:/usr/bin\n")
        self.build("redis:7.2-bookworm", "FROM debian-with-libraries\n"
                   "RUN mkdir /data && chown redis /data\nWORKDIR /data\n")
        for target in ("certificates", "publisher", "gateway"):
            self.build(f"broadcaster-{target}", self.dockerfile(target))

    @staticmethod
    def gather(build, context):
        """What the Dockerfile copies."""
        install = context.parent / "install"
        subprocess.run(["cmake", "--install", build, "--strip"], check=True, capture_output=True,
                       env={**os.environ, "DESTDIR": str(install)})
        [program] = install.rglob("broadcaster-gateway")
        shutil.copytree(program.parent, context / "bin")
        shutil.copy(ROOT / "tools/certificates", context / "bin/make-certificates")
        (context / "console").mkdir()
        (context / "console/index.html").write_text("<script></script>")

    @staticmethod
    def dockerfile(target):
        """The stage of the shipped Dockerfile on our base."""
        text = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", "")
        stages = re.split(r"(?m)^FROM ", text)
        [stage] = [s for s in stages if re.match(rf"\S+ AS {target}\n", s)]
        lines = [line for line in stage.splitlines()[1:] if not line.startswith(("RUN ", "#"))]
        lines = [re.sub(r"^COPY --from=build (.*) (\S+)$",
                        lambda m: f"COPY {m[1].replace('/out/usr/bin', 'bin')} {m[2]}", line)
                 for line in lines]
        lines = [line.replace("COPY --from=console /src/web/console/dist", "COPY console")
                 .replace("COPY tools/certificates", "COPY bin/make-certificates")
                 for line in lines]
        setup = ("RUN groupadd --gid 10001 broadcaster && useradd --uid 10001 --gid 10001 "
                 "--no-create-home broadcaster && mkdir -p /etc/omegaup/broadcaster && "
                 "install -d -o 10001 -g 10001 /certificates")
        return "\n".join(["FROM debian-with-libraries", setup, "COPY bin/broadcaster-health /usr/bin/",
                          *lines]) + "\n"

    def build(self, tag, text):
        (self.context / "Dockerfile").write_text(text)
        self.engine.run("docker", "build", "-t", tag, self.context)

    def build_next_version(self):
        """Other images under the same names, as `docker compose build` would make them."""
        for target in ("publisher", "gateway"):
            self.build(f"broadcaster-{target}", self.dockerfile(target) + "LABEL version=next\n")


class Compose:
    def __init__(self, engine, directory):
        self.engine = engine
        self.base = ["docker-compose", "-p", "trial", "-f", "compose.yaml"]
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
        limited = {name: s["ulimits"]["nofile"] for name, s in services.items() if "ulimits" in s}
        if any(l["hard"] > hard for l in limited.values()):  # this machine lets nobody have more
            override = directory / "ulimits.yaml"
            override.write_text(yaml.safe_dump({"services": {
                name: {"ulimits": {"nofile": {"soft": hard, "hard": hard}}} for name in limited}}))
            self.base += ["-f", str(override)]

    def __call__(self, *words):
        say("compose", *words)
        return self.engine.run(*self.base, *words).stdout

    def ids(self, service):
        return self.engine.run(*self.base, "ps", "-q", service).stdout.split()

    def inspect(self, identity, expression):
        return self.engine.run("docker", "inspect", "-f", expression, identity).stdout.strip()

    def healthy(self, service):
        return [i for i in self.ids(service)
                if self.inspect(i, "{{.State.Health.Status}}") == "healthy"]

    def run_documented_upgrade(self, images):
        """The block of docs/operations.md, word for word; only `build` is ours."""
        text = (ROOT / "docs/operations.md").read_text().split("### Upgrading with compose")[1]
        block = re.search(r"```sh\n(.*?)```", text, re.S)[1]
        images.build_next_version()
        words = " ".join(self.base)
        self.engine.run("bash", "-euc", f"""
            docker() {{
                if [[ $1 != compose ]]; then command docker "$@"
                elif [[ $2 != build ]]; then {words} "${{@:2}}"; fi
            }}
            {block}""")


class Backend(threading.Thread):
    """Posts until told to stop; repeats what was not answered 200 with its key."""

    def __init__(self, tls):
        super().__init__(daemon=True)
        self.tls, self.number, self.is_stopped, self.refused = tls, 0, False, collections.Counter()

    def run(self):
        connection = None
        while not self.is_stopped:
            body = json.dumps({"type": "contest_update", "data": {
                "contest_alias": "annual-2024", "event": f"e{self.number + 1}"}})
            try:
                connection = connection or http.client.HTTPSConnection("localhost", 32672,
                                                                       context=self.tls, timeout=6)
                connection.request("POST", "/broadcast/", body,
                                   {"Idempotency-Key": f"trial-{self.number + 1}"})
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException) as e:
                connection, status = None, type(e).__name__
            if status == 200:
                self.number += 1
            else:
                self.refused[status] += 1
            time.sleep(0.1)


class Browser:
    """Comes back with its position until the end; half through TLS."""

    def __init__(self, number, tls):
        self.uri = "wss://localhost:8443/events/" if number % 2 else "ws://localhost:39613/events/"
        self.tls = tls if number % 2 else None
        self.got, self.twice, self.resets, self.position = set(), 0, 0, None

    async def live(self):
        while True:
            try:
                async with websockets.connect(
                        self.uri, ssl=self.tls, open_timeout=5, close_timeout=1,
                        extra_headers={"Authorization": "token token-ana"}) as ws:
                    place = {"position": self.position} if self.position else {}
                    await ws.send(json.dumps({"type": "subscribe", "channel": CHANNEL, **place}))
                    async for text in ws:
                        self.take(json.loads(text))
            except (OSError, asyncio.TimeoutError, websockets.exceptions.WebSocketException):
                pass
            await asyncio.sleep(0.5)

    def take(self, message):
        self.position = message.get("position", self.position)
        self.resets += message["type"] == "reset"
        event = (message.get("data") or {}).get("event", "")
        if message["type"] == "contest_update" and event:
            number = int(event[1:])
            self.twice += number in self.got
            self.got.add(number)

    def lost(self, last):
        return [n for n in range(min(self.got), last + 1) if n not in self.got]


def trial(compose, images, certificates):
    tls = ssl.create_default_context(cafile=certificates / "ca.pem")
    backend_tls = ssl.create_default_context(cafile=certificates / "ca.pem")
    backend_tls.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    backend = Backend(backend_tls)
    browsers = [Browser(n, tls) for n in range(CLIENTS)]
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    for browser in browsers:
        asyncio.run_coroutine_threadsafe(browser.live(), loop)
    backend.start()
    wait_for(lambda: all(b.got for b in browsers), "every browser to get an event")

    def all_have_the_next(what):
        # As slow as the slowest of compose's timers: none of them measures anything.
        mark = backend.number + 1
        wait_for(lambda: all(max(b.got) > mark for b in browsers), f"events after: {what}")
        say(what, f"event {backend.number}, refused {dict(backend.refused)}")

    all_have_the_next("three gateways")
    victim = compose.ids("gateway")[0]
    os.kill(int(compose.inspect(victim, "{{.State.Pid}}")), signal.SIGKILL)
    wait_for(lambda: compose.inspect(victim, "{{.RestartCount}}") == "1", "the engine to restart it")
    all_have_the_next("a gateway has crashed")
    compose("up", "-d", "--no-build", "--no-recreate", "--scale", "gateway=5")
    wait_for(lambda: len(compose.healthy("gateway")) == 5, "five gateways")
    all_have_the_next("five gateways")
    compose("up", "-d", "--no-build", "--no-recreate", "--scale", "gateway=2")
    all_have_the_next("two gateways")
    before = set(compose.ids("gateway"))
    compose.run_documented_upgrade(images)
    after = compose.ids("gateway")
    assert len(after) == 2 and not before & set(after), (before, after)
    for identity in (*after, *compose.ids("publisher")):
        assert compose.inspect(identity, '{{index .Config.Labels "version"}}') == "next"
    all_have_the_next("the documented upgrade")

    backend.is_stopped = True
    backend.join()
    wait_for(lambda: all(max(b.got) == backend.number for b in browsers), "the last event")
    lost = [b.lost(backend.number) for b in browsers]
    assert not any(lost), lost
    assert [b.twice for b in browsers] == [0] * CLIENTS
    assert [b.resets for b in browsers] == [0] * CLIENTS
    say(f"{backend.number} events, {CLIENTS} browsers: lost 0, twice 0, resets 0")


def private_places(**paths):
    """The same folders at short paths that no private /tmp hides, and a /tmp of our own."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    for name, path in paths.items():
        os.mkdir(f"/mnt/{name}")
        subprocess.run(["mount", "--bind", path, f"/mnt/{name}"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/tmp"], check=True)
    os.chdir("/mnt")
    return [Path("/mnt") / name for name in paths]


def main():
    global ROOT
    cache, build, directory = map(Path, sys.argv[1:])
    Images.gather(build, directory / "context")
    cache, directory, ROOT = private_places(cache=cache, trial=directory, project=ROOT)
    engine = Engine(cache, directory)
    images = Images(engine, cache, directory / "context")
    say("images are there")
    compose = Compose(engine, directory)
    try:
        run(engine, images, compose, directory)
    except BaseException:
        print(engine.run(*compose.base, "logs", "--no-color", "--tail", "20", check=False).stdout)
        for identity in engine.run("docker", "ps", "-aq").stdout.split():
            print(compose.inspect(identity, "{{.Name}} {{json .State}}"))
        raise


def run(engine, images, compose, directory):
    compose("up", "-d", "--no-build", "--scale", "gateway=3")
    wait_for(lambda: len(compose.healthy("gateway")) == 3, "three healthy gateways")
    [publisher] = compose.ids("publisher")
    engine.run("docker", "cp", f"{publisher}:/certificates", directory / "certificates")
    trial(compose, images, directory / "certificates")
    compose("stop")
    for service in ("gateway", "publisher", "nginx", "redis"):
        for identity in compose.ids(service):
            assert compose.inspect(identity, "{{.State.ExitCode}}") == "0", service
    say("good")


if __name__ == "__main__":
    main()
