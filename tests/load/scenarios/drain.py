"""SIGTERM at each phase of a request, under load: accepted work is answered, the exit code is 0."""

import asyncio
import signal
import time

import traffic
from http_client import has_bytes, request_head
from scenarios.base import client_of

GRACE_S = 75
TRIES = 3


async def begin_idle(client, _request):
    connection = await client.connect()
    return connection, None, False


async def begin_headers(client, _request):
    connection = await client.connect()
    connection.transport.write(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Le")
    return connection, None, False


async def begin_body(client, request):
    """Half of the body before the signal, the rest after it: accepted, so it must be answered."""
    connection = await client.connect()
    connection.begin(head(client, request))
    half = len(request.body) // 2
    connection.transport.write(request.body[:half])
    return connection, request.body[half:], True


async def begin_whole(client, request):
    connection = await client.connect()
    connection.begin(head(client, request))
    await connection.send(request.body)
    return connection, None, True


async def begin_reply(client, request):
    """A long reply that has begun and is not read until the signal is out."""
    request = traffic.long_reply(request.body)
    connection, ends = await client.connect_slow_reader()
    connection.begin(head(client, request))
    await connection.send(request.body)
    for _ in range(6000):
        if has_bytes(ends):
            return connection, None, True
        await asyncio.sleep(0.005)
    raise RuntimeError("no reply begins")


def head(client, request):
    return request_head("POST", request.target, client.host, len(request.body),
                        request.content_type)


async def timing(client, mix):
    """Seconds of decoding and encoding that one request alone takes."""
    request = mix.next()
    reply = await client.request("POST", request.target, request.body, request.content_type)
    if reply.status != 200:
        raise RuntimeError(f"{request.target} answers {reply.status}")
    times = reply.json()["timing_ms"]
    return times["decode"] / 1000, times["encode"] / 1000


async def load(client, mix, stop, answered):
    """Steady requests; those begun before the signal count."""
    while not stop.is_set():
        request = mix.next()
        reply = await client.request("POST", request.target, request.body, request.content_type)
        answered.append((reply.headers_sent_s, reply))


async def one(settings, phase, begin, wait, report):
    """A server brought to a phase and told to end there; what became of everything accepted."""
    service = settings.start(settings.model("tiny"))
    client = client_of(service)
    mix = traffic.Mix(settings.clips(), settings.seed, settings.timeout_ms)
    try:
        decode_s, encode_s = await timing(client, mix)
        stop, answered = asyncio.Event(), []
        loaders = [asyncio.create_task(load(client, mix, stop, answered)) for _ in range(3)]
        await asyncio.sleep(0.3)
        asked = mix.next() if begin is not begin_reply else \
            traffic.Request("clip", "", mix.clips[0])
        connection, rest, accepted = await begin(client, asked)
        await asyncio.sleep(wait(decode_s, encode_s))
        service.process.send_signal(signal.SIGTERM)
        told_s = time.monotonic()
        stop.set()
        connection.transport.resume_reading()
        if rest:
            await connection.send(rest)
        reply = await connection.finish(GRACE_S) if accepted else None
        await asyncio.wait(loaders, timeout=GRACE_S)
        connection.close()
    finally:
        client.close()
        code = await asyncio.to_thread(service.stop, signal.SIGCONT, GRACE_S)
    took = time.monotonic() - told_s
    judge(service, phase, reply, [r for sent, r in answered if sent < told_s], code, took, report)


def judge(service, phase, reply, others, code, took, report):
    """Under load a signal may come between accept and headers; a request in flight then is not
    accepted, and ends without a reply: the server's own ledger decides about those."""
    lost = [other for other in others if other.status == 0]
    (stopped,) = list(service.log_lines("stopped")) or [{"requests": "no line"}]
    row = {"phase": phase, "exit": code, "seconds": took, "own": reply.status if reply else None,
           "others": len(others), "lost": len(lost), "ledger": stopped["requests"]}
    report.row(**row)
    report.check(f"{phase}: exit code", code, "0", code == 0)
    report.check(f"{phase}: time", took, f"< {GRACE_S} s", took < GRACE_S)
    if reply is not None:
        report.check(f"{phase}: the accepted request", reply.status, "200",
                     reply.status == 200)
    report.check(f"{phase}: others begun before", len(lost), "all answered", not lost)
    report.check(f"{phase}: ledger", stopped["requests"], "nobody gone", "gone 0" in stopped["requests"])


PHASES = [
    ("idle", begin_idle, lambda decode, encode: 0.05),
    ("headers", begin_headers, lambda decode, encode: 0.05),
    ("body", begin_body, lambda decode, encode: 0.05),
    ("queued", begin_whole, lambda decode, encode: 0.002),
    ("decoding", begin_whole, lambda decode, encode: decode / 2),
    ("encoding", begin_whole, lambda decode, encode: decode + encode / 2),
    ("replying", begin_reply, lambda decode, encode: 0.0),
]


async def scenario(settings, report):
    for _ in range(min(TRIES, max(1, settings.count // 50))):
        for phase, begin, wait in PHASES:
            await one(settings, phase, begin, wait, report)
