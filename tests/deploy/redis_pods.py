# SPDX-License-Identifier: MIT
"""The three Redis pods of deploy/k8s/overlays/production, as network namespaces with a DNS server.

    unshare --net --mount --pid --fork --kill-child --mount-proc \\
        /usr/bin/python3 tests/deploy/redis_pods.py SCENARIO DIRECTORY

Run by test_redis_pods.py. Prints what it sees, and ends with status 0 when the scenario ended well.
Containers start as the kubelet starts them, with the scripts that ship; nothing leaves the namespace.
"""
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import redis

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "deploy/k8s/overlays/production"
LIMIT = 150  # seconds: a Sentinel looks at its servers every ten
PODS = (0, 1, 2)
started_at = time.monotonic()


def say(*words):
    print(f"[{time.monotonic() - started_at:6.1f}]", *words, flush=True)


def run(command, **options):
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True, **options)


class Names:
    """Answers for redis-N.redis.broadcaster.svc.cluster.local, unless it is silent."""

    def __init__(self, address):
        self.is_silent = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            question, peer = self.socket.recvfrom(1500)
            if not self.is_silent:
                self.socket.sendto(self.answer(question), peer)

    @staticmethod
    def answer(question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode().lower())
            at += 1 + question[at]
        end, kind = at + 5, question[at + 2]
        known = {f"redis-{n}.redis.broadcaster.svc.cluster.local": n for n in PODS}
        number = known.get(".".join(labels))
        records = b""
        if number is not None and kind == 1:
            records = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 5, 4) + socket.inet_aton(address(number))
        status = b"\x85\x80" if number is not None else b"\x85\x83"
        return (question[:2] + status + struct.pack(">HHHH", 1, 1 if records else 0, 0, 0)
                + question[12:end] + records)


def address(number):
    return f"10.77.0.{10 + number}"


class Pod:
    """One network namespace, two containers, one volume."""

    def __init__(self, number, directory):
        self.number, self.directory, self.containers = number, directory, {}
        (directory / f"volume-{number}/sentinel").mkdir(parents=True)
        run(f"ip netns add p{number}; ip link add v{number} type veth peer name eth0 netns p{number};"
            f"ip link set v{number} master br0 up; ip -n p{number} link set lo up;"
            f"ip -n p{number} addr add {address(number)}/24 dev eth0;"
            f"ip -n p{number} link set eth0 up")

    def execute(self, *command, **options):
        volume = self.directory / f"volume-{self.number}"
        env = {"PATH": os.environ["PATH"], "HOSTNAME": f"redis-{self.number}", "DATA": str(volume),
               "STATE": str(volume / "sentinel"), "USERS": str(self.directory / "users"),
               "CONFIG": str(SCRIPTS / "redis.conf")}
        return subprocess.Popen(["ip", "netns", "exec", f"p{self.number}", *command], env=env,
                                **options)

    def start(self, *containers):
        for name in containers or ("redis", "sentinel"):
            log = open(self.directory / f"redis-{self.number}.{name}.log", "ab")
            self.containers[name] = self.execute("/bin/sh", SCRIPTS / f"start-{name}",
                                                 stdout=log, stderr=log)

    def kill(self, *containers):
        for name in containers or ("redis", "sentinel"):
            self.containers[name].kill()
            self.containers[name].wait()

    def end(self):
        """As the kubelet ends a pod: preStop of both, SIGTERM, the grace period, SIGKILL."""
        hooks = [self.execute("/bin/sh", SCRIPTS / "hand-over", *words, stdout=subprocess.DEVNULL)
                 for words in ((), ("wait",))]
        for hook in hooks:
            hook.wait()
        for process in self.containers.values():
            process.terminate()
        for process in self.containers.values():
            process.wait(30)

    def is_ready(self):
        return self.execute("/bin/sh", SCRIPTS / "redis-ready", stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL).wait() == 0

    def cut(self, is_cut):
        run(f"ip link set v{self.number} {'down' if is_cut else 'up'}")

    # Looked at from inside, so that a pod that is cut off can be asked too.
    def ask(self, port, *words, user=()):
        process = self.execute("timeout", "2", "redis-cli", "-p", str(port), *user, *words, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return process.communicate()[0]

    def redis(self, *words):
        password = (self.directory / "users/admin.password").read_text()
        return self.ask(6379, *words, user=("--user", "admin", "--pass", password,
                                            "--no-auth-warning"))

    def sentinel(self, *words):
        return self.ask(26379, "sentinel", *words)

    def role(self):
        info = dict(line.split(":", 1) for line in self.redis("info", "replication").splitlines()
                    if ":" in line)
        if info.get("role") == "slave":
            return f"replica of {info['master_host'].split('.')[0]}, {info['master_link_status']}"
        return info.get("role", "no answer")

    def knows(self):
        """The master in the eyes of this pod's Sentinel, and whether it sees all others well."""
        lines = self.sentinel("master", "broadcaster").splitlines()
        value = dict(zip(lines[::2], lines[1::2]))
        return (value.get("ip", "").split(".")[0], value.get("flags") == "master"
                and value.get("num-slaves") == "2" and value.get("num-other-sentinels") == "2")


class Cluster:
    def __init__(self, directory):
        run("mount --make-rprivate /; mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns;"
            "ip link set lo up; ip link add br0 type bridge; ip link set br0 up;"
            "ip addr add 10.77.0.1/24 dev br0")
        files = {"hosts": "127.0.0.1 localhost\n", "nsswitch.conf": "hosts: files dns\n",
                 "resolv.conf": "search broadcaster.svc.cluster.local svc.cluster.local\n"
                                "nameserver 10.77.0.1\noptions ndots:5\n"}
        for name, text in files.items():
            (directory / name).write_text(text)
            run(f"mount --bind {directory / name} /etc/{name}")
        run(f"{ROOT}/deploy/redis/make-users {directory}/users")
        self.names = Names("10.77.0.1")
        self.pods = [Pod(n, directory) for n in PODS]
        for pod in self.pods:
            pod.start()
        self.settle("a new system")

    def view(self):
        return [(pod.role(), *pod.knows()) for pod in self.pods]

    def settled(self):
        """The master's number, when all agree and both others follow it."""
        view = self.view()
        masters = [n for n in PODS if view[n][0] == "master"]
        if len(masters) != 1 or not all(pod.is_ready() for pod in self.pods):
            return None
        name = f"redis-{masters[0]}"
        agreed = all(known == name and sees_all for _, known, sees_all in view)
        follow = sum(role == f"replica of {name}, up" for role, _, _ in view) == 2
        return masters[0] if agreed and follow else None

    def wait(self, condition, what):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            value = condition()
            if value is not None and value is not False:
                say(f"{what}: {value}")
                return value
            time.sleep(0.5)
        raise SystemExit(f"{what}: not within {LIMIT} s: {self.view()}")

    def settle(self, what):
        return self.wait(self.settled, f"{what}: master")

    def master_that_is_not_the_first(self):
        master = self.settle("before")
        while master == 0:
            self.pods[1].sentinel("failover", "broadcaster")
            master = self.settle("failover by hand")
        return master


# --- scenarios ----------------------------------------------------------------------------------

def names_silent(cluster):
    """The master crashes and is started again while names are not answered."""
    master = cluster.master_that_is_not_the_first()
    pod = cluster.pods[master]
    cluster.names.is_silent = True
    pod.kill("redis")
    pod.start("redis")
    cluster.wait(lambda: pod.role() == "master", "it is the master again, without names")
    cluster.names.is_silent = False
    cluster.settle("names answer again")


def replica_restarts_while_names_are_silent(cluster):
    master = cluster.master_that_is_not_the_first()
    cluster.names.is_silent = True
    cluster.pods[0].kill()
    cluster.pods[0].start()
    cluster.wait(lambda: cluster.pods[0].role().startswith(f"replica of redis-{master}"),
                 "redis-0 waits for its master")
    cluster.names.is_silent = False
    cluster.settle("names answer again")


def restart_of_each(cluster):
    """As `kubectl rollout restart` does it: the master hands over first, nothing is lost."""
    cluster.master_that_is_not_the_first()
    cluster.pods[cluster.settled()].redis("set", "kept", "yes")
    for pod in reversed(cluster.pods):
        pod.end()
        others = [p for p in cluster.pods if p is not pod]
        assert [p.role() for p in others].count("master") == 1, cluster.view()
        pod.start()
        cluster.settle(f"redis-{pod.number} restarted")
    assert cluster.pods[cluster.settled()].redis("get", "kept").strip() == "yes"


def all_at_once(cluster):
    """All six containers crash; the node of the first pod boots last."""
    master = cluster.master_that_is_not_the_first()
    cluster.pods[master].redis("set", "kept", "yes")
    cluster.wait(lambda: all("yes" in p.redis("get", "kept") for p in cluster.pods), "copied")
    time.sleep(1.2)  # appendfsync everysec
    for pod in cluster.pods:
        pod.kill()
    for number in (2, 1, 0):
        cluster.pods[number].start()
    assert cluster.pods[cluster.settle("all started")].redis("get", "kept").strip() == "yes"


def partition(cluster):
    """The master is cut off, goes on for as long as the cut lasts, and follows the other one then."""
    master = cluster.settle("before")
    pod = cluster.pods[master]
    pod.cut(True)
    others = [p for p in cluster.pods if p is not pod]
    cluster.wait(lambda: any(p.role() == "master" for p in others), "another master")
    assert pod.role() == "master"
    pod.cut(False)
    assert cluster.settle("the cut is over") != master


def follower_is_not_followed(cluster):
    """The Sentinels' word against the servers': the one they name follows us."""
    master = cluster.master_that_is_not_the_first()
    pod = cluster.pods[master]
    for other in cluster.pods:  # from now on nobody mends what follows
        other.kill("sentinel")
    state = pod.directory / f"volume-{master}/sentinel/sentinel.conf"
    state.write_text(state.read_text().replace(f"monitor broadcaster redis-{master}.redis",
                                               "monitor broadcaster redis-0.redis"))
    pod.kill("redis")
    pod.start("redis")
    cluster.wait(lambda: pod.role() == "master", "it does not follow its own replica")


SCENARIOS = (names_silent, replica_restarts_while_names_are_silent, restart_of_each, all_at_once,
             partition, follower_is_not_followed)

if __name__ == "__main__":
    [scenario] = [s for s in SCENARIOS if s.__name__ == sys.argv[1]]
    scenario(Cluster(Path(sys.argv[2])))
    say("good")
