"""The load generator itself: what it sends, times and counts, against a server of a few lines."""

import asyncio
import json
import re
import struct

import pytest

import traffic
from http_client import Client
from report import OthersShare, Report, corrected, percentile, slope
from scenarios.base import open_loop
from service import Ledger, parse_metrics
from wrk import lua_string, parse


class Fake:
    """Answers 200 to what has read its whole body, 503 at the headers of /full, nothing to /gone."""

    def __init__(self):
        self.seen = []

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                target = head.split()[1]
                length = re.search(r"Content-Length: (\d+)", head)
                self.seen.append(target)
                if target == "/gone":
                    break
                if target == "/full":
                    writer.write(b"HTTP/1.1 503 x\r\nRetry-After: 1\r\nConnection: close\r\n"
                                 b"Content-Type: application/problem+json\r\n"
                                 b"Content-Length: 22\r\n\r\n" + b'{"code": "queue_full"}')
                    break
                body = await reader.readexactly(int(length.group(1))) if length else b""
                text = json.dumps({"bytes": len(body)}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def with_fake(test):
    """Runs test(fake, client) on a loop with a fake server."""
    async def main():
        fake = Fake()
        server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
        client = Client(server.sockets[0].getsockname())
        try:
            return await asyncio.wait_for(test(fake, client), 30)
        finally:
            client.close()
            server.close()

    return asyncio.run(main())


def test_replies_are_read_whole_and_connections_are_kept():
    async def test(_fake, client):
        for size in (0, 10, 3_000_000):
            reply = await client.request("POST", "/", bytes(size), "video/mp4")
            assert reply.status == 200 and reply.json() == {"bytes": size}
            assert reply.headers_sent_s <= reply.first_byte_s <= reply.end_s
        assert len(client.idle) == 1

    with_fake(test)


def test_a_refusal_before_the_body_is_seen_and_the_connection_dropped():
    async def test(_fake, client):
        reply = await client.request("POST", "/full", bytes(50_000_000), "video/mp4")
        assert reply.status == 503 and reply.code() == "queue_full"
        assert reply.headers["retry-after"] == "1"
        assert not client.idle

    with_fake(test)


def test_a_lost_reply_has_status_0():
    async def test(_fake, client):
        assert (await client.request("GET", "/gone")).status == 0

    with_fake(test)


def test_the_open_loop_sends_every_request_however_slow_the_replies():
    async def test(fake, client):
        make = iter(traffic.Request("a", "/full" if i % 3 else "/", b"x") for i in range(60)).__next__
        times = [i / 1000 for i in range(60)]
        tally, _, own = await open_loop(client, make, times, 10)
        assert len(tally.replies) == 60 == len(fake.seen)
        assert tally.statuses() == {"200": 20, "503 queue_full": 40}
        assert own > 0

    with_fake(test)


def test_arrivals_are_a_poisson_process_and_the_same_for_a_seed():
    times = traffic.arrivals(100, 100, 7)
    assert times == traffic.arrivals(100, 100, 7) != traffic.arrivals(100, 100, 8)
    assert times == sorted(times) and times[-1] < 100
    assert 9500 < len(times) < 10500
    gaps = [after - before for before, after in zip(times, times[1:])]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert abs(variance / mean ** 2 - 1) < 0.1


def test_the_mix_repeats_with_its_seed_and_salts_its_clips():
    def kinds(seed):
        mix = traffic.Mix([b"clip"], seed, 1000)
        return [mix.next().body for _ in range(50)]

    assert kinds(1) == kinds(1) != kinds(2)
    mix = traffic.Mix([b"clip"], 1, 1000)
    assert len({mix.clip() for _ in range(50)}) == 50
    assert len(set(traffic.LABELS)) == 400
    assert len({mix.bad().kind for _ in range(200)}) == 6


def test_padding_keeps_the_boxes_of_the_clip_and_reaches_the_size():
    padded = traffic.padded(b"abc", 1000)
    size, kind = struct.unpack(">I4s", padded[3:11])
    assert len(padded) == 1000 and kind == b"free" and 3 + size == 1000
    with pytest.raises(ValueError):
        traffic.padded(b"abc", 5)


def test_the_ledger_is_read_of_an_exposition():
    text = """# HELP m2clip_requests_accepted_total Requests.
m2clip_requests_accepted_total 10
m2clip_requests_answered_total 6
m2clip_requests_expired_total{code="deadline"} 1
m2clip_requests_gone_total{during="working"} 1
m2clip_requests_gone_total{during="replying"} 1
m2clip_requests_under_way 1
m2clip_requests_refused_total{code="queue_full"} 4
"""
    ledger = Ledger(parse_metrics(text))
    assert ledger.difference() == 0
    assert ledger.gone == 2 and ledger.refused == 4
    assert Ledger(parse_metrics(text.replace("answered_total 6", "answered_total 5"))).difference()


def test_figures():
    assert percentile([], 0.5) is None
    assert percentile([5, 1, 3], 0.5) == 3 and percentile(range(1, 101), 0.99) == 99
    assert slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2)
    assert corrected(9.0, 0.2, 2) == pytest.approx(10.0)


def test_other_work_of_the_machine_is_seen(monkeypatch):
    class Server:
        def cpu_s(self):
            return next(served)

    busy, served, own, wall = iter([100, 110]), iter([5, 9]), iter([1, 2]), iter([0, 10])
    monkeypatch.setattr("report.machine_busy_s", lambda: next(busy))
    monkeypatch.setattr("report.time.process_time", lambda: next(own))
    monkeypatch.setattr("report.time.monotonic", lambda: next(wall))
    others = OthersShare(Server())
    assert others.cores() == pytest.approx((10 - 4 - 1) / 10)


def test_a_failed_check_fails_the_report(tmp_path):
    report = Report("x", {})
    report.check("a", 1, "<= 1", True)
    assert report.passed()
    report.check("b", 2, "<= 1", False)
    assert not report.passed() and "FAIL b" in report.table()
    assert json.loads(report.write(tmp_path).read_text())["passed"] is False


def test_wrk_is_understood():
    text = """  Latency Distribution
     50%  812.00us
     99%    2.50ms
  Socket errors: connect 0, read 1, write 0, timeout 2
  Non-2xx or 3xx responses: 7
Requests/sec:  34567.89
"""
    assert parse(text) == {"requests_per_s": 34567.89, "bad": 7, "broken": 3,
                           "p50_ms": pytest.approx(0.812), "p99_ms": 2.5}
    assert lua_string('a "b"\n') == '"a \\"b\\"\\n"'
