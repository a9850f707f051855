"""Servers, models and clips that several tests share."""

import contract
import pytest
import requests
from cli_support import make_clip
from server_support import Server, make_tiny_model


class JudgedSession(requests.Session):
    """Every answer that any test gets must be one that openapi.yaml allows."""

    def __init__(self):
        super().__init__()
        self.hooks["response"].append(contract.judge)


requests.Session = requests.sessions.Session = JudgedSession


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """The bytes of a good video."""
    return make_clip(tmp_path_factory.mktemp("clip") / "good.mp4", seconds=2).read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory, tiny_model):
    """A server on the tiny model; it must end well."""
    running = Server(tmp_path_factory.mktemp("server"), tiny_model, "--precision", "f32", "--backend",
                     "openblas")
    yield running
    assert running.stop() == 0, running.log_text()


@pytest.fixture
def start(tmp_path):
    """Starts servers that a test stops itself; what is left is stopped after it."""
    servers = []

    def start_server(model, *options, **settings):
        servers.append(Server(tmp_path, model, "--backend", "openblas", *options, **settings))
        return servers[-1]

    yield start_server
    for running in servers:
        if running.process.poll() is None:
            running.stop()
