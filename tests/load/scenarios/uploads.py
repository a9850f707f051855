"""Many slow large uploads against small budgets: both hold, and small requests hardly notice."""

import asyncio
import time

import traffic
from report import percentile
from scenarios.base import client_of, same_answer

MIB = 1 << 20
UPLOADS, UPLOAD_BYTES, RATE = 200, 50 * MIB, MIB
MEMORY_BUDGET, SPOOL_BUDGET = 64 * MIB, 512 * MIB


async def small_requests(client, clip, seconds):
    """Milliseconds of one patient client's requests, two a second at most."""
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        reply = await client.request("POST", "/v1/classify", clip, "video/mp4")
        if reply.status == 200:
            taken.append(reply.total_ms())
        await asyncio.sleep(0.1)
    return taken


async def watch(service, samples, stop):
    while not stop.is_set():
        samples.append((service.rss_bytes(), *service.held_bytes()))
        await asyncio.sleep(0.25)


async def upload(service, body):
    client = client_of(service)
    reply = await client.request("POST", "/v1/classify", body, "video/mp4", timeout_s=300, rate=RATE)
    client.close()
    return reply


async def scenario(settings, report):
    settings.need("body-memory-bytes", "spool-bytes")
    clip = settings.clips()[0]
    service = settings.start(settings.model("tiny"), "--body-memory-bytes", MEMORY_BUDGET,
                             "--spool-bytes", SPOOL_BUDGET)
    client = client_of(service)
    large = traffic.padded(clip, UPLOAD_BYTES)
    try:
        spell = max(5, min(40, settings.seconds))
        before = await small_requests(client, clip, spell)
        baseline = service.rss_bytes()
        expected = same_answer(await client.request("POST", "/v1/classify", clip, "video/mp4"))
        samples, stop = [], asyncio.Event()
        watcher = asyncio.create_task(watch(service, samples, stop))
        uploads = [asyncio.create_task(upload(service, large)) for _ in range(UPLOADS)]
        beside = await small_requests(client, clip, spell)
        replies = await asyncio.gather(*uploads)
        stop.set()
        await watcher
        tell(report, before, beside, baseline, samples, replies)
        after = same_answer(await client.request("POST", "/v1/classify", clip, "video/mp4"))
        report.check("the next answer", after == expected, "as before", after == expected)
        report.ledger(service.settled_ledger())
    finally:
        client.close()
        code = service.stop()
    report.check("exit code", code, "0", code == 0)


def tell(report, before, beside, baseline, samples, replies):
    statuses = {}
    for reply in replies:
        name = f"{reply.status} {reply.code() or ''}".strip()
        statuses[name] = statuses.get(name, 0) + 1
    rss, memory, disk = (max(column) for column in zip(*samples))
    first, second = percentile(before, 0.99), percentile(beside, 0.99)
    report.row(uploads=statuses, rss_before_bytes=baseline, rss_most_bytes=rss,
               memory_most_bytes=memory, spool_most_bytes=disk, small_before_p99_ms=first,
               small_beside_p99_ms=second)
    report.check("memory budget", memory, f"<= {MEMORY_BUDGET}", memory <= MEMORY_BUDGET)
    report.check("spool budget", disk, f"<= {SPOOL_BUDGET}", disk <= SPOOL_BUDGET)
    report.check("RSS", rss - baseline, "<= memory budget + 64 MiB",
                 rss - baseline <= MEMORY_BUDGET + 64 * MIB)
    good = [reply for reply in replies if reply.status in (200, 503, 413, 429)]
    report.check("uploads end in an answer or a refusal", len(replies) - len(good), "no other end",
                 len(good) == len(replies))
    refused = [reply for reply in replies if reply.status == 503]
    report.check("refusals say Retry-After", len(refused), "all of them",
                 all("retry-after" in reply.headers for reply in refused))
    report.check("small requests beside", second, f"p99 <= 2 x {first:.3g} ms", second <= 2 * first)
