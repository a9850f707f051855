"""deploy/kubernetes as the cluster will read it: rendered, typed, and held to `restricted`."""

import copy
import os
import shutil

import pytest
import yaml

pytest.importorskip("kubernetes", reason="python3-kubernetes is not installed")

from deploy_support import ROOT, environment, of_kind, serve_options, stages
from kubernetes_support import FOLDER, Wrong, check_object, render, restricted

KUBECTL = os.environ.get("M2C_KUBECTL", "kubectl")
FOLDERS = ["base"] + sorted(f"overlays/{path.name}" for path in (FOLDER / "overlays").iterdir())
pytestmark = pytest.mark.skipif(not shutil.which(KUBECTL), reason=f"{KUBECTL} is not installed")


def of(objects, kind, name="m2clip"):
    (found,) = [item for item in objects if item["kind"] == kind
                and item["metadata"]["name"].startswith(name)
                and (kind != "Service" or item["metadata"]["name"] == name)]
    return found


def pod_of(objects):
    return of(objects, "Deployment")["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def base():
    return render("base", KUBECTL)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_object_has_only_fields_that_kubernetes_knows(folder):
    objects = render(folder, KUBECTL)
    assert len(objects) >= 7
    for item in objects:
        check_object(item)


@pytest.mark.parametrize("folder", FOLDERS)
def test_pods_are_restricted_in_every_variant(folder):
    pod = pod_of(render(folder, KUBECTL))
    assert restricted(pod) == []
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in pod["containers"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_that_refer_to_each_other_exist(folder):
    objects = render(folder, KUBECTL)
    names = {(item["kind"], item["metadata"]["name"]) for item in objects}
    pod = pod_of(objects)
    (container,) = pod["containers"]
    for source in container["envFrom"]:
        assert ("ConfigMap", source["configMapRef"]["name"]) in names
    for volume in pod["volumes"]:
        claim = volume.get("persistentVolumeClaim")
        assert not claim or ("PersistentVolumeClaim", claim["claimName"]) in names
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    target = of(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) in names
    labels = of(objects, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    for selector in (of(objects, "Service")["spec"]["selector"],
                     of(objects, "Service", "m2clip-metrics")["spec"]["selector"],
                     of(objects, "Deployment")["spec"]["selector"]["matchLabels"],
                     of(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
                     of(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]):
        assert selector.items() <= labels


def test_probes_ask_the_probe_listener(base):
    (container,) = pod_of(base)["containers"]
    paths = {"startupProbe": "/readyz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for probe, path in paths.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "probe"}
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 120


def test_grace_is_the_sum_of_its_parts(base):
    pod = pod_of(base)
    (container,) = pod["containers"]
    command = container["lifecycle"]["preStop"]["exec"]["command"]
    drain = int(of(base, "ConfigMap")["data"]["M2CLIP_DRAIN_S"])
    assert command == ["/bin/sleep", "5"]
    assert pod["terminationGracePeriodSeconds"] == 5 + drain + 10 == 75


def test_ports_and_user_are_those_of_the_image(base):
    image = stages((ROOT / "Dockerfile").read_text())[-1]
    pod = pod_of(base)
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    exposed = list(map(int, of_kind(image, "EXPOSE")[0].split()))
    assert [ports["http"], ports["probe"]] == exposed
    user = pod["securityContext"]
    assert of_kind(image, "USER") == [f"{user['runAsUser']}:{user['runAsGroup']}"]
    assert environment(image)["M2CLIP_PROBE_LISTEN"].endswith(f":{ports['probe']}")
    metrics = of(base, "Service", "m2clip-metrics")
    assert metrics["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true", "prometheus.io/path": "/metrics",
        "prometheus.io/port": str(ports["probe"])}
    assert of(base, "Service")["spec"]["ports"][0]["targetPort"] == "http"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_variable_is_an_option(folder):
    data = of(render(folder, KUBECTL), "ConfigMap")["data"]
    assert set(data) <= serve_options()
    assert all(isinstance(value, str) for value in data.values())


def test_what_is_granted_is_what_is_asked_and_the_spool_fits(base):
    (container,) = pod_of(base)["containers"]
    resources = container["resources"]
    assert resources["limits"] == resources["requests"]
    assert {"cpu", "memory", "ephemeral-storage"} <= set(resources["limits"])
    scratch = {v["name"]: v["emptyDir"] for v in pod_of(base)["volumes"]}
    assert not any("medium" in volume for volume in scratch.values())
    sizes = {name: gib(volume["sizeLimit"]) for name, volume in scratch.items()}
    assert sum(sizes.values()) < gib(resources["limits"]["ephemeral-storage"])
    data = of(base, "ConfigMap")["data"]
    assert int(data["M2CLIP_SPOOL_BYTES"]) < sizes["spool"] << 30
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"spool": "/tmp", "cache": data["M2CLIP_CACHE_DIR"]}


def gib(text):
    assert text.endswith("Gi")
    return int(text[:-2])


def test_disruption_rollout_and_scale_keep_a_replica(base):
    assert of(base, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    rollout = of(base, "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rollout == {"maxUnavailable": 0, "maxSurge": 1}
    assert of(base, "HorizontalPodAutoscaler")["spec"]["minReplicas"] >= 2
    assert "replicas" not in of(base, "Deployment")["spec"]


def test_nothing_goes_out_and_the_probe_port_is_not_for_everyone(base):
    spec = of(base, "NetworkPolicy")["spec"]
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
    assert not spec.get("egress")
    for rule in spec["ingress"]:
        if any(port["port"] == "probe" for port in rule["ports"]):
            assert rule["from"]


def test_an_own_model_is_mounted_read_only_where_the_option_points():
    objects = render("overlays/own-model", KUBECTL)
    (container,) = pod_of(objects)["containers"]
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "model"]
    assert mount["readOnly"] is True
    data = of(objects, "ConfigMap")["data"]
    assert data["M2CLIP_MODEL"] == mount["mountPath"]
    assert data["M2CLIP_DRAIN_S"] == "60"


def test_keys_come_from_a_secret_that_is_not_in_the_tree():
    objects = render("overlays/api-keys", KUBECTL)
    (container,) = pod_of(objects)["containers"]
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "api-keys"]
    (volume,) = [v for v in pod_of(objects)["volumes"] if v["name"] == "api-keys"]
    assert mount["readOnly"] is True and volume["secret"]["secretName"] == "m2clip-api-keys"
    assert volume["secret"]["defaultMode"] == 0o440
    data = of(objects, "ConfigMap")["data"]
    assert os.path.dirname(data["M2CLIP_API_KEY_FILE"]) == mount["mountPath"]
    assert not [item for item in objects if item["kind"] == "Secret"]


def test_the_namespace_enforces_restricted():
    objects = render("overlays/namespace", KUBECTL)
    namespace = of(objects, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert all(item["metadata"].get("namespace") == "m2clip" for item in objects
               if item["kind"] != "Namespace")


def test_the_checks_refuse_what_is_wrong(base):
    """Each change must be noticed: otherwise the tests above prove nothing."""
    def changed(kind, *path_and_value):
        item = copy.deepcopy(of(base, kind))
        *path, last, value = path_and_value
        inner = item
        for step in path:
            inner = inner[step]
        inner[last] = value
        return item

    template = ("spec", "template", "spec")
    for wrong in (changed("Deployment", *template, "containers", 0, "comand", ["x"]),
                  changed("Deployment", *template, "terminationGracePeriodSeconds", "75"),
                  changed("Deployment", "spec", "selector", {"matchLabel": {}}),
                  changed("Service", "spec", "ports", 0, "port", "80"),
                  changed("ConfigMap", "data", "M2CLIP_DRAIN_S", 60),
                  changed("HorizontalPodAutoscaler", "spec", "maxReplicas", 1),
                  changed("HorizontalPodAutoscaler", "spec", "targetCPU", 70),
                  changed("PodDisruptionBudget", "apiVersion", "policy/v2")):
        with pytest.raises(Wrong):
            check_object(wrong)
    for path, value in {("hostNetwork",): True, ("securityContext", "runAsUser"): 0,
                        ("securityContext", "seccompProfile"): {},
                        ("volumes", 0): {"name": "x", "hostPath": {"path": "/"}},
                        ("containers", 0, "securityContext", "privileged"): True,
                        ("containers", 0, "securityContext", "capabilities"): {"drop": []},
                        ("containers", 0, "securityContext", "allowPrivilegeEscalation"): True,
                        ("containers", 0, "ports", 0, "hostPort"): 80}.items():
        pod = changed("Deployment", *template, *path, value)["spec"]["template"]["spec"]
        assert restricted(pod), path


def test_the_dialect_is_that_of_debians_kubectl():
    """kustomize 2.0: no `patches`, no folders among `resources`, labels written out."""
    for path in FOLDER.rglob("kustomization.yaml"):
        content = yaml.safe_load(path.read_text())
        assert set(content) <= {"apiVersion", "kind", "namespace", "bases", "resources", "images",
                                "patchesStrategicMerge", "configMapGenerator"}, path
        assert all((path.parent / name).is_file() for name in content.get("resources", []))
