"""openapi.yaml as a judge: is an answer one that the contract allows?"""

import functools
import re

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
