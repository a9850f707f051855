"""More work than the machine does at once: batches, lanes, refusals, deadlines, clients that leave."""

import concurrent.futures
import socket
import time

import pytest
import requests
from cli_support import make_clip
from server_support import Server, read_reply, without_times

LONG = "/v1/classify?views=10x3&stride=8&frames=32&timeout_ms=300000"
KEYS = {name: f"{name}-0123456789abcdef" for name in ("alice", "bob")}
OWN_RUN = {"Content-Type": "video/mp4", "Cache-Control": "no-store"}


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    """A clip with frames enough for many views."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return make_clip(path, seconds=10, size="640x480", rate=30).read_bytes()


@pytest.fixture
def start(tmp_path, tiny_model):
    """Starts servers whose vectors do not depend on the batch."""
    servers = []

    def start_server(*options):
        servers.append(Server(tmp_path, tiny_model, "--backend", "native", "--precision", "f32", *options))
        return servers[-1]

    yield start_server
    for running in servers:
        if running.process.poll() is None:
            running.stop()


def metrics(server):
    """All samples by name and labels."""
    values = {}
    for line in server.get("/metrics", headers={"X-API-Key": KEYS["alice"]}).text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            values[name] = float(value)
    return values


def wait_until(server, condition, timeout_s=60):
    """Polls the metrics until they meet the condition."""
    end = time.monotonic() + timeout_s
    while True:
        values = metrics(server)
        if condition(values):
            return values
        assert time.monotonic() < end, values
        time.sleep(0.01)


def post(server, path, body, **headers):
    return requests.post(server.url + path, data=body, headers={**OWN_RUN, **headers}, timeout=280)


def send_request(server, path, body):
    """Sends a request on a connection of its own, which the caller closes."""
    connection = server.connect()
    connection.sendall((f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                        f"Cache-Control: no-store\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body)
    return connection


def is_encoding(values):
    return values['m2clip_queue_length{lane="long"}'] > 0


def test_clips_of_many_requests_share_passes_and_answers_stay(start, clip):
    server = start("--max-batch-clips", "4", "--max-wait-ms", "1000", "--decoders", "3")
    path = "/v1/classify?views=1x3"
    reference = without_times(post(server, path, clip).json())
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        replies = [job.result() for job in [pool.submit(post, server, path, clip) for _ in range(12)]]
    assert all(reply.status_code == 200 for reply in replies)
    assert all(without_times(reply.json()) == reference for reply in replies)
    values = metrics(server)
    assert values["m2clip_batch_clips_sum"] == 13 * 3
    # Three views at a time where nobody shares; four where the next request is there.
    assert values['m2clip_batch_clips_bucket{le="4"}'] > values['m2clip_batch_clips_bucket{le="2"}']
    assert values["m2clip_batch_clips_count"] < 13 * 3
    logged = [line.get("batch_clips", 0) for line in server.log_lines() if line["event"] == "request"]
    assert 2 < max(logged) <= 4
    assert server.stop() == 0


def test_one_request_of_many_views_fills_its_passes(start, long_clip):
    server = start("--max-batch-clips", "2")
    assert post(server, LONG, long_clip).status_code == 200
    values = metrics(server)
    assert values["m2clip_batch_clips_sum"] == 30
    assert values["m2clip_batch_clips_count"] == 15
    assert server.stop() == 0


def test_short_clip_passes_long_work(start, clip, long_clip):
    server = start("--decoders", "2")
    reference = without_times(post(server, "/v1/classify", clip).json())
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        work = [pool.submit(post, server, LONG, long_clip) for _ in range(3)]
        wait_until(server, is_encoding)
        reply = post(server, "/v1/classify", clip)
        assert not all(job.done() for job in work)
        assert without_times(reply.json()) == reference
        assert all(job.result().status_code == 200 for job in work)
    assert server.stop() == 0


def test_what_exceeds_the_budget_is_refused_before_its_body(start, clip, long_clip):
    server = start("--max-queue-ms", "1")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        work = pool.submit(post, server, LONG, long_clip)
        wait_until(server, lambda values: values["m2clip_admitted_seconds"] > 0)
        with server.connect() as connection:
            connection.sendall(f"POST {LONG} HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                               f"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n".encode())
            status, headers, body = read_reply(connection)
        assert status == 503 and b"queue_full" in body
        assert 1 <= int(headers["retry-after"]) <= 30
        assert post(server, "/v1/classify", clip).status_code == 200  # short work has a share of its own
        assert server.get("/readyz").status_code == 200
        assert work.result().status_code == 200
    assert post(server, LONG, long_clip).status_code == 200  # what was refused finds room again
    values = wait_until(server, lambda values: values["m2clip_admitted_seconds"] == 0)
    assert values['m2clip_requests_refused_total{reason="queue_full"}'] == 1
    assert server.stop() == 0


def test_request_that_grows_past_the_budget_is_refused_when_it_is_read(start, clip, long_clip):
    server = start("--max-queue-ms", "1")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        work = pool.submit(post, server, LONG, long_clip)
        wait_until(server, lambda values: values["m2clip_admitted_seconds"] > 0)
        reply = server.post_form("/v1/classify", clip, views="10x3", stride=1, frames=32)
        assert reply.status_code == 503 and reply.json()["code"] == "queue_full"
        assert 1 <= int(reply.headers["Retry-After"]) <= 30
        assert work.result().status_code == 200
    wait_until(server, lambda values: values["m2clip_admitted_seconds"] == 0)
    assert server.stop() == 0


def test_client_gets_no_more_than_its_share_while_others_wait(start, tmp_path, long_clip):
    keys = tmp_path / "keys"
    keys.write_text("".join(f"{name}:infer:{key}\n" for name, key in KEYS.items()))
    keys.chmod(0o600)
    server = start("--max-queue-ms", "1", "--api-key-file", keys)
    alice, bob = ({"X-API-Key": KEYS[name]} for name in ("alice", "bob"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        work = pool.submit(post, server, LONG, long_clip, **alice)
        wait_until(server, lambda values: values["m2clip_admitted_seconds"] > 0)
        # Alone she may have everything, so it is the queue that is full; Bob then waits for some of it.
        assert post(server, LONG, long_clip, **alice).json()["code"] == "queue_full"
        assert post(server, LONG, long_clip, **bob).json()["code"] == "queue_full"
        reply = post(server, LONG, long_clip, **alice)
        assert reply.status_code == 429 and reply.json()["code"] == "rate_limited"
        assert 1 <= int(reply.headers["Retry-After"]) <= 30
        assert work.result().status_code == 200
    assert server.stop() == 0


def test_expired_work_is_not_decoded(start, long_clip):
    server = start("--decoders", "1", "--max-decoded-bytes", "1")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, server, LONG, long_clip)
        wait_until(server, is_encoding)
        decoded_s = metrics(server)["m2clip_decode_seconds_total"]
        # The first one's frames take all the memory there is, so this one waits for it.
        late = post(server, LONG.replace("300000", "100"), long_clip)
        assert late.status_code == 504 and late.json()["code"] == "deadline"
        values = metrics(server)
        if not first.done():
            assert values['m2clip_decodes{state="waiting"}'] == 0
            assert values["m2clip_decode_seconds_total"] == decoded_s
        assert first.result().status_code == 200
    assert metrics(server)["m2clip_batch_clips_sum"] == 30
    assert server.stop() == 0


@pytest.mark.parametrize("reset", [False, True])
def test_clients_that_leave_free_what_waits_and_what_runs(start, clip, long_clip, reset):
    server = start("--decoders", "1", "--max-decoded-bytes", "1")
    reference = without_times(post(server, "/v1/classify", clip).json())

    def leave(connection):
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()

    encoding = send_request(server, LONG, long_clip)
    wait_until(server, is_encoding)
    waiting = send_request(server, LONG, long_clip)
    wait_until(server, lambda values: values['m2clip_decodes{state="waiting"}'] == 1
               or not is_encoding(values))
    leave(waiting)
    wait_until(server, lambda values: values['m2clip_decodes{state="waiting"}'] == 0)
    leave(encoding)
    values = wait_until(server, lambda values: values["m2clip_jobs"] == 0
                        and values["m2clip_decoded_bytes"] == 0)
    assert values['m2clip_queue_length{lane="long"}'] == 0
    assert values["m2clip_admitted_seconds"] == 0
    decoding = send_request(server, LONG, long_clip)
    wait_until(server, lambda values: values["m2clip_jobs"] > 0)
    leave(decoding)
    wait_until(server, lambda values: values["m2clip_jobs"] == 0 and values["m2clip_decoded_bytes"] == 0)
    assert without_times(post(server, "/v1/classify", clip).json()) == reference
    values = metrics(server)
    ended = sum(values.get(name, 0) for name in values
                if name.startswith(("m2clip_requests_answered_total", "m2clip_requests_gone_total",
                                    "m2clip_requests_expired_total")))
    assert values["m2clip_requests_accepted_total"] == ended + values["m2clip_requests_under_way"]
    assert server.stop() == 0


def test_several_workers_answer_as_one_does(start, clip):
    answers = []
    for options in (["--threads", "1"], ["--threads", "2", "--workers", "2", "--max-batch-clips", "1"]):
        server = start(*options)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            jobs = [pool.submit(post, server, "/v1/classify?views=1x3", clip) for _ in range(6)]
            answers += [without_times(job.result().json()) for job in jobs]
        assert metrics(server)["m2clip_teams"] == (2 if "--workers" in options else 1)
        assert server.stop() == 0
    assert all(answer == answers[0] for answer in answers)
