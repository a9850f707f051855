"""openapi.yaml as a judge: is an answer one that the contract allows?

Every session of these tests asks it about every answer (conftest.py), raw replies are held to it in
server_support.read_reply.
"""

import functools
import json
import re
import urllib.parse

import jsonschema
import yaml
from cli_support import ROOT


@functools.lru_cache(maxsize=None)
def document():
    return yaml.safe_load((ROOT / "openapi.yaml").read_text())


def resolve(node):
    while "$ref" in node:
        target = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def validate(value, schema):
    resolver = jsonschema.RefResolver.from_schema(document())
    jsonschema.Draft202012Validator(schema, resolver=resolver).validate(value)


def operations():
    """{(METHOD, path): operation}"""
    return {(method.upper(), path): operation
            for path, item in document()["paths"].items() for method, operation in item.items()
            if method != "parameters"}


def codes_of(operation):
    """{status: set of problem codes} of an operation's problems."""
    found = {}
    for status, response in operation["responses"].items():
        codes = resolve(response).get("x-codes")
        if codes:
            found[int(status)] = set(codes)
    return found


def check(method, path, status, content_type, body):
    """Fails unless the contract allows this answer. `body`: parsed JSON, or text."""
    operation = operations()[method, path]
    assert str(status) in operation["responses"], (method, path, status, body)
    response = resolve(operation["responses"][str(status)])
    if "content" not in response:
        assert not content_type and not body, (method, path, status, content_type)
        return
    media = re.split(r"\s*;", content_type)[0]
    assert media in response["content"], (method, path, status, content_type)
    validate(body, response["content"][media]["schema"])
    if media == "application/problem+json":
        assert body["status"] == status, body
        assert body["code"] in response["x-codes"], (method, path, body)


def operation_of(method, path):
    """The key of the operation that a request's path belongs to, or None where there is none."""
    for known_method, template in operations():
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        if known_method == method and re.fullmatch(pattern, path):
            return known_method, template
    return None


def check_problem(status, body):
    """A problem of any route, or of none."""
    validate(body, document()["components"]["schemas"]["Problem"])
    assert body["status"] == status, body


def read_body(response, media):
    if media.endswith("json"):
        return response.json()
    return response.text


def judge(response, **_options):
    """A hook of requests: fails unless the contract allows the response."""
    request = response.request
    key = operation_of(request.method, urllib.parse.urlsplit(request.url).path)
    content_type = response.headers.get("Content-Type", "")
    media = re.split(r"\s*;", content_type)[0]
    if media == "application/problem+json":
        check_problem(response.status_code, response.json())
        if response.json()["code"] == "route_not_found":
            return  # not served on this listener: no operation answered
    if key is None:
        assert response.status_code >= 400 or request.method in ("HEAD", "OPTIONS"), request.url
    elif media in STREAMED:
        assert str(response.status_code) in operations()[key]["responses"], request.url
    else:
        check(*key, response.status_code, content_type, read_body(response, media))


STREAMED = ("application/x-ndjson", "text/event-stream")


def judge_raw(status, headers, body):
    """A reply read from a socket: a problem must be one."""
    if headers.get("content-type", "").startswith("application/problem+json") and body:
        check_problem(status, json.loads(body))
