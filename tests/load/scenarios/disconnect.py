"""Clients that leave at every phase of a request: nothing leaks, and the next answer is the same.

Whether a client really left in the phase meant is read from the server's own books, and checked: a
phase that nobody was in proves nothing.
"""

import asyncio
import json

import traffic
from http_client import has_bytes, request_head
from scenarios.base import ask_anew, client_of
from service import parse_metrics

AT_ONCE = 8
RSS_SLACK = 4 << 20
MET = 0.5  # share of departures that must fall into the phase meant
LONG_WORK = "/v1/classify?frames=64&views=1x4"  # 32 times the encoding of a plain clip


def head_of(client, request):
    return request_head("POST", request.target, client.host, len(request.body),
                        request.content_type)


async def leave_in_headers(client, _request, _delay):
    connection = await client.connect()
    connection.transport.write(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Le")
    await asyncio.sleep(0.002)
    connection.abort()


async def leave_in_body(client, request, _delay):
    connection = await client.connect()
    connection.begin(head_of(client, request))
    connection.transport.write(request.body[: len(request.body) // 2])
    await asyncio.sleep(0.002)
    connection.abort()


async def leave_after(client, request, delay):
    """Sends all of it and leaves `delay` seconds later."""
    connection = await client.connect()
    connection.begin(head_of(client, request))
    await connection.send(request.body)
    await asyncio.sleep(delay)
    connection.abort()


async def leave_in_reply(client, request, _delay):
    """Reads nothing, and leaves once the first bytes of a long reply wait."""
    connection, ends = await client.connect_slow_reader()
    connection.begin(head_of(client, request))
    await connection.send(request.body)
    for _ in range(6000):
        if has_bytes(ends):
            break
        await asyncio.sleep(0.005)
    connection.abort()


class Phase:
    """How to leave and what to ask; `met(ended)` counts departures in this phase among log lines."""

    def __init__(self, name, leave, make, met, delay=0.0, at_once=AT_ONCE):
        self.name, self.leave, self.make, self.met = name, leave, make, met
        self.delay, self.at_once = delay, at_once

    async def run(self, client, count):
        left = count

        async def worker():
            nonlocal left
            while left > 0:
                left -= 1
                await self.leave(client, self.make(), self.delay)

        await asyncio.gather(*(worker() for _ in range(min(self.at_once, count))))


def between(first_ms, last_ms):
    """Counts clients gone that long after their headers. The log tells the stages of answered requests
    alone, so that the phase is told by the clock, as one request alone took it."""
    def count(lines):
        return sum(1 for line in lines if line["outcome"] == "gone"
                   and first_ms <= line["ms"]["total"] - line["ms"]["receive"] < last_ms)

    return count


async def stages(client, make):
    """Seconds of decoding and encoding of one request alone, the second time it is asked."""
    for _ in range(2):
        request = make()
        reply = await client.request("POST", request.target, request.body, request.content_type)
        if reply.status != 200:
            raise RuntimeError(f"{request.target} answers {reply.status} {reply.code()}")
    times = reply.json()["timing_ms"]
    return times["decode"] / 1000, times["encode"] / 1000


async def phases(client, mix):
    def long_work():
        return traffic.Request("long work", LONG_WORK, mix.clip())

    def long_reply():
        return traffic.long_reply(mix.clips[0])

    decode_s, encode_s = await stages(client, long_work)
    await stages(client, long_reply)  # its labels are in the cache from here on
    return [Phase("headers", leave_in_headers, mix.next, None),
            Phase("body", leave_in_body, mix.next, None),
            Phase("queued", leave_after, mix.next, between(0, 1000 * decode_s)),
            Phase("decoding", leave_after, long_work, between(0, 1000 * decode_s), decode_s / 2,
                  at_once=1),
            Phase("encoding", leave_after, long_work,
                  between(1000 * decode_s, 1000 * (decode_s + encode_s)),
                  decode_s + encode_s / 2, at_once=1),
            Phase("replying", leave_in_reply, long_reply, None)]


def departures(service):
    """{what was going on: clients that left}, by the server's metrics."""
    metrics = parse_metrics(service.get("/metrics"))
    return {during: int(metrics["m2clip_requests_gone_total", f'{{during="{during}"}}'])
            for during in ("receiving", "working", "replying")}


DURING = {"body": "receiving", "queued": "working", "decoding": "working", "encoding": "working",
          "replying": "replying"}


async def leave_many(service, client, phase, count, report):
    before, logged = departures(service), sum(1 for _ in service.log_lines("request"))
    await phase.run(client, count)
    await asyncio.to_thread(service.settled_ledger)
    after = departures(service)
    left = {name: after[name] - before[name] for name in after}
    lines = list(service.log_lines("request"))[logged:]
    met = phase.met(lines) if phase.met else left.get(DURING.get(phase.name), 0)
    report.row(phase=phase.name, left=count, gone=left, in_this_phase=met)
    if phase.name == "headers":
        report.check("headers: nothing was accepted", sum(left.values()), "0 gone",
                     not any(left.values()))
    else:
        report.check(f"{phase.name}: departures in this phase", met, f">= {MET} of {count}",
                     met >= MET * count)


async def scenario(settings, report):
    clips = settings.clips()
    # Nothing may be kept of what was answered: what grows here is lost.
    service = settings.start(settings.model("tiny"), "--video-cache-bytes", "0")
    client = client_of(service)
    mix = traffic.Mix(clips, settings.seed, settings.timeout_ms)
    count = max(AT_ONCE, settings.count)
    try:
        expected = await ask_anew(client, clips[0])
        plan = await phases(client, mix)
        for phase in plan:  # as much once before: allocators and pools find their size
            await phase.run(client, count)
        await asyncio.to_thread(service.settled_ledger)
        client.close()
        await asyncio.sleep(0.5)
        before = service.state()
        for phase in plan:
            await leave_many(service, client, phase, count, report)
            answer = await ask_anew(client, clips[0])
            report.check(f"{phase.name}: the next answer", answer == expected, "as before",
                         json.dumps(answer) == json.dumps(expected))
        await leaks(service, client, before, report)
        report.ledger(service.settled_ledger())
    finally:
        client.close()
        code = service.stop()
    report.check("exit code", code, "0", code == 0)


async def leaks(service, client, before, report):
    client.close()
    await asyncio.sleep(1)
    after = service.state()
    report.row(what="before", **before)
    report.row(what="after", **after)
    report.check("descriptors", after["descriptors"] - before["descriptors"], "<= 0",
                 after["descriptors"] <= before["descriptors"])
    report.check("threads", after["threads"] - before["threads"], "<= 0",
                 after["threads"] <= before["threads"])
    grown = after["rss_bytes"] - before["rss_bytes"]
    report.check("RSS", grown, f"grows <= {RSS_SLACK}", grown <= RSS_SLACK)
