#!/usr/bin/env python3
"""Runs `m2clip bench` and writes its tables into docs/performance.md, between the markers
`<!-- bench:begin -->` and `<!-- bench:end -->`. Everything in one table is from one run.

usage: bench/performance.py --m2clip BINARY --model DIR [--labels FILE] [VIDEO...]
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def measure(arguments):
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    cores = len(os.sched_getaffinity(0))
    threads = "1" if cores == 1 else f"1,{cores}"
    command = [arguments.m2clip, "bench", "--model", arguments.model, "--json", "--precision",
               "f32,bf16,int8", "--threads", threads, "--repeats", str(arguments.repeats)]
    if arguments.labels:
        command += ["--labels-file", arguments.labels]
    command += arguments.videos
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment,
                         timeout=1800)
    return json.loads(run.stdout)["results"]


def clip_table(rows):
    yield "| precision | threads | library alone, GFLOP/s | clip, ms | clips/s | GFLOP/s | efficiency |"
    yield "|---|---|---|---|---|---|---|"
    library = {}
    for row in rows:
        key = (row["precision"], row["threads"])
        if row["stage"] == "library":
            library[key] = row["gflops"]
        elif row["stage"] == "clip":
            yield (f"| {row['precision']} | {row['threads']} | {library[key]:.0f} | {row['ms']:.0f} "
                   f"| {1e3 / row['ms']:.2f} | {row['gflops']:.0f} | {row['efficiency']:.2f} |")


def stage_table(rows):
    most = max(row["threads"] for row in rows if row["stage"] == "clip")
    stages = [row for row in rows if row["stage"].startswith("clip.") and row["threads"] == most]
    names = list(dict.fromkeys(row["stage"] for row in stages))
    precisions = list(dict.fromkeys(row["precision"] for row in stages))
    yield f"| stage ({most} threads) | " + " | ".join(f"{p}, ms" for p in precisions) + " |"
    yield "|---" * (len(precisions) + 1) + "|"
    for name in names:
        values = [f"{row['ms']:.1f}" for precision in precisions for row in stages
                  if row["stage"] == name and row["precision"] == precision]
        yield f"| {name.removeprefix('clip.')} | " + " | ".join(values) + " |"


def other_table(rows):
    yield "| what | precision | threads | ms | |"
    yield "|---|---|---|---|---|"
    for row in rows:
        if row["stage"] in ("labels", "decode", "preprocess", "memory"):
            ms = f"{row['ms']:.1f}" if row["ms"] else ""
            yield (f"| {row['stage']} | {row['precision']} | {row['threads']} | {ms} "
                   f"| {row['note']} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--m2clip", default="build/m2clip")
    parser.add_argument("--model", required=True)
    parser.add_argument("--labels")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("videos", nargs="*")
    arguments = parser.parse_args()
    rows = measure(arguments)
    today = datetime.date.today().isoformat()
    lines = [f"{today}, {processor()}, {len(os.sched_getaffinity(0))} cores; ViT-B/16, 8 frames, "
             "one clip; medians of one run.", "", *clip_table(rows), "", *stage_table(rows), "",
             *other_table(rows)]
    text = DOCUMENT.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    DOCUMENT.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{tail}", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
