# SPDX-License-Identifier: MIT
"""Tests of deploy/ and of what it says about the programs. They need `tools/deps --all`."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.certificates import Certificates  # noqa: E402
from support.process import ROOT, program  # noqa: E402
from support.stack import Stack  # noqa: E402

DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def make_stack(tmp_path, certificates):
    made = []

    def make(**options):
        stack = Stack(tmp_path / f"stack-{len(made)}", certificates, **options)
        made.append(stack)
        return stack.__enter__()

    yield make
    for stack in reversed(made):
        stack.stop()


@pytest.fixture
def check_config():
    """Asserts that a program takes a configuration file without a word; returns what is in effect."""

    def check(kind, path):
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith(("REDIS_", "BROADCASTER_"))}

        def run(option):
            done = subprocess.run([program(kind), "--config", str(path), "--strict", option], text=True,
                                  capture_output=True, timeout=20, env=environment)
            assert done.returncode == 0, f"{path}: {done.stderr}"
            return done.stdout

        # Not --check-config: the files that it reads are not on this machine.
        return json.loads(run("--dump-config"))

    return check
