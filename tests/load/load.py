#!/usr/bin/env python3
"""Load scenarios against a server of this machine's loopback: `./dev load SCENARIO [options]`.

Every scenario is bounded in time and in requests, starts its own servers and stops them by their ids.
It writes OUT/SCENARIO.json, prints a table, and ends with 1 where a check failed, 3 where the server
has not what it needs.
"""

import argparse
import asyncio
import importlib
import pathlib
import sys

import service
from report import Report
from scenarios.base import Settings, Unavailable

SCENARIOS = ("overload", "cached", "uploads", "disconnect", "reload", "drain", "soak", "healthz")
FAILED, LACKING = 1, 3


def arguments():
    parser = argparse.ArgumentParser(prog="./dev load", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="+", choices=SCENARIOS)
    parser.add_argument("--model", help="model folder of overload and soak (random ViT-B/16)")
    parser.add_argument("--arch", default="vit-b16", help="random weights where there is no --model")
    parser.add_argument("--clips", nargs="*", default=[], help="videos to send (three drawn ones)")
    parser.add_argument("--seconds", type=int, default=60, help="of a phase; of the soak, all (60)")
    parser.add_argument("--count", type=int, default=200, help="of repetitions where it counts (200)")
    parser.add_argument("--levels", type=lambda text: [int(part) for part in text.split(",")],
                        default=[1, 2, 5, 10], help="times the capacity (1,2,5,10)")
    parser.add_argument("--timeout-ms", type=int, default=20000, help="of each request (20000)")
    parser.add_argument("--threads", type=int, help="of the server's team (its default)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve-option", action="append", default=[], metavar="NAME=VALUE",
                        help="a further option of m2clip serve, without dashes")
    parser.add_argument("--work", default="build/load", help="folder of models, clips and logs")
    parser.add_argument("--out", default="build/load", help="folder of the results")
    parser.add_argument("--tools", type=pathlib.Path, default=pathlib.Path("build/tests/load"),
                        help="where bare_hello is built")
    return parser.parse_args()


def run(name, settings, out):
    report = Report(name, settings.as_dict())
    scenario = importlib.import_module(f"scenarios.{name}").scenario
    try:
        asyncio.run(scenario(settings, report))
    except Unavailable as reason:
        print(f"{name}: not run: {reason}")
        return LACKING
    except (RuntimeError, OSError) as broken:
        # A server that died or answers what it must not: a failure with what was found so far.
        report.check("the run came to its end", str(broken), "it does", False)
    path = report.write(out)
    print(report.table())
    print(f"  written to {path}", flush=True)
    return 0 if report.passed() else FAILED


def main():
    given = arguments()
    out = pathlib.Path(given.out)
    for folder in (out, pathlib.Path(given.work)):
        folder.mkdir(parents=True, exist_ok=True)
    if not pathlib.Path(service.binary()).is_file():
        print(f"there is no {service.binary()}", file=sys.stderr)
        return 2
    settings = Settings(given)
    return max(run(name, settings, out) for name in given.scenario)


if __name__ == "__main__":
    sys.exit(main())
