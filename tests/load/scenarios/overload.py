"""Goodput at several times the capacity: what is accepted is answered in time, the rest refused at once."""

import asyncio
import json

import traffic
from report import OthersShare, cores, corrected, percentile
from scenarios.base import client_of, closed_loop, open_loop
from service import run_program

ENOUGH = 30  # good replies of a phase, to compare it with another
OTHERS = 0.1  # cores that other work may take


def within(replies, begin, seconds):
    """Replies that ended inside the phase, its first tenth left out, and the seconds that remain."""
    first, last = begin + seconds * 0.1, begin + seconds
    return [reply for reply in replies if first <= reply.end_s <= last], seconds * 0.9


def refusals_in_log(service, skip):
    """Milliseconds from complete headers to the end of the reply, of refusals, by the server's log."""
    lines = list(service.log_lines("request"))[skip:]
    return [line["ms"]["total"] for line in lines if line.get("outcome") == "refused"]


async def capacity(client, mix, seconds):
    """Goodput of a few patient clients, and the cores that asking took."""
    tally, took, own = await closed_loop(client, mix.next, 2 * cores() + 2, seconds)
    good = tally.having(200)
    if not good:
        raise RuntimeError(f"nothing was answered: {tally.statuses()}")
    begin = min(reply.headers_sent_s for reply in good)
    kept, window = within(good, begin, took)
    return len(kept) / window, own


async def level(settings, service, client, mix, factor, rate, report):
    """One phase at `factor` times the capacity; its corrected goodput."""
    logged = sum(1 for _ in service.log_lines("request"))
    times = traffic.arrivals(rate * factor, settings.seconds, settings.seed + factor)
    others = OthersShare(service)
    tally, begin, own = await open_loop(client, mix.next, times, settings.timeout_ms / 1000 + 10)
    good, window = within(tally.having(200), begin, settings.seconds)
    goodput = corrected(len(good) / window, own, cores())
    elsewhere = others.cores()
    refused = tally.having(503, 429)
    bare = [reply for reply in refused if "retry-after" not in reply.headers]
    served = refusals_in_log(service, logged)
    answered_ms = [reply.total_ms() for reply in tally.having(200)]
    # What a deadline ended was accepted too: it took longer than any limit.
    accepted_ms = answered_ms + [float("inf")] * len(tally.having(504, 0))
    report.row(level=f"{factor}x", offered_per_s=len(times) / settings.seconds,
               goodput_per_s=len(good) / window, corrected_per_s=goodput, own_cores=own,
               others_cores=elsewhere,
               statuses=tally.statuses(),
               refused_client_p99_ms=percentile([r.first_byte_ms() for r in refused], 0.99),
               refused_server_p99_ms=percentile(served, 0.99),
               answered_p50_ms=percentile(answered_ms, 0.5),
               answered_p99_ms=percentile(answered_ms, 0.99),
               expired=len(tally.having(504)))
    report.check(f"{factor}x: replies to judge by", len(good), f">= {ENOUGH}, else --seconds more",
                 len(good) >= ENOUGH)
    report.check(f"{factor}x: the machine is ours", elsewhere, f"others take <= {OTHERS} cores",
                 elsewhere <= OTHERS)
    report.check(f"{factor}x: refusals say Retry-After", len(bare), "none without", not bare)
    if served:
        worst = percentile(served, 0.99)
        report.check(f"{factor}x: refused at once", worst, "p99 in the server < 5 ms", worst < 5)
    if accepted_ms:
        worst = percentile(accepted_ms, 0.99)
        told = "expired" if worst == float("inf") else worst
        report.check(f"{factor}x: accepted in time", told, f"p99 <= {settings.timeout_ms} ms",
                     worst <= settings.timeout_ms)
    else:
        report.check(f"{factor}x: accepted in time", 0, "some are accepted", False)
    lost = [reply for _, reply in tally.replies if reply.status == 0]
    report.check(f"{factor}x: every request is answered", len(lost), "none lost", not lost)
    return goodput


def bench_rate(settings, model, clips):
    """Clips a second that `m2clip bench` promises for decoding and encoding on the same cores."""
    folder = settings.work / "bench"
    folder.mkdir(exist_ok=True)
    paths = []
    for number, clip in enumerate(clips):
        paths.append(folder / f"{number}.mp4")
        paths[-1].write_bytes(clip)
    threads = settings.threads or cores()
    text = run_program("bench", "--model", model, "--precision", "auto", "--threads", threads,
                       "--json", *paths)
    rows = json.loads(text)["results"]
    stage = {}
    for row in rows:
        stage.setdefault(row["stage"], []).append(row["ms"])
    core_ms = threads * min(stage["clip"])
    for name in ("decode", "preprocess"):
        if name in stage:
            core_ms += sum(stage[name]) / len(stage[name])
    return 1000.0 * cores() / core_ms


async def scenario(settings, report):
    model, clips = settings.model(), settings.clips()
    promised = bench_rate(settings, model, clips)
    service = settings.start(model)
    client = client_of(service)
    try:
        mix = traffic.Mix(clips, settings.seed, settings.timeout_ms)
        warm = traffic.Mix(clips, settings.seed + 99, settings.timeout_ms)
        await closed_loop(client, warm.next, 2, min(10.0, settings.seconds))
        rate, own = await capacity(client, mix, settings.seconds)
        report.row(what="capacity", clips_per_s=rate, own_cores=own,
                   corrected_per_s=corrected(rate, own, cores()))
        goodputs = {}
        for factor in settings.levels:
            goodputs[factor] = await level(settings, service, client, mix, factor, rate, report)
            await asyncio.sleep(1)
        if len(goodputs) > 1 and goodputs[min(goodputs)] > 0:
            share = goodputs[max(goodputs)] / goodputs[min(goodputs)]
            report.row(what="shares of the closed loop's capacity", **{
                f"at_{factor}x": value / corrected(rate, own, cores())
                for factor, value in goodputs.items()})
            report.check(f"goodput at {max(goodputs)}x", share,
                         f">= 0.9 of that at {min(goodputs)}x", share >= 0.9)
        report.ledger(service.settled_ledger())
    finally:
        client.close()
        code = service.stop()
    report.check("exit code", code, "0", code == 0)
    # Once more: the better of both is the one that was disturbed less.
    promised = max(promised, bench_rate(settings, model, clips))
    share = corrected(rate, own, cores()) / promised
    report.row(what="bench", clips_per_s=promised, server_share=share)
    report.check("server against bench", share,
                 "0.95 to 1.1 of decode + encode; above, bench was disturbed", 0.95 <= share <= 1.1)
