"""A server's life: start, refusal to start, probes, clients that leave, and the end."""

import concurrent.futures
import os
import shutil
import signal
import socket
import time

import pytest
import requests
from cli_support import SHARED, m2clip, make_clip
from server_support import Server, read_reply, without_times


@pytest.fixture(scope="module")
def heavy_clip(tmp_path_factory):
    """A clip that keeps the decoder busy for a while."""
    path = tmp_path_factory.mktemp("heavy") / "heavy.mp4"
    return make_clip(path, seconds=10, size="320x240", rate=30).read_bytes()


HEAVY = "/v1/classify?views=10x3&stride=8&frames=32&timeout_ms=300000"


def post_heavy(pool, server, body, count):
    """`count` requests at once that take a while, each of its own; their futures."""
    headers = {"Content-Type": "video/mp4", "Cache-Control": "no-store"}
    return [pool.submit(requests.post, server.url + HEAVY, data=body, headers=headers, timeout=280)
            for _ in range(count)]


def test_wrong_models_end_the_start_with_one_sentence(tmp_path, tiny_model):
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    for folder in (broken, tmp_path / "missing"):
        server = Server(tmp_path, folder, "--log-level", "error", wait=False)
        assert server.wait() == 1
        said = [line for line in server.log_text().splitlines() if not line.startswith("{")]
        assert len(said) == 1 and said[0].startswith("m2clip"), said


def test_wrong_usage_is_exit_2(tmp_path, tiny_model):
    for options in (["--listen", "nonsense"], ["--listen", "127.0.0.1:99999"], ["--threads", "0"],
                    ["--log-level", "loud"], ["--precision", "f8"], ["--nonsense"]):
        result = m2clip("serve", "--model", tiny_model, *options)
        assert result.returncode == 2, (options, result.stderr)
    assert m2clip("serve").returncode == 2


def test_taken_address_is_exit_1(tmp_path, tiny_model):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = m2clip("serve", "--model", tiny_model, "--listen", address)
        assert result.returncode == 1 and len(result.stderr.strip().splitlines()) >= 1


def test_probe_listener_serves_probes_alone(start, tiny_model):
    server = start(tiny_model, "--probe-listen", "127.0.0.1:0")
    bound = next(line for line in server.log_lines() if line["event"] == "bound_probes")
    url = f"http://{bound['address']}"
    assert requests.get(url + "/healthz", timeout=5).status_code == 200
    assert requests.get(url + "/readyz", timeout=5).json() == {"state": "ready"}
    assert requests.get(url + "/v1/models", timeout=5).status_code == 404
    assert server.stop() == 0


def test_health_command_sees_readiness(start, tiny_model):
    server = start(tiny_model)
    assert m2clip("health", "--url", server.url).returncode == 0
    url = server.url
    assert server.stop() == 0
    assert m2clip("health", "--url", url).returncode == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_server_ends_at_once(start, tiny_model, number):
    server = start(tiny_model)
    assert server.get("/healthz").status_code == 200  # leaves a kept connection behind
    began = time.monotonic()
    assert server.stop(number) == 0
    assert time.monotonic() - began < 5


def test_accepted_work_is_answered_and_new_work_refused(start, tiny_model, heavy_clip):
    server = start(tiny_model, "--probe-listen", "127.0.0.1:0")
    probes = next(line for line in server.log_lines() if line["event"] == "bound_probes")["address"]
    kept = server.connect()
    kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST /v1/classify HTTP/1.1\r\nHost: x\r\n")
    assert read_reply(kept)[0] == 200
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = post_heavy(pool, server, heavy_clip, 4)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        state = requests.get(f"http://{probes}/readyz", timeout=5)
        assert (state.status_code, state.json()) == (503, {"state": "draining"})
        kept.sendall(b"Content-Type: video/mp4\r\nContent-Length: 3\r\n\r\nabc")
        status, headers, body = read_reply(kept)
        assert status == 503 and b'"draining"' in body and headers["connection"].lower() == "close"
        with pytest.raises(OSError):
            server.connect()
        replies = [job.result() for job in work]
    assert [reply.status_code for reply in replies] == [200] * 4
    assert all(reply.headers["Connection"].lower() == "close" for reply in replies)
    assert server.wait(60) == 0
    assert "answered 5" in server.log_text() or "answered 6" in server.log_text()


def test_body_in_flight_at_the_signal_is_still_answered(start, tiny_model, clip):
    server = start(tiny_model)
    connection = server.connect()
    connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n\r\n"
                       % len(clip) + clip[:1000])
    time.sleep(0.2)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    connection.sendall(clip[1000:])
    assert read_reply(connection)[0] == 200
    assert server.wait() == 0


def test_work_that_outlasts_the_drain_gets_503(start, tiny_model, heavy_clip):
    server = start(tiny_model, "--drain-s", "0")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        work = post_heavy(pool, server, heavy_clip, 6)
        time.sleep(0.4)
        server.process.send_signal(signal.SIGTERM)
        replies = [job.result() for job in work]
    codes = {reply.json().get("code") for reply in replies if reply.status_code != 200}
    assert codes == {"draining"}
    assert server.wait() == 0


def test_second_signal_ends_at_once(start, tiny_model, heavy_clip):
    server = start(tiny_model)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = post_heavy(pool, server, heavy_clip, 4)
        time.sleep(0.4)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        code = server.wait(10)
        assert time.monotonic() - began < 5 and code in (0, 128 + signal.SIGTERM)
        for job in work:
            assert job.exception() is not None or job.result().status_code == 200


def test_clients_that_leave_free_their_work(start, tiny_model, heavy_clip, clip):
    server = start(tiny_model)
    reference = without_times(server.post_raw("/v1/classify", clip).json())
    head = (f"POST {HEAVY} HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
            f"Content-Length: {len(heavy_clip)}\r\n\r\n").encode()
    before = server.descriptors()
    for reset in (False, True):
        connections = [server.connect() for _ in range(8)]
        for connection in connections:
            connection.sendall(head + heavy_clip)
        time.sleep(0.3)
        for connection in connections:
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            connection.close()
        deadline = time.monotonic() + 10
        while server.descriptors() > before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert server.descriptors() <= before
        answer = server.post_raw("/v1/classify", clip).json()
        assert without_times(answer) == reference
    gone = [line for line in server.log_lines() if line["event"] == "request" and line["outcome"] == "gone"]
    assert len(gone) >= 12
    assert server.stop() == 0


def test_full_queue_is_refused_before_the_body(start, tiny_model, heavy_clip):
    server = start(tiny_model, "--max-queue", "2")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        work = post_heavy(pool, server, heavy_clip, 2)
        deadline = time.monotonic() + 10
        while server.get("/readyz").json()["state"] != "degraded" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.get("/readyz").status_code == 200
        with server.connect() as connection:
            connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                               b"Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n")
            status, headers, body = read_reply(connection)
        assert status == 503 and b"queue_full" in body and 1 <= int(headers["retry-after"]) <= 30
        for job in work:
            assert job.result().status_code == 200
    assert server.stop() == 0


def test_many_requests_at_once_are_all_answered_alike(start, tiny_model, clip):
    server = start(tiny_model, "--decoders", "4")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        def ask(i):
            route = ("/v1/classify", "/v1/zeroshot?labels=a&labels=b")[i % 2]
            return i % 2, requests.post(server.url + route, data=clip, headers={"Content-Type": "video/mp4"},
                                        timeout=280)
        replies = list(pool.map(ask, range(64)))
    assert all(reply.status_code == 200 for _, reply in replies)
    for kind in (0, 1):
        answers = [without_times(reply.json()) for k, reply in replies if k == kind]
        assert all(answer == answers[0] for answer in answers)
    assert server.stop() == 0


def test_two_threads_give_the_answer_of_one(start, tiny_model, clip):
    answers = []
    for threads in ("1", "2"):
        server = start(tiny_model, "--threads", threads, "--precision", "f32")
        answers.append(without_times(server.post_raw("/v1/zeroshot?labels=a&labels=b", clip).json()))
        assert server.stop() == 0
    for mine, theirs in zip(answers[0].pop("predictions"), answers[1].pop("predictions"), strict=True):
        assert mine.pop("score") == pytest.approx(theirs.pop("score"), abs=2e-6)
        assert mine.pop("similarity") == pytest.approx(theirs.pop("similarity"), abs=2e-6)
        assert mine == theirs
    assert answers[0] == answers[1]


def test_environment_sets_options_and_typos_are_told(start, tiny_model):
    server = start(tiny_model, env={"M2CLIP_MAX_LABELS": "3", "M2CLIP_MAX_LABLES": "4"})
    assert server.get("/v1/models").json()["limits"]["max_labels"] == 3
    assert server.stop() == 0
    assert "M2CLIP_MAX_LABLES" in server.log_text()


def test_model_without_tokenizer_serves_classes_alone(start, tmp_path, clip):
    source = tmp_path / "plain"
    assert m2clip("init", "--arch", "tiny", "--seed", "1", "--classes", "3", "-o", source).returncode == 0
    for name in ("vocab.json", "merges.txt"):
        os.unlink(source / name)
    server = start(source)
    assert server.post_raw("/v1/classify", clip).status_code == 200
    reply = server.post_raw("/v1/zeroshot?labels=a", clip)
    assert (reply.status_code, reply.json()["code"]) == (409, "no_tokenizer")
    assert server.stop() == 0


def test_limits_are_options_and_are_told(start, tiny_model, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", codec=("-c:v", "libx264")).read_bytes()
    server = start(tiny_model, "--max-frame-pixels", "1000", "--max-body-bytes", len(clip), "--max-json-bytes",
                   "100", "--max-timeout-ms", "1000", "--keep-alive-s", "7")
    limits = server.get("/v1/models").json()["limits"]
    assert limits["max_frame_pixels"] == 1000 and limits["max_body_bytes"] == len(clip)
    assert limits["max_timeout_ms"] == limits["default_timeout_ms"] == 1000 and limits["keep_alive_s"] == 7
    assert server.post_raw("/v1/classify", clip).json()["code"] == "frame_too_large"
    assert server.post_raw("/v1/classify", clip + b"x").json()["code"] == "too_large"
    assert server.post_json("/v1/classify", url="x" * 100).json()["code"] == "too_large"
    assert server.post_raw("/v1/classify?timeout_ms=1001", clip).json()["field"] == "timeout_ms"
    assert server.stop() == 0
