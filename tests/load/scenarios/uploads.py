"""Many slow uploads against small budgets: both hold, and small requests beside the large ones hardly
notice. First large ones, which go to disk, then middling ones, which stay in memory."""

import asyncio
import concurrent.futures
import multiprocessing
import time

import traffic
from http_client import Client
from report import percentile
from scenarios.base import ask_anew, client_of

MIB = 1 << 20
LARGE, LARGE_BYTES, LARGE_RATE = 200, 50 * MIB, MIB
MIDDLING, MIDDLING_BYTES, MIDDLING_RATE = 60, 3 * MIB, MIB // 4
MEMORY_BUDGET, SPOOL_BUDGET = 64 * MIB, 512 * MIB
WARM_UP = 20


def small_requests(address, clip, seed, seconds):
    """Milliseconds that one patient client's requests take, ten a second at most; each of another clip,
    so that each is decoded and encoded. Runs in a process of its own: the uploads' loop is busy."""
    return asyncio.run(ask_small(address, traffic.Mix([clip], seed, 0), seconds))


async def ask_small(address, mix, seconds):
    client, taken, end = Client(address), [], time.monotonic() + seconds
    while time.monotonic() < end:
        reply = await client.request("POST", "/v1/classify", mix.clip(), "video/mp4")
        if reply.status == 200:
            taken.append(reply.total_ms())
        await asyncio.sleep(0.1)
    client.close()
    return taken


async def watch(service, samples, stop):
    while not stop.is_set():
        samples.append((service.rss_bytes(), *service.held_bytes()))
        await asyncio.sleep(0.1)


async def upload(service, body, rate):
    client = client_of(service)
    reply = await client.request("POST", "/v1/classify", body, "video/mp4", timeout_s=300,
                                 rate=rate)
    client.close()
    return reply


async def together(service, body, rate, count, beside=None):
    """`count` uploads at once: their replies, most of (RSS, memory, disk), what `beside` gave."""
    samples, stop = [], asyncio.Event()
    watcher = asyncio.create_task(watch(service, samples, stop))
    uploads = [asyncio.create_task(upload(service, body, rate)) for _ in range(count)]
    given = await beside if beside else None
    replies = await asyncio.gather(*uploads)
    stop.set()
    await watcher
    return replies, [max(column) for column in zip(*samples)], given


def tell(report, name, replies, most, baseline):
    statuses = {}
    for reply in replies:
        label = f"{reply.status} {reply.code() or ''}".strip()
        statuses[label] = statuses.get(label, 0) + 1
    rss, memory, disk = most
    report.row(uploads=name, statuses=statuses, rss_before_bytes=baseline, rss_most_bytes=rss,
               memory_most_bytes=memory, spool_most_bytes=disk)
    report.check(f"{name}: memory budget", memory, f"<= {MEMORY_BUDGET}", memory <= MEMORY_BUDGET)
    report.check(f"{name}: spool budget", disk, f"<= {SPOOL_BUDGET}", disk <= SPOOL_BUDGET)
    report.check(f"{name}: RSS", rss - baseline, "<= memory budget + 64 MiB",
                 rss - baseline <= MEMORY_BUDGET + 64 * MIB)
    good = [reply for reply in replies if reply.status == 200]
    refused = [reply for reply in replies if reply.status in (503, 429)]
    report.check(f"{name}: some are answered, the rest refused",
                 len(replies) - len(good) - len(refused), "no other end",
                 good and refused and len(good) + len(refused) == len(replies))
    bare = [reply for reply in refused if "retry-after" not in reply.headers]
    report.check(f"{name}: refusals say Retry-After", len(bare), "none without", not bare)


async def scenario(settings, report):
    settings.need("body-memory-bytes", "spool-bytes")
    service = settings.start(settings.model("tiny"), "--body-memory-bytes", MEMORY_BUDGET,
                             "--spool-bytes", SPOOL_BUDGET)
    client = client_of(service)
    context = multiprocessing.get_context("spawn")
    try:
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as aside:
            await both_sizes(settings, service, client, aside, report)
        report.ledger(service.settled_ledger())
    finally:
        client.close()
        code = service.stop()
    report.check("exit code", code, "0", code == 0)


async def both_sizes(settings, service, client, aside, report):
    clip, loop = settings.clips()[0], asyncio.get_running_loop()
    spell = max(5, min(40, settings.seconds))

    def small(seed):
        return loop.run_in_executor(aside, small_requests, service.address, clip, seed, spell)

    for _ in range(WARM_UP):
        expected = await ask_anew(client, clip)
    before = await small(settings.seed)
    baseline = service.rss_bytes()
    replies, most, beside = await together(service, traffic.padded(clip, LARGE_BYTES), LARGE_RATE,
                                           LARGE, small(settings.seed + 1))
    tell(report, "large", replies, most, baseline)
    judge_small(report, before, beside)
    replies, most, _ = await together(service, traffic.padded(clip, MIDDLING_BYTES), MIDDLING_RATE,
                                      MIDDLING)
    tell(report, "middling", replies, most, baseline)
    after = await ask_anew(client, clip)
    report.check("the next answer", after == expected, "as before", after == expected)


def judge_small(report, before, beside):
    first, second = percentile(before, 0.99), percentile(beside, 0.99)
    report.row(what="small requests", before=len(before), before_p50_ms=percentile(before, 0.5),
               before_p99_ms=first, beside=len(beside), beside_p50_ms=percentile(beside, 0.5),
               beside_p99_ms=second)
    report.check("small requests beside", second, f"p99 <= 2 x {first:.3g} ms",
                 second is not None and second <= 2 * first)
