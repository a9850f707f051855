"""Long mixed load below capacity with some bad input: memory, descriptors and threads stay flat."""

import asyncio
import time

import traffic
from report import cores, percentile, slope
from scenarios.base import client_of, closed_loop, open_loop

LOAD, BAD, SAMPLE_S = 0.7, 0.1, 5.0
SHORTEST_S = 600
MIB = 1 << 20


class Mixture:
    """Good requests of a mix with a share of bad ones."""

    def __init__(self, mix):
        self.mix = mix

    def next(self):
        return self.mix.bad() if self.mix.chance.random() < BAD else self.mix.next()


async def sample(service, samples, stop):
    begin = time.monotonic()
    while not stop.is_set():
        samples.append((time.monotonic() - begin, service.state()))
        try:
            await asyncio.wait_for(stop.wait(), SAMPLE_S)
        except asyncio.TimeoutError:
            continue


def flat(report, samples):
    """Judges the second half: the first fills caches and allocators."""
    late = samples[len(samples) // 2:]
    growth = slope([(at / 3600, state["rss_bytes"] / MIB) for at, state in late])
    seen = late[-1][0] - late[0][0]
    report.row(samples=len(samples), rss_first_bytes=samples[0][1]["rss_bytes"],
               rss_half_bytes=late[0][1]["rss_bytes"], rss_last_bytes=late[-1][1]["rss_bytes"],
               rss_slope_mib_per_hour=growth,
               threads=sorted({state["threads"] for _, state in late}),
               descriptors_most=max(state["descriptors"] for _, state in late))
    allowed = 8 * MIB
    grown = growth * seen / 3600 * MIB
    if samples[-1][0] < SHORTEST_S:
        report.note(f"under {SHORTEST_S} s caches still fill: memory is told, not judged")
    else:
        report.check("RSS over the second half", grown, f"slope x time <= {allowed}",
                     grown <= allowed)
    threads = {state["threads"] for _, state in late}
    report.check("threads", max(threads) - min(threads), "<= 1", max(threads) - min(threads) <= 1)
    half = late[: len(late) // 2], late[len(late) // 2:]
    means = [sum(s["descriptors"] for _, s in part) / max(1, len(part)) for part in half]
    report.check("descriptors", means[1] - means[0], "mean grows <= 8", means[1] - means[0] <= 8)


async def scenario(settings, report):
    clips = settings.clips()
    # Small caches are full before the second half, in which nothing may grow.
    service = settings.start(settings.model(), "--log-level", "warn", "--video-cache-bytes", 4 * MIB)
    client = client_of(service)
    good = traffic.Mix(clips, settings.seed, settings.timeout_ms)
    try:
        spell = max(5, min(60, settings.seconds // 10))
        await closed_loop(client, good.next, 2, spell / 2)
        tally, took, _ = await closed_loop(client, good.next, 2 * cores() + 2, spell)
        rate = LOAD * len(tally.having(200)) / took
        report.row(what="load", requests_per_s=rate, bad_share=BAD, seconds=settings.seconds)
        samples, stop = [], asyncio.Event()
        sampler = asyncio.create_task(sample(service, samples, stop))
        times = traffic.arrivals(rate, settings.seconds, settings.seed)
        tally, _, own = await open_loop(client, Mixture(good).next, times,
                                        settings.timeout_ms / 1000 + 10)
        stop.set()
        await sampler
        latency = [reply.total_ms() for reply in tally.having(200)]
        report.row(statuses=tally.statuses(), own_cores=own, p50_ms=percentile(latency, 0.5),
                   p99_ms=percentile(latency, 0.99))
        wrong = tally.having(0, 500)
        report.check("no request is lost or fails inside", len(wrong), "0", not wrong)
        flat(report, samples)
        report.ledger(service.settled_ledger())
    finally:
        client.close()
        code = service.stop()
    report.check("exit code", code, "0", code == 0)
