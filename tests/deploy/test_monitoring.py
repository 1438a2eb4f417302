# SPDX-License-Identifier: MIT
"""Rules, dashboard and docs/operations.md know the metrics there are, and no others."""
import json
import re
import subprocess
import urllib.request

import pytest
import yaml
from support import events
from support.process import ROOT, Process, free_port, wait_until
from support.stack import Stack

from conftest import DEPLOY

RULES = DEPLOY / "prometheus/rules.yaml"
DASHBOARD = DEPLOY / "grafana/broadcaster.json"
OPERATIONS = ROOT / "docs/operations.md"
# A metric's name in PromQL: of ours, of the four fixed ones, or of every process.
NAME = re.compile(r"\b(?:broadcaster_\w+|process_\w+|build_info|"
                  r"(?:connections_active|subscriptions_total|messages_\w+_total))\b")


@pytest.fixture(scope="module")
def exported(tmp_path_factory, certificates):
    """{name: type} of all that both real processes export."""
    with Stack(tmp_path_factory.mktemp("stack"), certificates) as stack:
        text = "".join(s.get("/metrics").body.decode() for s in stack.services)
    return dict(re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text))


def base_name(name, exported):
    """Without what a histogram or summary adds."""
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if name != base and exported.get(base) in ("histogram", "summary"):
            return base
    return name


def expressions_of_rules():
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def expressions_of_dashboard():
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


@pytest.mark.parametrize("expressions", [expressions_of_rules, expressions_of_dashboard])
def test_only_real_metrics_are_asked_for(exported, expressions):
    asked = {(where, base_name(name, exported))
             for where, expression in expressions() for name in NAME.findall(expression)}
    assert len(asked) > 15
    assert [(where, name) for where, name in asked if name not in exported] == []


def test_labels_of_alerts_are_real():
    """reason="…", result="…" and kind="…" in rules and panels are values of the headers' tables."""
    headers = (ROOT / "gateway/gw_metrics.h").read_text() + \
        (ROOT / "publisher/pub_metrics.h").read_text()
    real = set(re.findall(r'(\w+)=\\"([^"\\]*)\\"', headers))
    for where, expression in [*expressions_of_rules(), *expressions_of_dashboard()]:
        for label, _, values in re.findall(r'\b(reason|result|kind|status)(=~|!=|=)"([^"]*)"',
                                           expression):
            for value in values.split("|"):
                assert (label, value) in real, f"{where}: {label}={value}"


def test_rules_hold_their_tests():
    done = subprocess.run(["promtool", "test", "rules", DEPLOY / "prometheus/rules_test.yaml"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_tests_both_ways():
    names = [t["name"] for t in yaml.safe_load(
        (DEPLOY / "prometheus/rules_test.yaml").read_text())["tests"]]
    for alert, _ in expressions_of_rules():
        assert f"{alert} fires" in names and f"{alert} stays silent" in names


def test_prometheus_configuration_is_accepted():
    done = subprocess.run(["promtool", "check", "config", DEPLOY / "prometheus/prometheus.yaml"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_do_not_overlap_and_have_numbers_of_their_own():
    taken, numbers = set(), set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        assert panel["id"] not in numbers
        taken |= cells
        numbers.add(panel["id"])


def test_every_metric_is_documented_and_no_other(exported):
    text = OPERATIONS.read_text()
    table = text[text.index("<!-- metrics -->"):text.index("<!-- end of metrics -->")]
    documented = set(re.findall(r"(?m)^\| `([a-z_]+)`", table))
    assert set(exported) - documented == set(), "not in docs/operations.md"
    assert documented - set(exported) == set(), "in docs/operations.md only"


def test_every_alert_is_documented():
    text = OPERATIONS.read_text()
    assert [a for a, _ in expressions_of_rules() if f"`{a}`" not in text] == []


@pytest.fixture(scope="module")
def log_lines():
    """The documented {text: level}, and the source."""
    text = OPERATIONS.read_text()
    table = text[text.index("<!-- log lines -->"):text.index("<!-- end of log lines -->")]
    source = "".join(path.read_text() for folder in ("common", "gateway", "publisher")
                     for path in sorted((ROOT / folder).rglob("*.c")))
    return dict(re.findall(r"(?m)^\| `([^`]+)` \| (\w+) \|", table)), source


def test_log_lines_worth_an_alert_are_in_the_source(log_lines):
    phrases, source = log_lines
    assert len(phrases) > 10
    assert [p for p in phrases if f'"{p}"' not in source] == []


def test_every_error_is_a_log_line_worth_an_alert(log_lines):
    phrases, source = log_lines
    errors = set(re.findall(r'\blog_error\(\s*"([^"]+)"', source))
    assert len(errors) > 10
    assert sorted(e for e in errors if phrases.get(e) != "error") == []


def test_prometheus_scrapes_both_processes(make_stack, tmp_path):
    stack = make_stack()
    stack.ws("ana")
    event = events.contest_update(stack.place())
    # A busy machine may answer 503; as a backend does, it is then repeated.
    wait_until(lambda: stack.backend().post(event, headers={"Idempotency-Key": "scraped"}).status
               == 200, 30, "the event to be taken")
    port = free_port()
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {"job_name": f"broadcaster-{s.kind}",
             "static_configs": [{"targets": [f"127.0.0.1:{s.metrics_port}"]}]}
            for s in stack.services]}))
    prometheus = Process("prometheus", [
        "prometheus", f"--config.file={tmp_path}/prometheus.yaml",
        f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}"], tmp_path)

    def value(query):
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/api/v1/query?query={query}", timeout=5) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return None
        return float(found[0]["value"][1]) if found else None

    try:
        wait_until(lambda: value("sum(up)") == 2, 20, "both to be scraped", pause=0.2)
        wait_until(lambda: value("sum(connections_active)") == 1, 10, "the connection", pause=0.2)
        assert value("sum(messages_received_total)") == 1
        assert value("count(broadcaster_loop_lag_seconds_bucket)") > 2
    finally:
        prometheus.kill()
