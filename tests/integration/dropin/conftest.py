# SPDX-License-Identifier: MIT
"""Everything of omegaUp around one gateway, and around three."""
import pytest
from support.omegaup import Omegaup


@pytest.fixture(scope="session", params=[1, 3], ids=["one-gateway", "three-gateways"])
def session_omegaup(request, tmp_path_factory, certificates):
    with Omegaup(tmp_path_factory.mktemp("omegaup"), certificates, request.param) as omegaup:
        yield omegaup


@pytest.fixture
def omegaup(session_omegaup):
    yield session_omegaup
    session_omegaup.tidy()
    for service in session_omegaup.stack.services:
        if not (service.process and service.process.is_running()):
            service.start()


@pytest.fixture
def make_omegaup(tmp_path, certificates):
    """For tests with settings of their own."""
    made = []

    def make(**options):
        made.append(Omegaup(tmp_path / f"omegaup-{len(made)}", certificates, **options))
        return made[-1].__enter__()

    yield make
    for omegaup in made:
        omegaup.__exit__()
