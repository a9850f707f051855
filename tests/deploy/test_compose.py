"""deploy/compose*.yaml: read by YAML, held to a schema of what we use and to the image's facts."""

import jsonschema
import pytest
import yaml
from deploy_support import ROOT, of_kind, serve_options, stages

FOLDER = ROOT / "deploy"
STRING = {"type": "string"}
STRINGS = {"type": "array", "items": STRING, "minItems": 1}
SECONDS = {"type": "string", "pattern": "^[0-9]+s$"}
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "build": {"type": "object", "additionalProperties": False, "required": ["context"],
                  "properties": {"context": STRING}},
        "image": STRING, "command": STRINGS, "ports": STRINGS, "volumes": STRINGS, "user": STRING,
        "environment": {"type": "object", "additionalProperties": STRING},
        "read_only": {"const": True}, "cap_drop": {"const": ["ALL"]}, "security_opt": STRINGS,
        "cpus": {"type": "number", "exclusiveMinimum": 0},
        "mem_limit": {"type": "string", "pattern": "^[0-9]+[kmg]$"},
        "pids_limit": {"type": "integer", "minimum": 32},
        "stop_signal": {"const": "SIGTERM"}, "stop_grace_period": SECONDS,
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "healthcheck": {"type": "object", "additionalProperties": False, "required": ["test"],
                        "properties": {"test": STRINGS, "interval": SECONDS, "timeout": SECONDS,
                                       "start_period": SECONDS, "retries": {"type": "integer"}}},
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["services"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {"type": "object", "additionalProperties": SERVICE, "minProperties": 1},
        "volumes": {"type": "object", "additionalProperties": {"type": "object"}},
    },
}


def load(name):
    content = yaml.safe_load((FOLDER / name).read_text())
    jsonschema.validate(content, SCHEMA)
    return content


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("compose*.yaml")))
def test_each_file_keeps_to_the_schema_and_to_known_options(name):
    service = load(name)["services"]["m2clip"]
    assert set(service["environment"]) <= serve_options()


def test_the_service_is_confined_and_stops_in_time():
    content = load("compose.yaml")
    service = content["services"]["m2clip"]
    assert {"user", "read_only", "cap_drop", "security_opt", "cpus", "mem_limit", "pids_limit",
            "healthcheck", "stop_grace_period"} <= set(service)
    drain = int(service["environment"]["M2CLIP_DRAIN_S"])
    assert int(service["stop_grace_period"][:-1]) > drain
    assert "no-new-privileges:true" in service["security_opt"]
    named = {volume.split(":")[0] for volume in service["volumes"]}
    assert named == set(content["volumes"])


def test_it_agrees_with_the_image():
    service = load("compose.yaml")["services"]["m2clip"]
    image = stages((ROOT / "Dockerfile").read_text())[-1]
    assert [service["user"]] == of_kind(image, "USER")
    (check,) = of_kind(image, "HEALTHCHECK")
    assert all(f'"{word}"' in check for word in service["healthcheck"]["test"][1:])
    assert (FOLDER / service["build"]["context"] / "Dockerfile").is_file()


def test_only_the_main_port_is_published_and_on_loopback():
    assert load("compose.yaml")["services"]["m2clip"]["ports"] == ["127.0.0.1:8080:8080"]


def test_an_own_model_is_read_only_and_where_the_option_points():
    service = load("compose.own-model.yaml")["services"]["m2clip"]
    (volume,) = service["volumes"]
    assert volume.endswith(f":{service['environment']['M2CLIP_MODEL']}:ro")


def test_the_schema_refuses_what_is_wrong():
    for wrong in ({"services": {"m2clip": {"privileged": True}}},
                  {"services": {"m2clip": {"read_only": False}}},
                  {"services": {"m2clip": {"environment": {"M2CLIP_DRAIN_S": 60}}}},
                  {"services": {}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)
