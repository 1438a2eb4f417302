# SPDX-License-Identifier: MIT
"""An arena for each attack: a broadcaster with a judge that takes its time, and fifty victims.

ATTACK_SECONDS (default 4) is how long each attack lasts; the control before it lasts as long.
"""
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.certificates import Certificates  # noqa: E402
from support.frontend import Frontend  # noqa: E402
from support.process import BUILD  # noqa: E402
from support.stack import Stack  # noqa: E402
from support.unchanged import cpu_seconds, unchanged  # noqa: E402
from victims import Victims, worst  # noqa: E402

SECONDS = float(os.environ.get("ATTACK_SECONDS", "4"))
JUDGE_SECONDS = 0.02
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536) if most > 0 else 65536, most))
# The sanitizers keep what is freed.
is_sanitized = "asan" in BUILD.name


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


class Arena:
    def __init__(self, stack, frontend, victims):
        self.stack, self.frontend, self.victims = stack, frontend, victims
        self.gateway = stack.gateway

    def start(self, name, count, port=None, seconds=SECONDS, **environment):
        """The attack's process."""
        program = Path(__file__).with_name("programs.py")
        return subprocess.Popen(
            [sys.executable, str(program), name, str(port or self.gateway.port), str(seconds),
             str(count)], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})

    def attack(self, name, count, during=None, **options):
        """Runs it beside the victims, who must not notice; returns what it and we spent."""
        pids = {service.name: service.process.pid for service in self.stack.services}
        pids["redis"] = self.stack.redis.process.pid
        control = self.victims.watch(SECONDS)
        assert not control["refused"] and control["missed"] == 0, "the control itself failed"
        slack = None if is_sanitized else 24 << 20
        with unchanged(self.gateway, self.stack.redis, slack):
            before = {name_: cpu_seconds(pid) for name_, pid in pids.items()}
            attacker = self.start(name, count, **options)
            try:
                result = self.victims.watch(SECONDS)
                if during:
                    during()
            finally:
                output, _ = attacker.communicate(timeout=SECONDS + 60)
            spent = json.loads(output)
            spent["ours_cpu_s"] = {name_: round(cpu_seconds(pid) - before[name_], 2)
                                   for name_, pid in pids.items()}
        print(f"{name}: attacker {spent}, victims waited {worst(result['waits'])} ms "
              f"(control {worst(control['waits'])}), posts {worst(result['posts'])} ms "
              f"(control {worst(control['posts'])})")
        assert spent["connects"] > 0
        assert result["missed"] == 0, f"victims missed {result['missed']} events"
        assert not result["refused"], f"{len(result['refused'])} refused: {result['refused'][:3]}"
        return spent


@pytest.fixture
def arena(tmp_path, certificates):
    frontend = Frontend()
    frontend.delay = JUDGE_SECONDS
    frontend.add_contest("arena", public=True)
    stack = Stack(tmp_path / "stack", certificates, frontend=frontend,
                  settings={"Logging": {"Level": "info"}})
    try:
        with stack:
            victims = Victims(stack, frontend)
            try:
                yield Arena(stack, frontend, victims)
            finally:
                victims.close()
    finally:
        frontend.down()
