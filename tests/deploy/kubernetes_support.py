"""Manifests rendered by kubectl and read strictly: by python3-kubernetes' models where it has them."""

import datetime
import re
import subprocess

import yaml
from deploy_support import ROOT
from kubernetes.client import models

FOLDER = ROOT / "deploy" / "kubernetes"
KINDS = {
    ("apps/v1", "Deployment"): "V1Deployment",
    ("v1", "Service"): "V1Service",
    ("v1", "ConfigMap"): "V1ConfigMap",
    ("v1", "Namespace"): "V1Namespace",
    ("v1", "PersistentVolumeClaim"): "V1PersistentVolumeClaim",
    ("policy/v1", "PodDisruptionBudget"): "V1PodDisruptionBudget",
    ("networking.k8s.io/v1", "NetworkPolicy"): "V1NetworkPolicy",
}
SCALARS = {"str": str, "int": int, "float": (int, float), "bool": bool,
           "datetime": (str, datetime.datetime)}


class Wrong(Exception):
    """A manifest says something that Kubernetes would not take."""


def render(name, kubectl="kubectl"):
    """The objects that `kubectl kustomize` makes of a folder under deploy/kubernetes."""
    result = subprocess.run([kubectl, "kustomize", str(FOLDER / name)], capture_output=True,
                            text=True, timeout=60, check=False)
    if result.returncode:
        raise Wrong(result.stderr)
    return [item for item in yaml.safe_load_all(result.stdout) if item]


def check_type(value, kind, path):
    """`kind` in the words of the models: list[X], dict(str, X), a scalar, object or a model's name."""
    inner = re.fullmatch(r"list\[(.+)\]", kind)
    if inner:
        if not isinstance(value, list):
            raise Wrong(f"{path}: not a list")
        for number, item in enumerate(value):
            check_type(item, inner.group(1), f"{path}[{number}]")
        return
    inner = re.fullmatch(r"dict\(str, (.+)\)", kind)
    if inner:
        if not isinstance(value, dict):
            raise Wrong(f"{path}: not a map")
        for key, item in value.items():
            check_type(item, inner.group(1), f"{path}.{key}")
        return
    if kind == "object":
        return
    if kind in SCALARS:
        if not isinstance(value, SCALARS[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise Wrong(f"{path}: {value!r} is no {kind}")
        return
    check_model(value, getattr(models, kind), path)


def check_model(value, model, path):
    """Every field is known to the model and of its type; the model itself names what is missing."""
    if not isinstance(value, dict):
        raise Wrong(f"{path}: not a map")
    fields = {wire: name for name, wire in model.attribute_map.items()}
    for wire, item in value.items():
        if wire not in fields:
            raise Wrong(f"{path}.{wire}: unknown to {model.__name__}")
        check_type(item, model.openapi_types[fields[wire]], f"{path}.{wire}")
    try:
        model(**{fields[wire]: item for wire, item in value.items()})
    except ValueError as error:
        raise Wrong(f"{path}: {error}") from error


def only(value, path, required, optional=()):
    """A map with all of `required` and nothing beside them and `optional`."""
    if not isinstance(value, dict):
        raise Wrong(f"{path}: not a map")
    missing, unknown = set(required) - set(value), set(value) - set(required) - set(optional)
    if missing or unknown:
        raise Wrong(f"{path}: missing {sorted(missing)}, unknown {sorted(unknown)}")


def check_scaling_rules(rules, path):
    only(rules, path, ["policies"], ["stabilizationWindowSeconds", "selectPolicy"])
    window = rules.get("stabilizationWindowSeconds", 0)
    if not isinstance(window, int) or not 0 <= window <= 3600:
        raise Wrong(f"{path}.stabilizationWindowSeconds: {window!r}")
    for policy in rules["policies"]:
        only(policy, path, ["type", "value", "periodSeconds"])
        if policy["type"] not in ("Pods", "Percent") or not policy["value"] > 0 or \
                not 0 < policy["periodSeconds"] <= 1800:
            raise Wrong(f"{path}: {policy}")


def check_autoscaler(item):
    """autoscaling/v2, which the models do not know: the API's rules written out."""
    only(item, "hpa", ["apiVersion", "kind", "metadata", "spec"])
    check_type(item["metadata"], "V1ObjectMeta", "hpa.metadata")
    spec = item["spec"]
    only(spec, "hpa.spec", ["scaleTargetRef", "maxReplicas"],
         ["minReplicas", "metrics", "behavior"])
    only(spec["scaleTargetRef"], "hpa.target", ["apiVersion", "kind", "name"])
    low, high = spec.get("minReplicas", 1), spec["maxReplicas"]
    if not (isinstance(low, int) and isinstance(high, int) and 1 <= low <= high):
        raise Wrong(f"hpa: {low}..{high} replicas")
    for metric in spec.get("metrics", []):
        only(metric, "hpa.metric", ["type", "resource"])
        only(metric["resource"], "hpa.metric.resource", ["name", "target"])
        target = metric["resource"]["target"]
        only(target, "hpa.target", ["type", "averageUtilization"])
        if metric["type"] != "Resource" or metric["resource"]["name"] not in ("cpu", "memory") or \
                target["type"] != "Utilization" or not 0 < target["averageUtilization"] <= 100:
            raise Wrong(f"hpa.metric: {metric}")
    behavior = spec.get("behavior", {})
    only(behavior, "hpa.behavior", [], ["scaleUp", "scaleDown"])
    for direction, rules in behavior.items():
        check_scaling_rules(rules, f"hpa.behavior.{direction}")


def check_object(item):
    kind = (item.get("apiVersion"), item.get("kind"))
    if kind == ("autoscaling/v2", "HorizontalPodAutoscaler"):
        check_autoscaler(item)
    elif kind in KINDS:
        check_type(item, KINDS[kind], item["metadata"]["name"])
    else:
        raise Wrong(f"nobody checks {kind}")


VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
           "projected", "secret"}


def containers(pod):
    return [*pod.get("initContainers", []), *pod["containers"], *pod.get("ephemeralContainers", [])]


def restricted(pod):
    """What a pod does that Pod Security's `restricted` forbids: a list of sentences."""
    found = [f"{flag} is set" for flag in ("hostNetwork", "hostPID", "hostIPC") if pod.get(flag)]
    own = pod.get("securityContext", {})
    if own.get("sysctls"):
        found.append("sysctls")
    for volume in pod.get("volumes", []):
        found += [f"volume of kind {kind}" for kind in set(volume) - {"name"} - VOLUMES]
    for container in containers(pod):
        found += restricted_container(container, own)
    return found


def restricted_container(container, pod_context):
    found, context = [], container.get("securityContext", {})
    both = {**pod_context, **context}
    profile = both.get("seccompProfile", {}).get("type")
    capabilities = context.get("capabilities", {})
    rules = {
        "privileged": not context.get("privileged"),
        "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is False,
        "runAsNonRoot": both.get("runAsNonRoot") is True,
        "runAsUser": both.get("runAsUser") != 0,
        "seccompProfile": profile in ("RuntimeDefault", "Localhost"),
        "drop ALL": "ALL" in capabilities.get("drop", []),
        "add": set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
        "procMount": context.get("procMount", "Default") == "Default",
        "hostPort": not any(port.get("hostPort") for port in container.get("ports", [])),
    }
    found += [name for name, kept in rules.items() if not kept]
    return found
