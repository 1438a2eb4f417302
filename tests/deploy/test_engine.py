# SPDX-License-Identifier: MIT
"""compose.yaml on a real container engine, and the steps of docs/operations.md on a fresh Debian: in
namespaces of their own, so that nothing of this machine is touched."""
import os
import subprocess
from pathlib import Path

import pytest
from support.process import BUILD, Process, wait_until

HERE = Path(__file__).resolve().parent
NAMESPACES = ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork",
              "--kill-child", "--mount-proc"]
OVERLAY = """set -e; cd "$1"; mkdir lower upper work merged
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged"""
LIMIT = 400


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("BROADCASTER_CACHE") or Path(base) / "broadcaster") / "engine"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The cache; skips, and says why, where this machine cannot do it."""
    if os.geteuid() != 0:
        pytest.skip("a container engine needs root")
    tried = subprocess.run([*NAMESPACES, "sh", "-c", OVERLAY, "sh", tmp_path_factory.mktemp("try")],
                           capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"this machine refuses namespaces or overlays: {tried.stderr.strip()}")
    done = subprocess.run([HERE / "engine_prepare.sh", cache()], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"packages of the engine cannot be had: {done.stderr.strip()[-300:]}")
    return cache()


def remove_groups(name):
    """False while a process in one of them is still ending."""
    try:
        for top in Path("/sys/fs/cgroup").glob(f"**/{name}"):
            for folder, _, _ in os.walk(top, topdown=False):
                os.rmdir(folder)
        return True
    except OSError:
        return False


@pytest.fixture
def cgroup():
    """The one thing that no namespace keeps apart."""
    name = f"broadcaster-trial-{os.getpid()}"
    yield name
    wait_until(lambda: remove_groups(name), what="what ran in the control groups to be gone")


@pytest.mark.timeout(900)
def test_compose_loses_nothing(prepared, cgroup, tmp_path):
    lab = Process("lab", [*NAMESPACES, "/usr/bin/python3", str(HERE / "engine_compose.py"),
                          str(prepared), str(BUILD), str(tmp_path)], tmp_path,
                  {"TRIAL_CGROUP": f"/{cgroup}"})
    try:
        assert lab.wait(LIMIT) == 0, lab.tail()
    finally:
        lab.kill()


@pytest.mark.timeout(300)
def test_steps_of_the_documentation_work_word_for_word(prepared, tmp_path):
    lab = Process("lab", [*NAMESPACES, "/usr/bin/python3", str(HERE / "install_steps.py"),
                          str(prepared), str(BUILD), str(tmp_path)], tmp_path)
    try:
        assert lab.wait(200) == 0, lab.tail()
    finally:
        lab.kill()
