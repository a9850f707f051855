"""Where bodies are kept, what they cost, and what is left when their senders or readers give up."""

import base64
import json
import os
import pathlib
import random
import resource
import socket
import struct
import time

import pytest
from cli_support import keeps_memory
from server_support import is_closed, read_reply, without_times

MIB = 1 << 20
HEAVY = "/v1/classify?views=10x3&stride=8&frames=32&timeout_ms=300000"


def head(path, size, content_type="video/mp4"):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {size}\r\n\r\n").encode()


def long_body(clip, size):
    """A good clip with rubbish behind it, which no reader of its container looks at."""
    return clip + bytes(size - len(clip))


def send(server, path, body, content_type="video/mp4"):
    """Posts by hand, so that a reply in mid-body is read; (status, headers, JSON)."""
    with server.connect() as connection:
        try:
            connection.sendall(head(path, len(body), content_type) + body)
        except ConnectionError:
            pass
        status, headers, text = read_reply(connection)
        return status, headers, json.loads(text)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait_until(check, timeout_s=20):
    end = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def open_files(server):
    folder = pathlib.Path(f"/proc/{server.process.pid}/fd")
    links = []
    for entry in folder.iterdir():
        try:
            links.append(os.readlink(entry))
        except FileNotFoundError:
            pass
    return links


def bodies(server):
    return [link for link in open_files(server) if "m2clip-body" in link or "(deleted)" in link]


def test_long_bodies_are_spooled_and_answered_alike(start, tiny_model, clip, tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    server = start(tiny_model, "--spool-dir", spool)
    short = server.post_raw("/v1/classify", clip).json()
    body = long_body(clip, 40 * MIB)
    with server.connect() as connection:
        connection.sendall(head("/v1/classify", len(body)) + body[: 30 * MIB])
        assert wait_until(lambda: any(str(spool) in link for link in open_files(server)))
        assert list(spool.iterdir()) == []  # it has no name
        connection.sendall(body[30 * MIB :])
        status, _, text = read_reply(connection)
    assert status == 200, text
    assert json.loads(text)["predictions"] == short["predictions"]
    form = server.post_form("/v1/classify", body, top_k="3")
    assert form.status_code == 200 and form.json()["video"]["id"] == json.loads(text)["video"]["id"]
    assert wait_until(lambda: bodies(server) == [])
    assert list(spool.iterdir()) == []
    assert server.stop() == 0


def test_long_bodies_do_not_fill_memory(start, tiny_model, clip):
    server = start(tiny_model)
    assert server.post_raw("/v1/classify", clip).status_code == 200
    before = server.rss_kib()
    body = long_body(clip, 120 * MIB)
    with server.connect() as connection:
        connection.sendall(head("/v1/classify", len(body)) + body[:-1])
        time.sleep(0.3)
        assert server.rss_kib() - before < 8 * 1024
        connection.sendall(body[-1:])
        assert read_reply(connection)[0] == 200
    assert server.stop() == 0


def test_memory_budget_refuses_at_the_headers_and_recovers(start, tiny_model, clip):
    server = start(tiny_model, "--body-memory-bytes", MIB)
    held = server.connect()
    held.sendall(head("/v1/classify", MIB - 1000) + b"x" * 1000)
    assert wait_until(lambda: len(bodies(server)) == 1)
    with server.connect() as connection:  # not a byte of the body is sent, and none asked for
        connection.sendall(head("/v1/classify", len(clip)).replace(
            b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        status, headers, text = read_reply(connection)
    assert (status, json.loads(text)["code"]) == (503, "queue_full")
    assert int(headers["retry-after"]) >= 1
    assert server.get("/v1/models").headers["Connection"].lower() == "close"  # memory is tight
    held.close()
    assert wait_until(lambda: server.post_raw("/v1/classify", clip).status_code == 200, 10)
    assert server.stop() == 0


def test_spool_budget_refuses_at_the_headers_and_recovers(start, tiny_model, clip):
    server = start(tiny_model, "--spool-bytes", 16 * MIB)
    body = long_body(clip, 10 * MIB)
    held = server.connect()
    held.sendall(head("/v1/classify", len(body)) + body[:MIB])
    assert wait_until(lambda: len(bodies(server)) == 1)
    status, headers, problem = send(server, "/v1/classify", body)
    assert (status, problem["code"]) == (503, "storage") and int(headers["retry-after"]) >= 1
    assert server.post_raw("/v1/classify", clip).status_code == 200  # short ones need none of it
    held.sendall(body[MIB:])
    assert read_reply(held)[0] == 200
    held.close()
    assert wait_until(lambda: send(server, "/v1/classify", body)[0] == 200, 10)
    assert server.stop() == 0


def test_folder_that_cannot_be_written_is_503_for_long_bodies_alone(start, tiny_model, clip, tmp_path):
    server = start(tiny_model, "--spool-dir", tmp_path / "missing")
    status, _, problem = send(server, "/v1/classify", long_body(clip, 6 * MIB))
    assert (status, problem["code"]) == (503, "storage")
    assert str(tmp_path) not in json.dumps(problem)
    assert server.post_raw("/v1/classify", clip).status_code == 200
    (tmp_path / "missing").mkdir()
    assert send(server, "/v1/classify", long_body(clip, 6 * MIB))[0] == 200
    assert server.stop() == 0


def test_disk_that_fills_in_mid_body_is_503_until_there_is_room(start, tiny_model, clip):
    server = start(tiny_model)
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (6 * MIB, limits[1]))
    for size in (16 * MIB, 6 * MIB + 200_000):  # far from the end, and near it
        status, headers, problem = send(server, "/v1/classify", long_body(clip, size))
        assert (status, problem["code"]) == (503, "storage"), problem
        assert headers["connection"].lower() == "close"
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    assert send(server, "/v1/classify", long_body(clip, 16 * MIB))[0] == 200
    assert wait_until(lambda: bodies(server) == [])
    assert server.stop() == 0


def test_two_hundred_aborted_uploads_leave_nothing(start, tiny_model, clip, tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    server = start(tiny_model, "--spool-dir", spool)
    wanted = without_times(server.post_raw("/v1/classify", clip).json())
    before = server.descriptors()
    body = long_body(clip, 6 * MIB)
    dice = random.Random(7)
    for i in range(200):
        connection = server.connect()
        size = len(body) if i % 4 == 0 else len(clip)
        connection.sendall(head("/v1/classify", size) + body[: dice.randrange(size)])
        reset(connection) if i % 2 else connection.close()
    assert wait_until(lambda: server.descriptors() <= before + 1), open_files(server)
    assert wait_until(lambda: bodies(server) == []) and list(spool.iterdir()) == []
    assert without_times(server.post_raw("/v1/classify", clip).json()) == wanted
    assert server.stop() == 0


def test_base64_is_held_once(start, tiny_model, clip):
    server = start(tiny_model)
    reply = server.post_json("/v1/classify", clip)
    assert reply.status_code == 200
    body = json.dumps({"video": base64.b64encode(long_body(clip, 24 * MIB - 1024)).decode(), "top_k": 3})
    assert 31 * MIB < len(body) <= 32 * MIB
    before = server.rss_kib()
    peak_before = peak_rss_kib(server)
    status, _, answer = send(server, "/v1/classify", body.encode(), "application/json")
    assert status == 200, answer
    assert answer["predictions"] == reply.json()["predictions"][:3]
    grown = peak_rss_kib(server) - max(before, peak_before)
    # The text is 32 MiB, the video in it 24: side by side they would be 56.
    assert keeps_memory() or grown < 40 * 1024, f"{grown} KiB for a body of 32 MiB"
    assert server.stop() == 0


def peak_rss_kib(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def test_base64_videos_of_several_inputs_are_told_apart(server, clip):
    rubbish = b"no video at all" * 5000
    text = json.dumps({"inputs": [{"video": base64.b64encode(data).decode()}
                                  for data in (clip, rubbish, clip)]})
    slashes = text.replace("/", "\\/")
    for body in (text, slashes, text + " " * 70000):
        reply = server.post("/v1/classify", data=body, headers={"Content-Type": "application/json"})
        assert reply.status_code == 200, reply.text
        first, second, third = reply.json()["results"]
        assert second["error"]["code"] == "undecodable_video"
        assert first["predictions"] == third["predictions"]
    single = server.post_raw("/v1/classify", clip).json()
    assert first["video"]["id"] == single["video"]["id"]
    assert first["predictions"] == single["predictions"]


@pytest.mark.parametrize("padding", [0, 70000])  # read on the loop, and off it
def test_bad_base64_names_its_field(server, clip, padding):
    good = base64.b64encode(clip).decode()
    middle = len(good) // 2
    bad = [("video", {"video": good[:-1]}), ("video", {"video": ""}),
           ("video", {"video": good[:middle] + "\n" + good[middle + 1 :]}),
           ("video", {"video": good[:middle] + "\u00e9" + good[middle + 1 :]}),
           ("video", {"video": good[:middle] + "=" + good[middle + 1 :]}),
           ("inputs[1].video", {"inputs": [{"video": good}, {"video": good[:4] + "-" + good[5:]}]})]
    for field, members in bad:
        body = json.dumps(members, ensure_ascii=False) + " " * padding
        reply = server.post("/v1/classify", data=body.encode(), headers={"Content-Type": "application/json"})
        assert reply.status_code == 400, reply.text
        assert reply.json()["field"] == field, reply.text
    escaped = json.dumps({"video": good}).replace("A", "\\u0041", 1) + " " * padding
    reply = server.post("/v1/classify", data=escaped, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["field"]) == (400, "video")
    twice = f'{{"video": "{good}", "video": "{good}"}}' + " " * padding
    reply = server.post("/v1/classify", data=twice, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400 and "twice" in reply.json()["detail"]


def in_pieces(body, size):
    for at in range(0, len(body), size):
        yield body[at : at + size]


def test_chunked_bodies_come_where_they_are_allowed(start, tiny_model, clip):
    server = start(tiny_model, "--allow-chunked", "--max-body-bytes", 8 * MIB)
    wanted = server.post_raw("/v1/classify", clip).json()["predictions"]
    video, as_json = {"Content-Type": "video/mp4"}, {"Content-Type": "application/json"}
    text = json.dumps({"video": base64.b64encode(clip).decode()}).encode()
    for body, headers in ((clip, video), (long_body(clip, 8 * MIB), video), (text, as_json)):
        for size in (1000, 100_000):
            reply = server.post("/v1/classify", data=in_pieces(body, size), headers=headers)
            assert reply.status_code == 200, reply.text
            assert reply.json()["predictions"] == wanted
    with server.connect() as connection:  # one byte too many
        chunk = b"100000\r\n" + bytes(MIB) + b"\r\n"
        try:
            connection.sendall(head("/v1/classify", 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
                               + chunk * 8 + b"1\r\nx\r\n0\r\n\r\n")
        except ConnectionError:
            pass
        assert read_reply(connection)[0] == 413
    with server.connect() as connection:
        connection.sendall(head("/v1/classify", 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
                           + b"0\r\n\r\n")
        assert read_reply(connection)[0] == 400
    assert wait_until(lambda: bodies(server) == [])
    assert server.stop() == 0


def leave_in_headers(server, clip, dice):
    request = head("/v1/classify", len(clip))
    connection = server.connect()
    connection.sendall(request[: dice.randrange(1, len(request) - 2)])
    return connection


def leave_in_body(server, clip, dice):
    connection = server.connect()
    connection.sendall(head("/v1/classify", len(clip)) + clip[: dice.randrange(len(clip))])
    return connection


def leave_in_long_body(server, clip, dice):
    body = long_body(clip, 5 * MIB)
    connection = server.connect()
    connection.sendall(head("/v1/classify", len(body)) + body[: dice.randrange(4 * MIB, len(body))])
    return connection


def leave_while_it_works(server, clip, dice):
    connection = server.connect()
    connection.sendall(head(HEAVY, len(clip)) + clip)
    time.sleep(dice.random() * 0.02)
    return connection


def leave_in_reply(server, clip, dice):
    connection = server.connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(b"GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n" * 30)
    connection.recv(dice.randrange(1, 2000))
    return connection


PHASES = [leave_in_headers, leave_in_body, leave_in_long_body, leave_while_it_works, leave_in_reply]


@pytest.mark.parametrize("leave", PHASES, ids=lambda phase: phase.__name__)
def test_departures_leave_nothing_behind(server, clip, leave):
    wanted = without_times(server.post_raw("/v1/classify", clip).json())
    assert wait_until(lambda: bodies(server) == [])
    before = server.descriptors()
    dice = random.Random(leave.__name__)
    for i in range(50):
        connection = leave(server, clip, dice)
        reset(connection) if i % 2 else connection.close()
    assert wait_until(lambda: bodies(server) == [] and server.descriptors() <= before + 1), open_files(server)
    assert without_times(server.post_raw("/v1/classify", clip).json()) == wanted


def test_reader_that_does_not_read_is_closed(start, tiny_model):
    server = start(tiny_model, "--reply-deadline-s", 1)
    before = server.descriptors()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(server.address)
    connection.settimeout(1)
    try:
        while True:
            connection.sendall(b"GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
    except (TimeoutError, ConnectionError):
        pass
    assert server.get("/healthz").status_code == 200
    assert wait_until(lambda: server.descriptors() <= before + 1, 30)
    connection.setblocking(True)
    connection.settimeout(10)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    connection.close()
    assert server.stop() == 0


def test_bodies_that_come_too_slowly_get_408_and_their_room_is_free_again(start, tiny_model, clip):
    server = start(tiny_model, "--body-deadline-s", 2)
    with server.connect() as connection:
        connection.sendall(head("/v1/classify", 6 * MIB) + clip)
        status, headers, text = read_reply(connection)
        assert (status, json.loads(text)["code"]) == (408, "body_timeout")
        assert headers["connection"].lower() == "close" and is_closed(connection)
    assert wait_until(lambda: bodies(server) == [])
    assert server.stop() == 0
