# SPDX-License-Identifier: MIT
"""The steps of docs/operations.md, word for word, on a fresh Debian without systemd.

    unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc \\
        /usr/bin/python3 tests/deploy/install_steps.py CACHE BUILD DIRECTORY

Run by test_install_steps.py. The machine is a chroot on an overlay of the tree that engine_prepare.sh
made. Only what a chroot has not is a stand-in: apt-get (the package is there), systemctl (starts what
the units and their drop-ins say, as their user), systemd-sysusers, the editor. curl and
broadcaster-watch run beside the chroot, in its network. Ends with status 0 when the event arrived.
"""
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 40

STAND_INS = {
    "apt-get": "exit 0",
    "systemd-sysusers": """
        name=$(awk '$1 == "u" { print $2 }' /usr/lib/sysusers.d/broadcaster.conf)
        groupadd --system "$name"
        useradd --system --gid "$name" --home-dir / --shell /usr/sbin/nologin "$name\"""",
    # What the text above the step says: no judge yet, users of a file.
    "editor": """
        echo '{"tokens":{},"public":{"contests":["first-steps"]}}' >/etc/omegaup/broadcaster/users.json
        chown root:broadcaster /etc/omegaup/broadcaster/users.json
        chmod 640 /etc/omegaup/broadcaster/users.json
        sed -i 's|"FrontendURL": .*|"AllowedOrigins": ["https://judge.example"],|; /your-judge.invalid/d' "$1"
        sed -i '1a "Auth": { "File": "/etc/omegaup/broadcaster/users.json" },' "$1\"""",
    "systemctl": r"""
        as() { setpriv --reuid "$1" --regid "$1" --init-groups "${@:2}"; }
        start() {
            local unit=$1 instance= file
            file=/usr/lib/systemd/system/$unit.service
            if [[ $unit == *@* ]]; then
                instance=${unit#*@} unit=${unit%@*}@
                file=/usr/lib/systemd/system/$unit.service
            fi
            value() { sed -n "s/^$1=//p" "$file" | sed "s/%i/$instance/g"; }
            local env
            env=$(sed -n 's/^EnvironmentFile=//p' "/etc/systemd/system/$unit.service.d"/*.conf)
            set -a; . "$env"; set +a
            as "$(value User)" $(value ExecStartPre)
            as "$(value User)" $(value ExecStart) >"/var/log/$1.log" 2>&1 </dev/null &
        }
        case $1 in
        daemon-reload) ;;
        restart) as redis redis-server /etc/redis/redis.conf --daemonize yes ;;
        enable) for unit in "${@:3}"; do [[ $unit == *.target ]] || start "$unit"; done ;;
        *) exit 1 ;;
        esac""",
}


def say(*words):
    print(*words, flush=True)


def blocks():
    """The shell blocks of the steps, in order; steps 6 and 7 have none."""
    text = (ROOT / "docs/operations.md").read_text()
    section = text.split("## On a machine with systemd, step by step")[1].split("\n## ")[0]
    return [re.sub(r"(?m)^   ", "", b) for b in re.findall(r"(?ms)^   ```sh\n(.*?)^   ```", section)]


class Machine:
    def __init__(self, cache, build, directory):
        self.root = directory / "root"
        for name in ("upper", "work", "root"):
            (directory / name).mkdir()
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={cache / 'debian'},upperdir={directory / 'upper'},"
                        f"workdir={directory / 'work'}", self.root], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", self.root / "proc"], check=True)
        subprocess.run(["mount", "--bind", "/dev", self.root / "dev"], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.install(build)
        for name, text in STAND_INS.items():
            path = self.root / "usr/local/bin" / name
            path.write_text(f"#!/bin/bash\nset -eu\n{text}\n")
            path.chmod(0o755)
        self.clone = self.root / "srv/clone"
        self.clone.mkdir()

    def install(self, build):
        """Step 1 with the programs under test instead of a build of half an hour."""
        subprocess.run(["cmake", "--install", build, "--strip", "--prefix", "/usr"], check=True,
                       capture_output=True, env={**os.environ, "DESTDIR": str(self.root)})
        for path in (self.root / "usr/lib/systemd/system").glob("broadcaster*"):
            path.write_text(re.sub(r"=\S*/bin/broadcaster", "=/usr/bin/broadcaster", path.read_text()))

    def run(self, script):
        done = subprocess.run(["chroot", self.root, "/bin/bash", "-euc", f"cd /srv/clone\n{script}"],
                              env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                   "HOME": "/"}, text=True, capture_output=True)
        say(done.stdout[-500:])
        if done.returncode != 0:
            raise SystemExit(f"{script}\nended with {done.returncode}: {done.stderr}")

    def logs(self):
        return "\n".join(f"{p.name}: {p.read_text()[-600:]}"
                         for p in (self.root / "var/log").glob("broadcaster*.log"))


def beside(script, clone):
    """Lines that need curl or Python, in the machine's network."""
    done = subprocess.run(["bash", "-euc", script], cwd=clone, text=True, capture_output=True)
    return done.stdout


def wait_for(condition, what, machine):
    end = time.monotonic() + LIMIT
    while not (value := condition()):
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {LIMIT} s\n{machine.logs()}")
        time.sleep(0.2)
    return value


def main():
    cache, build, directory = map(Path, sys.argv[1:])
    machine = Machine(cache, build, directory)
    install, redis, certificates, configuration, start, watch, post = blocks()
    assert install.strip().splitlines()[-1] == "systemd-sysusers"
    machine.run("systemd-sysusers")
    machine.run(redis)
    machine.run(certificates)
    machine.run(configuration)
    machine.run("".join(line + "\n" for line in start.splitlines() if not line.startswith("curl")))
    [probes] = [line for line in start.splitlines() if line.startswith("curl")]
    wait_for(lambda: beside(probes, machine.clone).count('{"status":"ok"}') == 4, "four ready",
             machine)
    say("ready")

    log = open(directory / "watch.log", "w+")
    words = watch.split("#")[0].replace("broadcaster-watch", str(ROOT / "tools/watch")).split()
    watcher = subprocess.Popen(words, stdout=log, stderr=log)

    def seen():
        return (directory / "watch.log").read_text()

    wait_for(lambda: "subscribed" in seen(), "the watcher to be subscribed", machine)
    (directory / "hosts").write_text("127.0.0.1 localhost broadcaster.example\n")
    subprocess.run(["mount", "--bind", directory / "hosts", "/etc/hosts"], check=True)
    assert '"topics":2' in beside(post, machine.clone), machine.logs()
    wait_for(lambda: "contest_update" in seen(), "the event", machine)
    watcher.kill()
    say("good")


if __name__ == "__main__":
    main()
