"""TLS on the main listener, with a certificate made on the spot."""

import pathlib
import shutil
import socket
import ssl
import subprocess
import time

import pytest
import requests
from cli_support import m2clip
from server_support import TIMEOUT_S, is_closed, read_reply, without_times

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="skipped: no openssl command")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
                   check=True, capture_output=True, timeout=60)
    return cert, key


@pytest.fixture
def secure(start, tiny_model, files):
    """Starts a server that speaks TLS; its session trusts the certificate."""
    def start_secure(*options):
        server = start(tiny_model, "--tls-cert", files[0], "--tls-key", files[1], *options)
        server.session.verify = str(files[0])
        server.session.trust_env = False
        assert server.url.startswith("https://127.0.0.1:")
        return server
    return start_secure


def connect(server, cert, **settings):
    context = ssl.create_default_context(cafile=str(cert))
    for name, value in settings.items():
        setattr(context, name, value)
    plain = socket.create_connection(server.address, timeout=15)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_answers_are_those_of_plain_http(secure, start, tiny_model, clip):
    server, plain = secure(), start(tiny_model)
    answers = []
    for running in (server, plain):
        replies = [running.post_raw("/v1/classify", clip), running.post_form("/v1/classify", clip),
                   running.post_json("/v1/classify", clip), running.get("/v1/models")]
        assert [reply.status_code for reply in replies] == [200] * 4
        answers.append([without_times(reply.json()) for reply in replies[:3]])
    assert answers[0] == answers[1]
    assert server.stop() == 0 and plain.stop() == 0


def test_long_bodies_come_through(secure, clip):
    # A valid clip with rubbish behind it: only its length matters here.
    server = secure()
    body = clip + bytes(24 << 20)
    for _ in range(2):
        reply = server.post_raw("/v1/classify", body)
        assert reply.status_code == 200, reply.text
    assert server.stop() == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_protocols_and_plain_http_are_turned_away(secure, files):
    server = secure()
    with pytest.raises((ssl.SSLError, OSError)):
        connect(server, files[0], maximum_version=ssl.TLSVersion.TLSv1_1,
                minimum_version=ssl.TLSVersion.TLSv1)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with connect(server, files[0], minimum_version=version, maximum_version=version) as secured:
            secured.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_reply(secured)[0] == 200
    with server.connect() as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        plain.settimeout(15)
        try:
            data = plain.recv(65536)
        except ConnectionError:
            data = b""
        assert not data.startswith(b"HTTP/")
    assert server.get("/healthz").status_code == 200
    assert server.stop() == 0


def test_probes_stay_plain(secure):
    server = secure("--probe-listen", "127.0.0.1:0")
    bound = next(line for line in server.log_lines() if line["event"] == "bound_probes")["address"]
    assert requests.get(f"http://{bound}/readyz", timeout=TIMEOUT_S).status_code == 200
    assert server.stop() == 0


def test_refusals_in_mid_body_close_without_speaking_in_the_clear(secure, files):
    server = secure()
    with connect(server, files[0]) as secured:
        secured.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
                        b"boundary=B\r\nContent-Length: 30000000\r\n\r\n" + b"no form " * 1000)
        assert is_closed(secured, 10)
    assert server.get("/healthz").status_code == 200
    assert server.stop() == 0


def test_clients_that_leave_are_noticed(secure, files, clip):
    server = secure()
    before = server.descriptors()
    head = (b"POST /v1/classify?views=10x3&stride=8&frames=32 HTTP/1.1\r\nHost: x\r\nContent-Type: "
            b"video/mp4\r\nContent-Length: %d\r\n\r\n" % len(clip))
    for sent in (b"", head[:40], head, head + clip[: len(clip) // 2], head + clip):
        for _ in range(10):
            secured = connect(server, files[0])
            secured.sendall(sent)
            secured.close()
    end = time.monotonic() + 20
    while server.descriptors() > before + 1 and time.monotonic() < end:
        time.sleep(0.05)
    assert server.descriptors() <= before + 1
    assert server.post_raw("/v1/classify", clip).status_code == 200
    assert server.stop() == 0


def test_wrong_files_end_the_start(tmp_path, tiny_model, files):
    cert, key = files
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", str(other)],
                   check=True, capture_output=True, timeout=60)
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("nothing")
    serve = ("serve", "--model", tiny_model, "--listen", "127.0.0.1:0")
    assert m2clip(*serve, "--tls-cert", cert).returncode == 2
    assert m2clip(*serve, "--tls-key", key).returncode == 2
    assert m2clip(*serve, "--tls-cert", rubbish, "--tls-key", key).returncode == 2
    assert m2clip(*serve, "--tls-cert", cert, "--tls-key", other).returncode == 2
    missing = m2clip(*serve, "--tls-cert", pathlib.Path("/nowhere/cert.pem"), "--tls-key", key)
    assert missing.returncode == 1 and "/nowhere/cert.pem" in missing.stderr
