#!/usr/bin/env python3
"""Makes clips of the demo world: short videos of figures that act, with labels and captions.

Clip k of a split depends on the seed, the split and k alone: any range can be made anywhere. See
docs/demo_world.md for what is in the world and what is held out of training.
"""

import argparse
import csv
import functools
import json
import multiprocessing
import os
import pathlib
import sys

import numpy

import captions
import clips
from dice import Dice
import encode
import names
import phrases
import shards
import splits

RATES = (12, 15, 20, 24, 25, 30)
# Short sides to long sides: square, 4:3, 16:9 and upright.
ASPECTS = ((1.0, 1.0), (4 / 3, 1.0), (16 / 9, 1.0), (1.0, 4 / 3))
SHORT_SIDES, LONGEST = (96, 112, 120, 128, 144, 160), 200


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=tuple(splits.SPLITS), default="train")
    parser.add_argument("--count", type=int, required=True, help="how many clips")
    parser.add_argument("--start", type=int, default=0, help="the first clip's number")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--size", help="WxH of videos, or S of raw frames (default: 64)")
    parser.add_argument("--labels", choices=("split", "sentence"), default="split",
                        help="sentence: label each clip by who does what")
    parser.add_argument("--keep", action="store_true", help="leave videos that are there")
    parser.add_argument("--raw", action="store_true", help="frames in shards, no videos")
    parser.add_argument("--frames", type=int, default=8, help="frames of a raw clip")
    options = parser.parse_args(arguments)
    if options.count < 1 or options.start < 0 or options.jobs < 1 or options.frames < 1:
        parser.error("--count, --jobs and --frames want at least 1, --start at least 0")
    try:
        options.size = _size(options)
    except ValueError:
        parser.error("--size wants S or WxH, even and 32 to 1024")
    return options


def _size(options):
    if options.size is None:
        return (64, 64) if options.raw else None
    sides = [int(side) for side in options.size.split("x")]
    width, height = sides * 2 if len(sides) == 1 else sides
    if any(side % 2 or not 32 <= side <= 1024 for side in (width, height)):
        raise ValueError(options.size)
    return width, height


def shape_of_video(dice, size):
    """(width, height, rate, frames)"""
    rate, seconds = dice.pick(RATES), dice.uniform(1.5, 4.0)
    if size is None:
        short = dice.pick(SHORT_SIDES)
        wide, high = dice.pick(ASPECTS)
        size = tuple(min(LONGEST, int(short * side) // 2 * 2) for side in (wide, high))
    return (*size, rate, int(round(rate * seconds)))


def make_video(options, index):
    """Encodes one clip; returns its facts."""
    clip = clips.throw(options.seed, options.split, index)
    dice = Dice(options.seed, options.split, "file", index)
    width, height, rate, count = shape_of_video(dice, options.size)
    chosen = encode.choose(dice)
    path = f"videos/{options.split}-{index:06d}.{chosen.suffix}"
    if not (options.keep and (options.output / path).exists()):
        encode.write(options.output / path, clip.frames(count, width, height), rate, chosen)
    return {"path": path, **clip.facts(), **_labelled(options, clip), "width": width,
            "height": height, "fps": rate, "frames": count, "format": chosen.name}


def _labelled(options, clip):
    return {"label": clip.sentence} if options.labels == "sentence" else {}


def make_shard(options, number):
    """Frames of up to 256 clips; returns their facts."""
    first = options.start + number * shards.CLIPS
    count = min(shards.CLIPS, options.start + options.count - first)
    width, height = options.size
    frames = numpy.empty((count, options.frames, height, width, 3), numpy.uint8)
    facts = []
    path = f"raw/{options.split}-{first:06d}.safetensors"
    for place in range(count):
        clip = clips.throw(options.seed, options.split, first + place)
        frames[place] = clip.frames(options.frames, width, height)
        facts.append({"path": path, "index": place, **clip.facts(), **_labelled(options, clip)})
    return path, frames, facts


def _raw_job(options, label_ids, number):
    path, frames, facts = make_shard(options, number)
    labels = numpy.array([label_ids.get(fact["label"], -1) for fact in facts], numpy.int64)
    shards.write(options.output / path, frames, labels)
    return facts


def run(options, job, numbers):
    """The jobs' results in order, on `options.jobs` processes, with progress on a terminal."""
    results = []
    with multiprocessing.Pool(options.jobs) as pool:
        for result in pool.imap(job, numbers, chunksize=1):
            results.append(result)
            if sys.stderr.isatty():
                print(f"\r{len(results)}/{len(numbers)}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return results


def closed_labels(options):
    return None if options.labels == "sentence" else clips.label_names(options.split)


def free_labels(options):
    """The sentences of this range, sorted: a list that grows with the range."""
    return sorted({clips.throw(options.seed, options.split, index).label_as(options.labels)
                   for index in range(options.start, options.start + options.count)})


def write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_lists(options, facts, labels):
    folder, split = options.output, splits.SPLITS[options.split]
    write_csv(folder / "labels.csv", ("id", "name"), enumerate(labels))
    with open(folder / "captions.jsonl", "w", encoding="utf-8") as out:
        for fact in facts:
            out.write(json.dumps(fact) + "\n")
    if not options.raw:
        write_csv(folder / "list.csv", ("path", "label", "split"),
                  [(fact["path"], fact["label"], split.use) for fact in facts])
    if split.labels == "action" and options.labels == "split":
        reworded = [_reworded(action) for group in split.groups for action in group.actions]
        write_csv(folder / "labels_unseen_words.csv", ("id", "name"), enumerate(reworded))
    (folder / "pairs.json").write_text(json.dumps(_pairs(options, split, facts), indent=1) + "\n")
    (folder / "words.txt").write_text("\n".join(captions.vocabulary()) + "\n")


def _reworded(action):
    """An action's name in a wording that training never uses."""
    said = phrases.of(action, "held_out")[0][1].format(other="another figure")
    return f"two figures {said}" if names.GROUP_OF[action].actors == 2 else said


def _pairs(options, split, facts):
    """Opposite actions, their label names, and the clips here that share their frames."""
    groups = [group for group in split.groups if group.backwards]
    places = [(fact["path"], fact["index"]) if options.raw else fact["path"] for fact in facts]
    shared = [[places[at], places[at + 1]]
              for at in range(options.start % 2, len(facts) - 1, 2) if facts[at]["reversible"]]
    return {"actions": [group.actions for group in groups],
            "labels": [[captions.action_name(action) for action in group.actions]
                       for group in groups], "clips": shared}


def make(options):
    (options.output / ("raw" if options.raw else "videos")).mkdir(parents=True, exist_ok=True)
    labels = closed_labels(options)
    labels = free_labels(options) if labels is None else labels
    if options.raw:
        ids = {name: index for index, name in enumerate(labels)}
        numbers = range((options.count + shards.CLIPS - 1) // shards.CLIPS)
        shard_facts = run(options, functools.partial(_raw_job, options, ids), numbers)
        facts = [fact for part in shard_facts for fact in part]
    else:
        numbers = range(options.start, options.start + options.count)
        facts = run(options, functools.partial(make_video, options), numbers)
    write_lists(options, facts, labels)
    print(f"{len(facts)} clips in {os.fspath(options.output)}")


def main(arguments=None):
    options = parse(arguments)
    try:
        make(options)
    except (OSError, RuntimeError) as failure:
        print(f"make.py: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
