# SPDX-License-Identifier: MIT
"""Brings the foreign peers to this machine, into a cache outside the tree, without installing
anything: nchan from the distribution's packages, the Node servers' libraries by npm."""
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from .processes import ROOT, Failure

PEERS = ROOT / "bench/peers"
NCHAN_PACKAGES = ["nginx", "libnginx-mod-nchan"]


def cache(name):
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "broadcaster" / name


refused = {}  # directory -> why it cannot be made: asked for again by each scenario and round


def make(directory, commands):
    """Runs the commands in a new directory, which appears under its name only when all went well."""
    if directory.exists():
        return directory
    if directory in refused:
        raise Failure(refused[directory])
    unfinished = directory.with_name(directory.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for argv in commands(unfinished):
        done = subprocess.run(argv, cwd=unfinished, stdin=subprocess.DEVNULL, check=False,
                              capture_output=True, text=True)
        if done.returncode != 0:
            refused[directory] = f"{' '.join(map(str, argv))}: {done.stderr[-1000:]}"
            raise Failure(refused[directory])
    unfinished.rename(directory)
    return directory


def nchan():
    """(the nginx program, its nchan module); the machine's own if it has them."""
    def unpack(where):
        yield ["apt-get", "download", *NCHAN_PACKAGES]
        for package in where.glob("*.deb"):
            yield ["dpkg-deb", "-x", package, where]

    module = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if module.exists() and program:
        return program, module
    if not shutil.which("apt-get"):
        raise Failure("nchan is not installed, and there is no apt-get to get it with")
    root = make(cache("bench-nchan"), unpack)
    return root / "usr/sbin/nginx", root / str(module).lstrip("/")


def node():
    """The directory with the Node servers and their libraries."""
    def install(where):
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PEERS / name, where)
        yield ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]

    if not shutil.which("npm"):
        raise Failure("no npm: the Node peers cannot be measured")
    key = hashlib.sha256((PEERS / "package-lock.json").read_bytes()).hexdigest()[:12]
    where = make(cache(f"bench-node-{key}"), install)
    for script in PEERS.glob("*.mjs"):
        shutil.copy(script, where)
    return where
