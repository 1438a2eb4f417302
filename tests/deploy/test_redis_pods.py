# SPDX-License-Identifier: MIT
"""Redis pods of the production overlay as network namespaces: whatever restarts, one master is left.
The scenarios run side by side, each in namespaces of its own; they mostly wait for Sentinels."""
import subprocess
import sys

import pytest
from redis_pods import SCENARIOS
from support.process import Process

NAMESPACES = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
LIMIT = 400


@pytest.fixture(scope="module")
def labs(tmp_path_factory):
    if subprocess.run([*NAMESPACES, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine refuses network and mount namespaces")
    script = sys.modules["redis_pods"].__file__
    labs = {}
    for scenario in SCENARIOS:
        directory = tmp_path_factory.mktemp(scenario.__name__)
        labs[scenario.__name__] = Process(
            "lab", [*NAMESPACES, "/usr/bin/python3", script, scenario.__name__, str(directory)],
            directory)
    yield labs
    for lab in labs.values():
        lab.kill()


@pytest.mark.timeout(LIMIT + 20)
@pytest.mark.parametrize("scenario", [s.__name__ for s in SCENARIOS])
def test_one_master_is_left(labs, scenario):
    lab = labs[scenario]
    status = lab.wait(LIMIT)
    assert status == 0, lab.tail()
