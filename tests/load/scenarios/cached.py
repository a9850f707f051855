"""A second look at a kept video with 400 labels that the cache holds: a matrix product and a reply."""

import asyncio
import json

import traffic
from report import percentile
from scenarios.base import Unavailable, client_of
from wrk import have_wrk, post_script, wrk

WANTED_PER_S, WANTED_MS = 2000, 2.0


async def keep_video(client, clip):
    """The id of a clip that the server keeps from now on, its labels encoded."""
    body, kind = traffic.form(clip, traffic.LABELS)
    reply = await client.request("POST", "/v1/zeroshot", body, kind)
    if reply.status != 200:
        raise RuntimeError(f"zeroshot answers {reply.status} {reply.code()}")
    return reply.json()["video"]["id"]


async def scenario(settings, report):
    service = settings.start(settings.model("tiny"))
    client = client_of(service)
    try:
        video = await keep_video(client, settings.clips()[0])
        asked = {"video_id": video, "labels": traffic.LABELS, "top_k": 5}
        body = json.dumps(asked).encode()
        first = await client.request("POST", "/v1/zeroshot", body, "application/json")
        if first.code() in ("video_not_kept", "not_implemented", "invalid_request"):
            raise Unavailable(f"a kept video cannot be asked: {first.code()}")
        cache = first.json()["cache"]
        report.check("from the caches", cache, "video kept, 400 labels known",
                     cache["video"] and cache["labels_hit"] == len(traffic.LABELS)
                     and cache["labels_miss"] == 0)
        served = []
        for _ in range(max(200, settings.count)):
            reply = await client.request("POST", "/v1/zeroshot", body, "application/json")
            served.append(reply.json()["timing_ms"]["total"])
        report.row(what="one client", server_p50_ms=percentile(served, 0.5),
                   server_p99_ms=percentile(served, 0.99), body_bytes=len(body))
        report.check("time in the server", percentile(served, 0.5), f"median < {WANTED_MS} ms",
                     percentile(served, 0.5) < WANTED_MS)
        await by_wrk(settings, service, body.decode(), report)
        report.ledger(service.settled_ledger())
    finally:
        client.close()
        code = service.stop()
    report.check("exit code", code, "0", code == 0)


async def by_wrk(settings, service, body, report):
    if not have_wrk():
        report.note("wrk is not installed: the rate was not measured")
        return
    script = post_script(settings.work / "cached.lua", body)
    seconds = max(2, min(30, settings.seconds))
    run = await asyncio.to_thread(wrk, service.url + "/v1/zeroshot", seconds, 16, script)
    report.row(what="wrk, 16 kept connections", **run)
    report.check("rate", run["requests_per_s"], f">= {WANTED_PER_S} a second",
                 run["requests_per_s"] >= WANTED_PER_S and not run["bad"] and not run["broken"])
