"""The model is replaced again and again under load: each answer is wholly of one version."""

import asyncio
import json
import os
import time

from report import slope
from scenarios.base import Unavailable, client_of, same_answer
from service import routes_known

ROUTE = ("POST", "/v1/models/reload")
CLIENTS = 2
SHORTEST = 300
MIB = 1 << 20


class Switch:
    """A folder's name that two models take turns at: a link, replaced by rename."""

    def __init__(self, path, models):
        self.path, self.models, self.turn = path, models, 0
        self.point()

    def point(self):
        fresh = self.path.with_suffix(".fresh")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.models[self.turn].resolve())
        os.replace(fresh, self.path)

    def flip(self):
        self.turn = 1 - self.turn
        self.point()


async def reload_once(client):
    reply = await client.request("POST", ROUTE[1], b"")
    if reply.status not in (200, 202, 204):
        raise RuntimeError(f"reload answers {reply.status} {reply.code()}")


async def reference(client, clip):
    """The answer of the model that serves now, by its version."""
    reply = await client.request("POST", "/v1/classify?top_k=0", clip, "video/mp4")
    answer = same_answer(reply)
    return answer["model_version"], json.dumps(answer)


async def questions(client, clip, expected, stop, counts):
    """Asks until told to stop; counts answers by version, and those that are of none."""
    while not stop.is_set():
        reply = await client.request("POST", "/v1/classify?top_k=0", clip, "video/mp4",
                                     headers=[("Cache-Control", "no-store")])
        if reply.status != 200:
            counts[f"{reply.status} {reply.code()}"] = \
                counts.get(f"{reply.status} {reply.code()}", 0) + 1
            continue
        answer = same_answer(reply)
        version = answer["model_version"]
        name = version if expected.get(version) == json.dumps(answer) else "mixed"
        counts[name] = counts.get(name, 0) + 1


async def scenario(settings, report):
    if ROUTE not in routes_known():
        raise Unavailable("no route POST /v1/models/reload")
    models = [settings.model("tiny", seed) for seed in (1, 2)]
    switch = Switch(settings.work / "served", models)
    service = settings.start(switch.path, "--log-level", "warn")
    client, clip = client_of(service), settings.clips()[0]
    try:
        expected = {}
        for _ in range(2):
            version, answer = await reference(client, clip)
            expected[version] = answer
            switch.flip()
            await reload_once(client)
        report.check("the two models", len(expected), "have two versions", len(expected) == 2)
        counts, stop = {}, asyncio.Event()
        askers = [asyncio.create_task(questions(client, clip, expected, stop, counts))
                  for _ in range(CLIENTS)]
        rss = await reload_many(settings, service, client, switch)
        stop.set()
        await asyncio.gather(*askers)
        report.row(reloads=settings.count, answers=counts, rss_first_bytes=rss[0][1],
                   rss_last_bytes=rss[-1][1])
        report.check("answers", counts, "each is wholly of one version", set(counts) <= set(expected))
        judge_memory(report, rss)
        report.ledger(service.settled_ledger())
    finally:
        client.close()
        code = service.stop()
    report.check("exit code", code, "0", code == 0)


async def reload_many(settings, service, client, switch):
    rss, begin = [], time.monotonic()
    for number in range(settings.count):
        switch.flip()
        await reload_once(client)
        rss.append((number, service.rss_bytes()))
        if time.monotonic() - begin > 3600:
            break
    return rss


def judge_memory(report, rss):
    """A third of the reloads fills allocators; fewer than SHORTEST in all are told, not judged."""
    late = rss[len(rss) // 3:]
    per_hundred = 100 * slope(late)
    report.row(rss_growth_bytes_per_100=per_hundred)
    if len(rss) < SHORTEST:
        report.note(f"under {SHORTEST} reloads memory is told, not judged")
        return
    report.check("RSS", per_hundred, "grows <= 1 MiB per 100 reloads, the first third left out",
                 per_hundred <= MIB)
