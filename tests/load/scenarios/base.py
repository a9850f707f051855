"""What scenarios share: settings, the model, the server with the options that it knows, open loop."""

import asyncio
import pathlib
import time

from http_client import Client
from report import OwnShare
from service import Service, options_known, run_program
import traffic


class Unavailable(Exception):
    """The server under test has no such route or option."""


class Settings:
    """Of one run; `work` is a folder for models, clips and logs."""

    def __init__(self, arguments):
        self.work = pathlib.Path(arguments.work)
        self.seed, self.seconds, self.count = arguments.seed, arguments.seconds, arguments.count
        self.model_folder, self.arch = arguments.model, arguments.arch
        self.clip_paths, self.threads = arguments.clips, arguments.threads
        self.timeout_ms, self.levels = arguments.timeout_ms, arguments.levels
        self.tools = arguments.tools
        self.options = arguments.serve_option
        self.known = options_known()

    def model(self, arch=None, seed=1, classes=20):
        """The folder of a model: the one given, or random weights of an architecture."""
        if self.model_folder and not arch:
            return pathlib.Path(self.model_folder)
        arch = arch or self.arch
        folder = self.work / f"{arch}-{seed}"
        if not (folder / "config.json").is_file():
            run_program("init", "--arch", arch, "--seed", seed, "--classes", classes, "-o", folder)
        return folder

    def clips(self):
        return traffic.clips(self.work, self.clip_paths)

    def start(self, model, *options):
        """A server; by default its encoders and decoders stand below the loop in priority."""
        chosen = list(options)
        if self.threads:
            chosen += ["--threads", self.threads]
        for option in self.options:
            name, value = option.split("=", 1)
            chosen += [f"--{name}", value]
        return Service(self.work, model, *chosen)

    def need(self, *options):
        lacking = [name for name in options if name not in self.known]
        if lacking:
            raise Unavailable(f"no option --{', --'.join(lacking)}")

    def as_dict(self):
        return {"model": self.model_folder or self.arch, "seed": self.seed,
                "seconds": self.seconds, "count": self.count, "threads": self.threads,
                "timeout_ms": self.timeout_ms, "options": self.options,
                "compute_niced": "compute-nice" in self.known}


class Tally:
    """Replies of a phase, with when they came."""

    def __init__(self):
        self.replies = []

    def add(self, request, reply):
        self.replies.append((request.kind, reply))

    def having(self, *statuses):
        return [reply for _, reply in self.replies if reply.status in statuses]

    def statuses(self):
        counts = {}
        for _, reply in self.replies:
            name = str(reply.status)
            if reply.status >= 400:
                name += f" {reply.code()}"
            counts[name] = counts.get(name, 0) + 1
        return counts


async def ask(client, request, timeout_s):
    return await client.request("POST", request.target, request.body, request.content_type,
                                timeout_s)


async def closed_loop(client, make, workers, seconds):
    """`workers` clients, each asking again as soon as it has its answer, a refused one a little later.
    (tally, seconds, cores)."""
    tally, share, begin = Tally(), OwnShare(), time.monotonic()

    async def worker():
        while time.monotonic() - begin < seconds:
            request = make()
            reply = await ask(client, request, 120)
            tally.add(request, reply)
            if reply.status in (0, 429, 503):
                await asyncio.sleep(0.1)

    await asyncio.gather(*(worker() for _ in range(workers)))
    return tally, time.monotonic() - begin, share.cores()


async def open_loop(client, make, times, timeout_s, watch=None):
    """Requests at the times given, however many are under way. (tally, begin, cores of ours)."""
    tally, share, tasks = Tally(), OwnShare(), set()
    begin = time.monotonic()

    async def one(request):
        tally.add(request, await ask(client, request, timeout_s))

    for when in times:
        delay = begin + when - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        task = asyncio.create_task(one(make()))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if watch:
            watch()
    own_cores = share.cores()
    if tasks:
        await asyncio.wait(list(tasks), timeout=timeout_s + 10)
    for task in list(tasks):
        task.cancel()
    return tally, begin, own_cores


def client_of(service):
    return Client(service.address)


async def ask_anew(client, clip):
    """Classifies a clip past the cache of videos: an answer out of it would prove nothing."""
    reply = await client.request("POST", "/v1/classify", clip, "video/mp4",
                                 headers=[("Cache-Control", "no-store")])
    if reply.status != 200:
        raise RuntimeError(f"classify answers {reply.status} {reply.code()}")
    if reply.json()["cache"]["video"]:
        raise RuntimeError("no-store was answered from the cache")
    return same_answer(reply)


def same_answer(reply):
    """A 200 without what differs from run to run."""
    dropped = ("id", "timing_ms", "cache")
    return {name: value for name, value in reply.json().items() if name not in dropped}
