"""Clients that leave at every phase of a request: nothing leaks, and the next answer is the same."""

import asyncio
import json
import socket

import traffic
from http_client import request_head
from scenarios.base import client_of, same_answer

AT_ONCE = 8
RSS_SLACK = 16 << 20


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
    """Leaves once the reply's first bytes are there."""
    connection = await client.connect()
    ends = connection.transport.get_extra_info("socket")
    ends.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.begin(head_of(client, request))
    await connection.send(request.body)
    for _ in range(4000):
        if connection.reply.first_byte_s or connection.closed:
            break
        await asyncio.sleep(0.005)
    connection.abort()


def head_of(client, request):
    return request_head("POST", request.target, client.host, len(request.body),
                        request.content_type)


async def many(client, leave, request, delay, count):
    left = count

    async def worker():
        nonlocal left
        while left > 0:
            left -= 1
            await leave(client, request(), delay)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def phases(client, mix):
    """(name, how to leave, what to ask, delay): delays as one request alone needs them."""
    probe = mix.next()
    timing = None
    while timing is None:
        reply = await client.request("POST", probe.target, probe.body, probe.content_type)
        timing = reply.json()["timing_ms"] if reply.status == 200 else None
    decode_s, encode_s = timing["decode"] / 1000, timing["encode"] / 1000

    def long_reply():
        body, kind = traffic.form(mix.clip(), traffic.LABELS)
        return traffic.Request("reply", "/v1/zeroshot?top_k=0", body, kind)

    return [("headers", leave_in_headers, mix.next, 0.0),
            ("body", leave_in_body, mix.next, 0.0),
            ("queued", leave_after, mix.next, 0.0),
            ("decoding", leave_after, mix.next, decode_s / 2),
            ("encoding", leave_after, mix.next, decode_s + encode_s / 2),
            ("replying", leave_in_reply, long_reply, 0.0)]


async def scenario(settings, report):
    clips = settings.clips()
    service = settings.start(settings.model("tiny"), "--log-level", "warn")
    client = client_of(service)
    mix = traffic.Mix(clips, settings.seed, settings.timeout_ms)
    count = max(AT_ONCE, settings.count)
    try:
        expected = same_answer(await ask_plainly(client, clips[0]))
        plan = await phases(client, mix)
        for name, leave, request, delay in plan:  # once to warm allocators and pools up
            await many(client, leave, request, delay, AT_ONCE)
        await asyncio.to_thread(service.settled_ledger)
        client.close()
        await asyncio.sleep(0.5)
        before, ledger = service.state(), service.ledger()
        for name, leave, request, delay in plan:
            await many(client, leave, request, delay, count)
            settled = await asyncio.to_thread(service.settled_ledger)
            report.row(phase=name, left=count, gone=settled.gone - ledger.gone,
                       answered=settled.answered - ledger.answered,
                       refused=settled.refused - ledger.refused)
            ledger = settled
            answer = same_answer(await ask_plainly(client, clips[0]))
            report.check(f"{name}: the next answer", answer == expected, "as before",
                         json.dumps(answer) == json.dumps(expected))
        await leaks(service, client, before, report)
        report.ledger(service.settled_ledger())
    finally:
        client.close()
        code = service.stop()
    report.check("exit code", code, "0", code == 0)


async def ask_plainly(client, clip):
    reply = await client.request("POST", "/v1/classify", clip, "video/mp4")
    if reply.status != 200:
        raise RuntimeError(f"classify answers {reply.status}")
    return reply


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
