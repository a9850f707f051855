"""HTTP as strangers speak it: what the guard decides, by exact bytes."""

import socket
import time

import pytest
from server_support import exchange, is_closed, read_reply

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"


@pytest.fixture(autouse=True)
def answers_after(server):
    """Whatever was sent, the next good request on a new connection is answered."""
    yield
    assert server.process.poll() is None
    assert server.get("/healthz").status_code == 200


def refused(server, data, *statuses, close=True):
    (status, headers, body), closed = exchange(server, data)
    assert status in statuses, (data[:200], status, body)
    if close:
        assert closed, data[:200]
    return status, headers, body


def test_smuggled_request_is_not_run(server):
    for framing in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"):
        data = POST + framing + b"\r\n0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
        with server.connect() as connection:
            connection.sendall(data)
            status, _, _ = read_reply(connection)
            assert status == 400
            assert is_closed(connection)


def test_chunked_bodies_want_a_length(server):
    _, _, body = refused(server, POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411)
    assert b"length_required" in body


@pytest.mark.parametrize("encoding", [b"xchunked", b"identity", b"gzip, chunked", b"\x0bchunked"])
def test_other_transfer_encodings_are_refused(server, encoding):
    refused(server, POST + b"Transfer-Encoding: " + encoding + b"\r\n\r\n0\r\n\r\n", 400, 501, 0)


def test_transfer_encoding_twice_and_on_http_1_0(server):
    refused(server, POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n", 400)
    refused(server, POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)


def test_folded_and_misspelt_headers(server):
    refused(server, POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400)
    refused(server, GET.replace(b"Host", b" X: y\r\nHost") + b"\r\n", 400)
    refused(server, GET + b"X-A : b\r\n\r\n", 400)
    refused(server, GET + b"X(A): b\r\n\r\n", 400)


@pytest.mark.parametrize("length", [b"+5", b"-5", b"0x5", b"5, 5", b"", b"5a"])
def test_lengths_that_are_no_digits(server, length):
    refused(server, POST + b"Content-Length: " + length + b"\r\n\r\nhello", 400)


def test_two_lengths(server):
    refused(server, POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400)
    refused(server, POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400)


@pytest.mark.parametrize("length", [b"536870913", b"18446744073709551615", b"18446744073709551616",
                                    b"99999999999999999999999"])
def test_lengths_over_the_limit_are_413_before_the_body(server, length):
    refused(server, POST + b"Content-Length: " + length + b"\r\nExpect: 100-continue\r\n\r\n", 413)


def test_hosts(server):
    refused(server, b"GET /healthz HTTP/1.1\r\n\r\n", 400)
    refused(server, GET + b"Host: y\r\n\r\n", 400)
    refused(server, b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400)


@pytest.mark.parametrize("target", [b"http://x/healthz", b"*", b"/a%00b", b"/%2e%2e/healthz", b"//healthz",
                                    b"/%zz", b"/\xff", b"/./healthz", b"/healthz/../healthz", b"/a\\b"])
def test_doubtful_targets(server, target):
    refused(server, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400, 404, close=False)


def test_other_versions(server):
    refused(server, b"GET /healthz HTTP/1.9\r\nHost: x\r\n\r\n", 400, 505)
    refused(server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505, 0)
    with server.connect() as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60))
        connection.shutdown(socket.SHUT_WR)
        assert read_reply(connection)[0] in (0, 400)


def test_http_1_0_is_served_and_closed(server):
    (status, _, _), closed = exchange(server, b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n")
    assert status == 200 and closed


@pytest.mark.parametrize("method", [b"get", b"TRACE", b"CONNECT", b"OPTIONS", b"PATCH", b"M" * 8000])
def test_methods_that_are_not_served(server, method):
    status, headers, _ = refused(server, method + b" /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405, 501, close=False)
    assert headers["allow"] == "GET, HEAD"


def test_bodies_where_none_may_be(server):
    for method in (b"GET", b"HEAD"):
        refused(server, method + b" /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 400)


def test_large_heads(server):
    refused(server, GET + b"X: " + b"y" * 20000 + b"\r\n\r\n", 431)
    refused(server, GET + b"X: " + b"y" * 100000 + b"\r\n\r\n", 431, 413, 0)
    refused(server, GET + b"X: y\r\n" * 101 + b"\r\n", 431)
    refused(server, GET + b"X: y\r\n" * 2000 + b"\r\n", 431, 413, 0)
    refused(server, b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414)
    refused(server, b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, 0)


def test_expectations(server, clip):
    refused(server, POST + b"Content-Length: 5\r\nExpect: foo\r\n\r\nhello", 417)
    head = POST + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(clip)
    with server.connect() as connection:
        connection.sendall(head)
        connection.settimeout(5)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(clip)
        assert read_reply(connection)[0] == 200


def test_endless_chunk_line_costs_no_cpu(server):
    with server.connect() as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 30000)
        assert read_reply(connection)[0] == 411
        before = server.cpu_ticks()
        time.sleep(2)
        assert server.cpu_ticks() - before <= 5


def test_million_one_byte_chunks_cost_no_memory(server):
    before = server.rss_kib()
    with server.connect() as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            connection.sendall(b"1\r\nx\r\n" * 1000000)
        except OSError:
            pass
        assert read_reply(connection)[0] == 411
    assert server.rss_kib() - before < 2048


def test_keep_alive_serves_a_thousand_requests_then_closes(server):
    with server.connect() as connection:
        for i in range(1000):
            connection.sendall(GET + b"\r\n")
            status, headers, _ = read_reply(connection)
            assert status == 200
            assert ("connection" in headers and headers["connection"].lower() == "close") == (i == 999)
        assert is_closed(connection)


def test_connection_is_kept_after_a_refusal_without_a_body(server):
    with server.connect() as connection:
        for path, expected in ((b"/nope", 404), (b"/healthz", 200), (b"/v1/classify", 405), (b"/healthz", 200)):
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_reply(connection)[0] == expected


def test_pipelined_requests_are_answered_in_order(server, clip):
    video = POST + b"Content-Length: %d\r\n\r\n" % len(clip) + clip
    cheap = GET + b"\r\n"
    with server.connect() as connection:
        connection.sendall(cheap * 20 + video + cheap + video + cheap * 3)
        stream = connection.makefile("rb")
        for i in range(26):
            status = int(stream.readline().split()[1])
            length, kind = 0, b""
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            kind = stream.read(length)
            assert status == 200
            assert (b"predictions" in kind) == (i in (20, 22))


def test_body_longer_than_its_length_is_the_next_request(server, clip):
    data = POST + b"Content-Length: %d\r\n\r\n" % len(clip) + clip + b"junk that is no request\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(data)
        status, _, body = read_reply(connection)
        assert status == 200 and b"predictions" in body
        connection.shutdown(socket.SHUT_WR)
        assert is_closed(connection) or True


def test_one_byte_segments_are_put_together(server, clip):
    small = POST + b"Content-Length: 3\r\n\r\nabc"
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in small:
            connection.sendall(bytes([byte]))
        assert read_reply(connection)[0] == 422


def test_refusal_is_readable_while_the_client_still_pushes(server):
    with server.connect() as connection:
        connection.sendall(POST.replace(b"video/mp4", b"text/plain") + b"Content-Length: 5000000\r\n\r\n")
        connection.sendall(bytes(5000000))
        assert read_reply(connection)[0] == 415
        assert is_closed(connection)


def test_broken_form_is_refused_in_mid_body(server):
    head = POST.replace(b"video/mp4", b"multipart/form-data; boundary=B") + b"Content-Length: 30000000\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(head + b"this is no form")
        status, headers, _ = read_reply(connection)
        assert status == 400 and headers["connection"] == "close"


def requests_gone(server):
    lines = server.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("m2clip_requests_gone_total"))


@pytest.mark.parametrize("sent", [0, 1, 100, 5000])
def test_aborted_uploads_leave_nothing_open(server, clip, sent):
    before, gone = server.descriptors(), requests_gone(server)
    for _ in range(50):
        connection = server.connect()
        connection.sendall(POST + b"Content-Length: 100000\r\n\r\n" + clip[:sent].ljust(sent, b"x"))
        connection.close()
    # All of them were seen, come and gone: a busy machine may take its time to accept them.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (
            requests_gone(server) < gone + 50 or server.descriptors() > before + 2):
        time.sleep(0.1)
    assert requests_gone(server) == gone + 50
    assert server.descriptors() <= before + 2


def test_drip_of_headers_is_cut_at_its_deadline(server):
    start = time.monotonic()
    with server.connect() as connection:
        connection.settimeout(0.2)
        closed = False
        while not closed and time.monotonic() - start < 20:
            try:
                connection.sendall(b"G" if time.monotonic() - start < 1 else b"x")
                closed = connection.recv(4096) == b""
            except TimeoutError:
                time.sleep(0.3)
            except OSError:
                closed = True
    assert closed and 8 < time.monotonic() - start < 14


def test_slow_body_is_cut_with_408(server):
    start = time.monotonic()
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 1000000\r\n\r\n")
        connection.settimeout(0.5)
        reply = b""
        while time.monotonic() - start < 20:
            try:
                connection.sendall(b"x" * 100)
                piece = connection.recv(4096)
                reply += piece
                if not piece:
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    assert 4 < time.monotonic() - start < 14
    assert b" 408 " in reply and b"body_timeout" in reply
