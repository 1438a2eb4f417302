# SPDX-License-Identifier: MIT
"""compose.yaml and deploy/compose.monitoring.yaml: accepted, and what they name exists."""
import re
import subprocess

import pytest
import yaml
from support.process import ROOT

from conftest import DEPLOY

BOTH = ("-f", "compose.yaml", "-f", "deploy/compose.monitoring.yaml")


def config(*files):
    done = subprocess.run(["docker-compose", *files, "config"], cwd=ROOT, text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.fixture(scope="module")
def services():
    return config(*BOTH)["services"]


def test_compose_alone_is_accepted():
    assert set(config("-f", "compose.yaml")["services"]) == {
        "redis", "certificates", "publisher", "gateway", "nginx"}


def test_monitoring_adds_prometheus_and_grafana(services):
    assert {"prometheus", "grafana", "gateway"} <= set(services)


def test_every_mounted_file_exists(services):
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            if source.startswith(("/", ".")):
                assert (ROOT / source).exists(), f"{name}: {source}"


def test_build_targets_are_stages_of_the_dockerfile(services):
    stages = set(re.findall(r"(?m)^FROM .* AS (\S+)$", (DEPLOY / "Dockerfile").read_text()))
    assert {"publisher", "gateway", "broadcaster"} <= stages
    for service in services.values():
        if "build" in service:
            assert service["build"]["target"] in stages


def test_ports_are_those_of_the_reference_pages(services):
    def published(name):
        ports = services[name]["ports"]
        return {int(p["target"]) if isinstance(p, dict) else int(p.rsplit(":", 1)[1].split("/")[0])
                for p in ports}

    assert published("publisher") == {32672}
    assert 39613 in published("nginx")
    assert "ports" not in services["gateway"], "it could not be scaled"
    assert services["gateway"]["environment"] == {"REDIS_URL": "redis://redis:6379"}


def test_our_processes_may_do_nothing_they_need_not(services):
    for name in ("publisher", "gateway", "nginx", "redis"):
        service = services[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_settings_are_understood(check_config):
    for kind in ("publisher", "gateway"):
        effective = check_config(kind, DEPLOY / "compose/config.json")
        assert effective["Metrics"]["Port"] == 6060
        assert effective["Metrics"]["PublisherPort"] == 6061


def test_stop_takes_longer_than_the_drain(services, check_config):
    drain = check_config("gateway", DEPLOY / "compose/config.json")["Broadcaster"]["DrainSeconds"]
    grace = services["gateway"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > float(drain) + 3


def test_nginx_ends_when_asked(services):
    """Its image asks for SIGQUIT, which waits for every WebSocket to end."""
    assert services["nginx"]["stop_signal"] == "SIGTERM"


def test_documented_upgrade_keeps_the_number_of_gateways():
    """`up` without --scale goes back to one gateway, and recreates all of them at once."""
    text = (ROOT / "docs/operations.md").read_text()
    section = text.split("### Upgrading with compose")[1].split("\n## ")[0]
    block = re.search(r"```sh\n(.*?)```", section, re.S).group(1)
    calls = [line for line in block.splitlines() if " up " in line and " gateway" in line]
    assert len(calls) == 2
    assert all("--scale gateway=" in c and "--no-recreate" in c and "--no-deps" in c for c in calls)


def test_health_checks_of_the_images_ask_the_default_ports():
    text = (DEPLOY / "Dockerfile").read_text()
    assert set(re.findall(r'"(https?://[^"]*)"', text)) == {
        "https://127.0.0.1:32672/health", "http://127.0.0.1:39613/health"}


def test_dockerfile_copies_what_its_first_step_reads():
    """tools/deps runs in a layer of its own, before the rest of the tree is there."""
    sourced = re.findall(r'(?m)^source "\$here/(\S+)"$', (ROOT / "tools/deps").read_text())
    assert sourced
    [copied] = re.findall(r"(?m)^COPY (tools/deps .*) tools/$", (DEPLOY / "Dockerfile").read_text())
    assert {"tools/deps", *(f"tools/{name}" for name in sourced)} <= set(copied.split())
