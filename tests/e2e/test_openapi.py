"""The contract is what is served: routes, methods, statuses, codes, schemas, examples."""

import json

import contract
import jsonschema
import pytest
import yaml
from cli_support import m2clip


@pytest.fixture(scope="module")
def table():
    result = m2clip("serve", "--print-routes")
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_routes_and_methods_are_the_servers(table):
    served = {(route["method"], route["path"]) for route in table}
    assert served == set(contract.operations())


def test_statuses_and_codes_of_every_route_are_the_servers(table):
    for route in table:
        served = {}
        for problem in route["problems"]:
            served.setdefault(problem["status"], set()).add(problem["code"])
        written = contract.codes_of(contract.operations()[route["method"], route["path"]])
        assert written == served, (route["method"], route["path"])


def test_every_schema_is_one_and_every_reference_leads_somewhere():
    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                contract.resolve(node)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(contract.document())
    for name, schema in contract.document()["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema), name


def test_examples_fit_their_schemas():
    for operation in contract.operations().values():
        bodies = [operation.get("requestBody", {})]
        bodies += [contract.resolve(response) for response in operation["responses"].values()]
        for body in bodies:
            for media in body.get("content", {}).values():
                for example in media.get("examples", {}).values():
                    contract.validate(example["value"], media["schema"])


def test_the_contract_is_served_as_it_lies_in_the_tree(server):
    reply = server.get("/openapi.yaml")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/yaml"
    assert yaml.safe_load(reply.text) == contract.document()


def checked(method, path, reply):
    media = reply.headers.get("Content-Type", "")
    body = reply.json() if "json" in media else reply.text
    contract.check(method, path, reply.status_code, media, body)
    return reply


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/models", "/openapi.yaml"])
def test_gets_answer_by_the_contract(server, path):
    assert checked("GET", path, server.get(path)).status_code == 200
    assert checked("GET", path, server.post(path, data=b"x")).status_code == 405
    head = server.session.head(server.url + path, timeout=10)
    assert head.status_code == 200 and head.content == b""
    assert head.headers["Content-Length"] == str(len(server.get(path).content))


def test_video_routes_answer_by_the_contract(server, clip):
    for path in ("/v1/classify", "/v1/zeroshot"):
        for views in ("1x1", "2x3"):
            reply = server.post_raw(f"{path}?views={views}&stride=2", clip)
            assert checked("POST", path, reply).status_code == 200
        for reply, status in (
            (server.post_raw(f"{path}?top_k=-1", clip), 400),
            (server.post_json(path, url="http://example/"), 403),
            (server.post_json(path, video_id="x"), 404),
            (server.post_raw(f"{path}?model=none", clip), 404),
            (server.get(path), 405),
            (server.post_raw(path, clip, content_type="text/plain"), 415),
            (server.post_raw(path, b"no video"), 422),
            (server.post_raw(f"{path}?timeout_ms=1", clip), 504),
        ):
            assert checked("POST", path, reply).status_code == status, reply.text
    everything = server.post_json("/v1/zeroshot", clip, labels=["a", {"name": "b", "id": "7"}],
                                  background=["c"], classes=True, min_score=0.0)
    assert checked("POST", "/v1/zeroshot", everything).status_code == 200
    nothing = server.post_json("/v1/zeroshot", clip, labels=["a", "b"], min_similarity=1)
    assert checked("POST", "/v1/zeroshot", nothing).json()["unknown"] is True
