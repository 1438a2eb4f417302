# SPDX-License-Identifier: MIT
"""Every field of the Kubernetes API that the overlays use, by kind, as the API's reference of 1.30
names them. No package of Debian holds the API's schemas; this table is what a strict server would
refuse beside. `...` stands for any key (labels, annotations, data, selectors)."""

ANY = {"...": None}
META = {"name": None, "namespace": None, "labels": ANY, "annotations": ANY}
SELECTOR = {"matchLabels": ANY}
EXEC = {"exec": {"command": [None]}}
PROBE = {"httpGet": {"path": None, "port": None}, "tcpSocket": {"port": None}, **EXEC,
         "periodSeconds": None, "timeoutSeconds": None, "failureThreshold": None}
CONTAINER = {
    "name": None, "image": None, "command": [None],
    "env": [{"name": None, "valueFrom": {"secretKeyRef": {"name": None, "key": None}}}],
    "ports": [{"name": None, "containerPort": None}],
    "livenessProbe": PROBE, "readinessProbe": PROBE, "lifecycle": {"preStop": EXEC},
    "resources": {"requests": {"cpu": None, "memory": None}, "limits": {"cpu": None, "memory": None}},
    "securityContext": {"allowPrivilegeEscalation": None, "readOnlyRootFilesystem": None,
                        "capabilities": {"drop": [None]}},
    "volumeMounts": [{"name": None, "mountPath": None, "readOnly": None, "subPath": None}]}
TERM = {"topologyKey": None, "labelSelector": SELECTOR}
POD = {
    "automountServiceAccountToken": None, "terminationGracePeriodSeconds": None,
    "securityContext": {"runAsNonRoot": None, "runAsUser": None, "runAsGroup": None, "fsGroup": None,
                        "seccompProfile": {"type": None}},
    "topologySpreadConstraints": [{"maxSkew": None, "whenUnsatisfiable": None, **TERM}],
    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}},
    "containers": [CONTAINER],
    "volumes": [{"name": None, "configMap": {"name": None}, "emptyDir": {},
                 "secret": {"secretName": None, "defaultMode": None}}]}
TEMPLATE = {"metadata": META, "spec": POD}
PEER = {"podSelector": SELECTOR, "namespaceSelector": SELECTOR}
NETWORK_PORTS = [{"port": None, "protocol": None}]
BACKEND = {"service": {"name": None, "port": {"name": None}}}
POLICIES = {"stabilizationWindowSeconds": None,
            "policies": [{"type": None, "value": None, "periodSeconds": None}]}

SPEC = {
    ("apps/v1", "Deployment"): {
        "replicas": None, "minReadySeconds": None, "progressDeadlineSeconds": None,
        "strategy": {"type": None, "rollingUpdate": {"maxSurge": None, "maxUnavailable": None}},
        "selector": SELECTOR, "template": TEMPLATE},
    ("apps/v1", "StatefulSet"): {
        "serviceName": None, "replicas": None, "podManagementPolicy": None, "minReadySeconds": None,
        "selector": SELECTOR, "template": TEMPLATE,
        "volumeClaimTemplates": [{"metadata": META, "spec": {
            "accessModes": [None], "resources": {"requests": {"storage": None}}}}]},
    ("v1", "Service"): {
        "clusterIP": None, "publishNotReadyAddresses": None, "selector": ANY,
        "ports": [{"name": None, "port": None, "targetPort": None}]},
    ("networking.k8s.io/v1", "NetworkPolicy"): {
        "podSelector": SELECTOR, "policyTypes": [None],
        "ingress": [{"from": [PEER], "ports": NETWORK_PORTS}],
        "egress": [{"to": [PEER], "ports": NETWORK_PORTS}]},
    ("networking.k8s.io/v1", "Ingress"): {
        "ingressClassName": None, "tls": [{"hosts": [None], "secretName": None}],
        "rules": [{"host": None, "http": {"paths": [
            {"path": None, "pathType": None, "backend": BACKEND}]}}]},
    ("policy/v1", "PodDisruptionBudget"): {
        "maxUnavailable": None, "minAvailable": None, "unhealthyPodEvictionPolicy": None,
        "selector": SELECTOR},
    ("autoscaling/v2", "HorizontalPodAutoscaler"): {
        "scaleTargetRef": {"apiVersion": None, "kind": None, "name": None},
        "minReplicas": None, "maxReplicas": None,
        "metrics": [{"type": None,
                     "resource": {"name": None, "target": {"type": None, "averageUtilization": None}},
                     "pods": {"metric": {"name": None},
                              "target": {"type": None, "averageValue": None}}}],
        "behavior": {"scaleUp": POLICIES, "scaleDown": POLICIES}},
    ("monitoring.coreos.com/v1", "ServiceMonitor"): {
        "selector": SELECTOR,
        "endpoints": [{"port": None, "interval": None,
                       "relabelings": [{"targetLabel": None, "replacement": None}]}]},
    ("v1", "Namespace"): None, ("v1", "ConfigMap"): None, ("v1", "Secret"): None}


def unknown(value, known, where):
    """Paths of fields that the table does not have."""
    if isinstance(value, list):
        assert isinstance(known, list), where
        return [p for v in value for p in unknown(v, known[0], where)]
    if not isinstance(value, dict):
        return [] if known is None else [f"{where}: a scalar"]
    if known is None:
        return [f"{where}: an object"]
    if "..." in known:
        return []
    return [p for k, v in value.items()
            for p in (unknown(v, known[k], f"{where}.{k}") if k in known else [f"{where}.{k}"])]


def faults(o):
    kind = (o["apiVersion"], o["kind"])
    if kind not in SPEC:
        return [f"{kind} is no kind that we use"]
    top = {"apiVersion": None, "kind": None, "metadata": META}
    if SPEC[kind] is None:
        top |= {"data": ANY, "type": None}
    else:
        top["spec"] = SPEC[kind]
    return unknown(o, top, f"{o['kind']} {o['metadata']['name']}")
