"""The least route beside the least server: /healthz and a bare libmicrohttpd reply, by wrk in turns."""

import asyncio
import statistics
import subprocess

from http_client import Client
from scenarios.base import Unavailable
from wrk import have_wrk, wrk

ROUNDS = 5


def start_bare(settings):
    program = settings.tools / "bare_hello"
    if not program.is_file():
        raise Unavailable(f"no {program}: build the target bare_hello")
    process = subprocess.Popen([program], stdout=subprocess.PIPE)
    url = process.stdout.readline().decode().split()[-1]
    return process, url


async def keeps_connections(url, path):
    """Whether two requests go over one connection: otherwise the two servers do different work."""
    host, port = url.removeprefix("http://").rstrip("/").rsplit(":", 1)
    client = Client((host, int(port)))
    first = await client.request("GET", path)
    kept = list(client.idle)
    second = await client.request("GET", path)
    same = first.status == second.status == 200 and kept and client.idle == kept
    client.close()
    return bool(same)


async def scenario(settings, report):
    if not have_wrk():
        raise Unavailable("wrk is not installed")
    bare, bare_url = start_bare(settings)
    service = settings.start(settings.model("tiny"), "--log-level", "warn")
    seconds = max(1, min(10, settings.seconds // (2 * ROUNDS)))
    rates = {"bare": [], "healthz": []}
    try:
        for name, url, path in (("bare", bare_url, "/"), ("healthz", service.url, "/healthz")):
            kept = await keeps_connections(url, path)
            report.check(f"{name}: keeps its connections", kept, "or the comparison is void", kept)
        for _ in range(ROUNDS):
            for name, url in (("bare", bare_url + "/"), ("healthz", service.url + "/healthz")):
                run = await asyncio.to_thread(wrk, url, seconds)
                rates[name].append(run["requests_per_s"])
                report.check(f"{name}: only good replies", run["bad"], "0", run["bad"] == 0)
    finally:
        bare.terminate()
        bare.wait(10)
        bare.stdout.close()
        code = service.stop()
    pairs = [ours / theirs for ours, theirs in zip(rates["healthz"], rates["bare"])]
    share = statistics.median(pairs)
    report.row(**{f"{name}_per_s": statistics.median(values) for name, values in rates.items()},
               shares=[round(pair, 3) for pair in pairs])
    report.check("healthz against bare", share, ">= 0.7, median of pairs", share >= 0.7)
    report.check("exit code", code, "0", code == 0)
