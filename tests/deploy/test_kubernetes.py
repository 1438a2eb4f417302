# SPDX-License-Identifier: MIT
"""deploy/k8s: both overlays render, and the objects fit together and to the programs."""
import base64
import copy
import json
import os
import re
import subprocess

import pytest
import yaml
from k8s_fields import faults
from support.redis_server import RedisServer

from conftest import DEPLOY

OVERLAYS = ("dev", "small", "production")
K8S = DEPLOY / "k8s"
# Made by hand, as docs/kubernetes.md says.
MADE_BY_HAND = {"dev": {"publisher-tls"},
                "small": {"publisher-tls", "publisher-config", "broadcaster-redis", "redis-users"},
                "production": {"publisher-tls", "publisher-config", "broadcaster-redis",
                               "redis-users", "events-tls"}}


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request):
    return request.param


@pytest.fixture(scope="module")
def objects(overlay):
    done = subprocess.run(["kubectl", "kustomize", str(K8S / "overlays" / overlay)], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [o for o in yaml.safe_load_all(done.stdout) if o]


def of_kind(objects, *kinds):
    return [o for o in objects if o["kind"] in kinds]


def named(objects, kind, name):
    found = [o for o in of_kind(objects, kind) if o["metadata"]["name"] == name]
    assert len(found) == 1, f"{kind} {name}: {len(found)}"
    return found[0]


def workloads(objects):
    return of_kind(objects, "Deployment", "StatefulSet")


def pod_of(workload):
    return workload["spec"]["template"]["spec"]


def containers(objects):
    return [(w["metadata"]["name"], c) for w in workloads(objects) for c in pod_of(w)["containers"]]


def port_names(container):
    return {p["name"]: p["containerPort"] for p in container["ports"]}


def matches(selector, labels):
    return selector and all(labels.get(k) == v for k, v in selector.items())


def generated_file(objects, kind, prefix, name):
    """A file of a generated ConfigMap or Secret."""
    found = [o for o in of_kind(objects, kind) if o["metadata"]["name"].startswith(prefix + "-")]
    assert len(found) == 1, f"{kind} {prefix}"
    if kind == "ConfigMap":
        return found[0]["data"][name]
    return base64.b64decode(found[0]["data"][name]).decode()


def config_of(objects, overlay, component):
    if component == "gateway":
        return generated_file(objects, "ConfigMap", "gateway-config", "config.json")
    if overlay == "dev":
        return generated_file(objects, "Secret", "publisher-config", "config.json")
    return (K8S / "overlays" / overlay / "publisher.sample.json").read_text()


@pytest.fixture(params=("gateway", "publisher"))
def component(request):
    return request.param


def test_everything_is_in_our_namespace(objects):
    for o in objects:
        if o["kind"] != "Namespace":
            assert o["metadata"]["namespace"] == "broadcaster", o["metadata"]


def test_every_field_is_one_that_the_api_has(objects):
    assert [fault for o in objects for fault in faults(o)] == []


def test_a_misspelt_or_misplaced_field_is_found(objects):
    gateway = copy.deepcopy(named(objects, "Deployment", "gateway"))
    gateway["spec"]["minReadySecond"] = 75
    pod_of(gateway)["containers"][0]["readinessProbe"]["command"] = ["true"]
    assert faults(gateway) == ["Deployment gateway.spec.template.spec.containers.readinessProbe.command",
                               "Deployment gateway.spec.minReadySecond"]


def test_selectors_match_labels(objects):
    pods = [w["spec"]["template"]["metadata"]["labels"] for w in workloads(objects)]
    for w in workloads(objects):
        assert matches(w["spec"]["selector"]["matchLabels"],
                       w["spec"]["template"]["metadata"]["labels"])
    for s in of_kind(objects, "Service"):
        assert sum(matches(s["spec"]["selector"], labels) for labels in pods) == 1, s
    for p in of_kind(objects, "PodDisruptionBudget"):
        assert sum(matches(p["spec"]["selector"]["matchLabels"], labels) for labels in pods) == 1
    for w in workloads(objects):
        for c in pod_of(w).get("topologySpreadConstraints", []):
            assert matches(c["labelSelector"]["matchLabels"],
                           w["spec"]["template"]["metadata"]["labels"])
    for n in of_kind(objects, "NetworkPolicy"):
        selector = n["spec"]["podSelector"].get("matchLabels")
        assert not selector or sum(matches(selector, labels) for labels in pods) == 1, n
    for m in of_kind(objects, "ServiceMonitor"):
        services = [s for s in of_kind(objects, "Service")
                    if matches(m["spec"]["selector"]["matchLabels"], s["metadata"]["labels"])]
        assert len(services) == 1
        ports = {p["name"] for p in services[0]["spec"]["ports"]}
        assert {e["port"] for e in m["spec"]["endpoints"]} <= ports


def test_ports_lead_somewhere(objects):
    for s in of_kind(objects, "Service"):
        [workload] = [w for w in workloads(objects)
                      if matches(s["spec"]["selector"],
                                 w["spec"]["template"]["metadata"]["labels"])]
        ports = {}
        for c in pod_of(workload)["containers"]:
            ports.update(port_names(c))
        for p in s["spec"]["ports"]:
            assert ports[p["targetPort"]] == p["port"]
    for i in of_kind(objects, "Ingress"):
        for rule in i["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                target = named(objects, "Service", service["name"])
                assert service["port"]["name"] in {p["name"] for p in target["spec"]["ports"]}


def test_ports_are_those_of_the_configuration(objects, overlay, component, check_config, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(config_of(objects, overlay, component))
    effective = check_config(component, path)
    [container] = [c for name, c in containers(objects) if c["name"] == component]
    ports = port_names(container)
    if component == "gateway":
        assert ports == {"events": effective["Broadcaster"]["EventsPort"],
                         "metrics": effective["Metrics"]["Port"]}
    else:
        assert ports == {"https": effective["Broadcaster"]["Port"],
                         "metrics": effective["Metrics"]["PublisherPort"]}


def test_configuration_holds_only_known_keys(objects, overlay, component, check_config, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(config_of(objects, overlay, component))
    effective = check_config(component, path)

    def known(given, all_of_them, where=""):
        for key, value in given.items():
            assert key in all_of_them, f"{where}{key}"
            if isinstance(value, dict):
                known(value, all_of_them[key], f"{where}{key}.")

    known(json.loads(path.read_text()), effective)


def test_probes_hit_real_paths_on_real_ports(objects, overlay, component, make_stack):
    stack = make_stack()
    service = stack.gateway if component == "gateway" else stack.publisher
    [container] = [c for _, c in containers(objects) if c["name"] == component]
    for probe in ("readinessProbe", "livenessProbe"):
        get = container[probe]["httpGet"]
        assert get["port"] == "metrics" and "metrics" in port_names(container)
        assert service.get(get["path"]).status == 200
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"


def test_mounts_and_references_exist(objects, overlay):
    made = {(o["kind"], o["metadata"]["name"]) for o in of_kind(objects, "ConfigMap", "Secret")}
    by_hand = {("Secret", name) for name in MADE_BY_HAND[overlay]}
    for w in workloads(objects):
        pod = pod_of(w)
        volumes = {v["name"]: v for v in pod["volumes"]}
        claims = {c["metadata"]["name"] for c in w["spec"].get("volumeClaimTemplates", [])}
        for v in volumes.values():
            if "configMap" in v:
                assert ("ConfigMap", v["configMap"]["name"]) in made
            if "secret" in v:
                assert ("Secret", v["secret"]["secretName"]) in made | by_hand
        for c in pod["containers"]:
            for mount in c["volumeMounts"]:
                assert mount["name"] in volumes.keys() | claims
            for variable in c.get("env", []):
                reference = variable["valueFrom"]["secretKeyRef"]
                assert ("Secret", reference["name"]) in made | by_hand
    for i in of_kind(objects, "Ingress"):
        assert {t["secretName"] for t in i["spec"]["tls"]} <= MADE_BY_HAND[overlay]


def test_secrets_made_by_hand_are_in_the_documentation(overlay):
    text = (DEPLOY.parent / "docs/kubernetes.md").read_text()
    assert [s for s in MADE_BY_HAND[overlay] if f"{s} " not in text] == []


def test_pods_are_as_narrow_as_the_restricted_standard_wants(objects):
    for w in workloads(objects):
        pod = pod_of(w)
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for name, c in containers(objects):
        context = c["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert "memory" in c["resources"]["limits"], name


def test_grace_period_is_above_the_drain(objects, overlay, check_config, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(config_of(objects, overlay, "gateway"))
    drain = float(check_config("gateway", path)["Broadcaster"]["DrainSeconds"])
    pod = pod_of(named(objects, "Deployment", "gateway"))
    pre_stop = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pre_stop + drain + 3
    gateway = named(objects, "Deployment", "gateway")["spec"]
    assert gateway["minReadySeconds"] > pre_stop + drain + 3, "several would drain at a time"


def test_probes_of_redis_see_more_than_a_socket():
    """redis-cli ends with 0 on NOAUTH and LOADING unless it is given -e."""
    for path in (K8S / "overlays").rglob("*"):
        if path.is_file() and path.name != "start-redis":
            for call in re.findall(r"redis-cli,? .*", path.read_text()):
                if "ping" in call or "info" in call:
                    assert "-e" in re.split(r"[ ,]+", call), f"{path}: {call}"
    redis = yaml.safe_load(next(iter((K8S / "overlays/production/redis.yaml").read_text().split("---"))))
    [probe] = [c["readinessProbe"]["exec"]["command"] for c in pod_of(redis)["containers"]
               if c["name"] == "redis"]
    assert probe == ["/bin/sh", "/scripts/redis-ready"]


def test_redis_pods_hand_over_before_they_end():
    redis = yaml.safe_load((K8S / "overlays/production/redis.yaml").read_text().split("\n---")[0])
    pod, limit = pod_of(redis), 25
    for c in pod["containers"]:
        command = c["lifecycle"]["preStop"]["exec"]["command"]
        assert command[1] == "/scripts/hand-over"
    assert f"LIMIT:={limit}" in (K8S / "overlays/production/hand-over").read_text()
    assert pod["terminationGracePeriodSeconds"] >= limit + 3 + 10  # and shutdown-timeout of Redis
    assert redis["spec"]["podManagementPolicy"] == "Parallel", \
        "the first would wait for its master, which waits to be made"
    assert redis["spec"]["minReadySeconds"] >= 20  # Sentinels ask their servers every ten


def test_redis_may_copy_all_its_memory():
    """A rewrite of the append-only file forks: every page may be copied meanwhile."""
    for overlay in OVERLAYS:
        folder = K8S / "overlays" / overlay
        limit = re.search(r"limits: { memory: (\d+)Mi }", (folder / "redis.yaml").read_text())[1]
        most, unit = re.search(r"(?m)^maxmemory (\d+)(mb|gb)$", (folder / "redis.conf").read_text()).groups()
        assert int(limit) >= 2 * int(most) * {"mb": 1, "gb": 1024}[unit] + 256

def test_memory_limit_leaves_room_for_all_queues(objects, overlay, check_config, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(config_of(objects, overlay, "gateway"))
    queues = int(check_config("gateway", path)["Broadcaster"]["QueueBytesTotal"])
    limit = pod_of(named(objects, "Deployment", "gateway"))["containers"][0]["resources"]["limits"]
    assert int(limit["memory"].removesuffix("Mi")) << 20 > 2 * queues


def test_only_those_who_must_reach_redis_and_the_publisher(objects):
    redis = named(objects, "NetworkPolicy", "redis")["spec"]["ingress"]
    assert [rule["from"] for rule in redis] == [
        [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "broadcaster"}}}]]
    publisher = named(objects, "NetworkPolicy", "publisher")["spec"]["ingress"]
    [peer] = [rule["from"][0] for rule in publisher if rule["ports"] == [{"port": 32672}]]
    assert set(peer) == {"namespaceSelector", "podSelector"}
    assert named(objects, "NetworkPolicy", "nobody-by-default")["spec"] == {
        "podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def allowed(objects, way, pod, peer, port):
    """Whether some policy lets `pod` have this peer (None: somewhere outside) at this port."""
    for policy in of_kind(objects, "NetworkPolicy"):
        spec = policy["spec"]
        selector = spec["podSelector"].get("matchLabels")
        if way.capitalize() not in spec["policyTypes"] or (selector and not matches(selector, pod)):
            continue
        for rule in spec.get(way, []):
            peers = rule.get("to" if way == "egress" else "from")
            fits = peers is None or any(
                set(p) == {"podSelector"} and peer and matches(p["podSelector"]["matchLabels"], peer)
                for p in peers)
            if fits and port in [(p["port"], p.get("protocol", "TCP")) for p in rule["ports"]]:
                return True
    return False


def test_who_may_reach_whom_both_ways(objects, overlay):
    labels = {w["metadata"]["name"]: w["spec"]["template"]["metadata"]["labels"]
              for w in workloads(objects)}
    redis_ports = {p for _, c in containers(objects) if c["image"].startswith("redis:")
                   for p in port_names(c).values()}
    assert redis_ports == ({6379, 26379} if overlay == "production" else {6379})
    for name in labels:
        for port in redis_ports:
            for way, pod, peer in (("egress", name, "redis"), ("ingress", "redis", name)):
                assert allowed(objects, way, labels[pod], labels[peer], (port, "TCP")) or \
                    (name == "redis" and overlay != "production"), f"{name}: {way}"
        assert allowed(objects, "egress", labels[name], None, (53, "UDP")), "names"
        frontend = allowed(objects, "egress", labels[name], None, (443, "TCP"))
        assert frontend == (name != "redis")
    for one in ("gateway", "publisher"):
        for other in ("gateway", "publisher"):
            for port in (32672, 39613, 6060, 6061):
                assert not allowed(objects, "egress", labels[one], labels[other], (port, "TCP"))
                assert not allowed(objects, "ingress", labels[one], labels[other], (port, "TCP"))


def test_route_of_the_gateway_api_leads_to_the_service():
    route = yaml.safe_load((K8S / "overlays/production/httproute.yaml").read_text())
    service = [o for o in yaml.safe_load_all((K8S / "base/gateway.yaml").read_text())
               if o["kind"] == "Service"][0]
    [rule] = route["spec"]["rules"]
    [target] = rule["backendRefs"]
    assert target["name"] == service["metadata"]["name"]
    assert target["port"] in [p["port"] for p in service["spec"]["ports"]]
    assert rule["timeouts"]["request"] == "0s"
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/events"}}]


def test_autoscaler_owns_the_number_of_gateways():
    done = subprocess.run(["kubectl", "kustomize", str(K8S / "overlays/production")], text=True,
                          capture_output=True, timeout=60, check=True)
    objects = [o for o in yaml.safe_load_all(done.stdout) if o]
    scaler = named(objects, "HorizontalPodAutoscaler", "gateway")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "gateway"
    assert "replicas" not in named(objects, "Deployment", "gateway")["spec"]
    [by_pods] = [m["pods"] for m in scaler["spec"]["metrics"] if m["type"] == "Pods"]
    assert by_pods["metric"]["name"] == "connections_active"


@pytest.mark.parametrize("path", ["overlays/dev/redis.conf", "overlays/small/redis.conf",
                                  "overlays/production/redis.conf"])
def test_redis_accepts_the_configuration(tmp_path, path):
    server = RedisServer(tmp_path)
    text = re.sub(r"(?m)^(aclfile|dir) .*\n", "", (K8S / path).read_text())
    (tmp_path / "redis.conf").write_text(text)
    done = subprocess.run(
        ["timeout", "2", "redis-server", tmp_path / "redis.conf", "--port", str(server.port),
         "--bind", "127.0.0.1", "--dir", tmp_path], capture_output=True, text=True)
    assert "Ready to accept connections" in done.stdout, done.stdout + done.stderr
    assert "maxmemory-policy noeviction" in text


class Pod:
    """Runs a start script of the Redis pods with a redis-cli and a redis-server that only tell."""

    def __init__(self, tmp_path, sentinel="exit 1", replication="exit 1"):
        self.directory = tmp_path
        for folder in ("bin", "users", "sentinel"):
            (tmp_path / folder).mkdir()
        for user in ("replica", "sentinel"):
            (tmp_path / f"users/{user}.password").write_text(f"{user}-password")
        self.tool("redis-cli", f'case "$*" in *replication*) {replication};; *) {sentinel};; esac')
        self.tool("redis-server", 'echo "$@"')
        self.env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "DATA": str(tmp_path),
                    "STATE": str(tmp_path / "sentinel"), "USERS": str(tmp_path / "users")}

    def tool(self, name, text):
        path = self.directory / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, script, hostname):
        done = subprocess.run(["/bin/sh", K8S / "overlays/production" / script], text=True,
                              env={**self.env, "HOSTNAME": hostname}, capture_output=True)
        assert done.returncode == 0, done.stderr
        name = {"start-redis": "redis.conf", "start-sentinel": "sentinel/sentinel.conf"}[script]
        return (self.directory / name).read_text().splitlines()


def knows(master, epoch):
    """What a Sentinel answers to `sentinel master broadcaster`."""
    return f"printf 'name\\nbroadcaster\\nip\\n{master}\\nport\\n6379\\nconfig-epoch\\n{epoch}\\n'"


@pytest.mark.parametrize("hostname, sentinel, own, replica_of", [
    ("redis-0", "exit 1", None, None),
    ("redis-1", "exit 1", None, "redis-0.redis 6379"),
    ("redis-0", knows("redis-2.redis", 3), None, "redis-2.redis 6379"),
    ("redis-2", knows("redis-2.redis", 3), None, None),
    # Nobody answers, as when names are silent: what the pod's own Sentinel knew.
    ("redis-1", "exit 1", ("redis-1.redis", 3), None),
    ("redis-0", "exit 1", ("redis-1.redis", 3), "redis-1.redis 6379"),
    # The higher epoch is the latest news, whoever tells it.
    ("redis-1", knows("redis-2.redis", 4), ("redis-1.redis", 3), "redis-2.redis 6379"),
    ("redis-1", knows("redis-2.redis", 2), ("redis-1.redis", 3), None),
])
def test_redis_pod_follows_the_master_that_sentinels_know(tmp_path, hostname, sentinel, own,
                                                          replica_of):
    pod = Pod(tmp_path, sentinel)
    if own:
        (tmp_path / "sentinel/sentinel.conf").write_text(
            f"sentinel monitor broadcaster {own[0]} 6379 2\n"
            f"sentinel config-epoch broadcaster {own[1]}\n")
    lines = pod.run("start-redis", hostname)
    found = [line.removeprefix("replicaof ") for line in lines if line.startswith("replicaof")]
    assert found == ([replica_of] if replica_of else [])
    assert f"replica-announce-ip {hostname}.redis" in lines
    assert "masterauth replica-password" in lines


def test_redis_pod_does_not_follow_its_own_replica(tmp_path):
    pod = Pod(tmp_path, knows("redis-0.redis", 3),
              "printf 'role:slave\\r\\nmaster_host:redis-1.redis\\r\\n'")
    assert not [line for line in pod.run("start-redis", "redis-1") if "replicaof" in line]


@pytest.mark.parametrize("master, monitored", [
    (None, "redis-0.redis 6379"), ("redis-1.redis\\n6379\\n", "redis-1.redis 6379")])
def test_sentinel_watches_the_master_its_peers_know(tmp_path, master, monitored):
    pod = Pod(tmp_path, f"printf '{master}'" if master else "exit 1")
    lines = pod.run("start-sentinel", "redis-2")
    assert f"sentinel monitor broadcaster {monitored} 2" in lines
    assert "sentinel auth-pass broadcaster sentinel-password" in lines
    (tmp_path / "sentinel/sentinel.conf").write_text(
        "learned\nsentinel auth-pass broadcaster former\nlearned too\n")
    assert pod.run("start-sentinel", "redis-2") == [
        "learned", "learned too", "sentinel auth-pass broadcaster sentinel-password"], \
        "a restart keeps what it learned, not the password"
