# SPDX-License-Identifier: MIT
"""Fixtures of the integration tests. BROADCASTER_BUILD names the build directory under test."""
import resource
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.certificates import Certificates  # noqa: E402
from support.stack import Stack  # noqa: E402

# A thousand clients need descriptors here and in the gateway, which inherits the limit.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536) if most > 0 else 65536, most))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def session_stack(tmp_path_factory, certificates):
    with Stack(tmp_path_factory.mktemp("stack"), certificates) as stack:
        yield stack


@pytest.fixture
def stack(session_stack):
    """The stack that most tests share; each takes places of its own, and leaves it as it was."""
    yield session_stack
    session_stack.close_clients()
    for service in session_stack.services:
        assert service.process.is_running(), \
            f"{service.name} ended with {service.process.popen.returncode}:\n" \
            f"{service.process.tail()}"


@pytest.fixture
def make_stack(tmp_path, certificates):
    """For tests with settings of their own, or that break something: make_stack(settings=…)."""
    made = []

    def make(**options):
        stack = Stack(tmp_path / f"stack-{len(made)}", certificates, **options)
        made.append(stack)
        return stack.__enter__()

    yield make
    problems = []
    for stack in reversed(made):
        try:
            stack.stop()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n\n".join(problems)
