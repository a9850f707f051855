#!/usr/bin/env python3
"""Draws contact sheets of the demo world, to look at what a split shows.

A row is a clip, its columns eight frames in time; rows come in the split's order. What each row
shows is printed. With --per-action, rows are grouped: some clips of each action, one sheet each.
"""

import argparse
import pathlib
import subprocess
import sys

import numpy

import clips
import splits

_GAP = 2


def row(clip, side, columns):
    """uint8 [side,columns*(side+gap),3]"""
    frames = clip.frames(columns, side, side)
    gap = numpy.full((columns, side, _GAP, 3), 255, numpy.uint8)
    return numpy.concatenate(list(numpy.concatenate([frames, gap], axis=2)), axis=1)


def write_png(path, rows):
    line = numpy.full((_GAP, rows[0].shape[1], 3), 255, numpy.uint8)
    picture = numpy.concatenate([part for drawn in rows for part in (drawn, line)])
    height, width, _ = picture.shape
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "rawvideo",
                    "-pixel_format", "rgb24", "-video_size", f"{width}x{height}", "-i", "pipe:0",
                    "-frames:v", "1", str(path)], input=picture.tobytes(), check=True)


def grouped(options):
    """action -> its first clips"""
    found, index = {}, 0
    while index < 4000 and (index < 600 or min(map(len, found.values())) < options.rows):
        clip = clips.throw(options.seed, options.split, index)
        mine = found.setdefault(clip.action, [])
        if len(mine) < options.rows:
            mine.append(clip)
        index += 1
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=tuple(splits.SPLITS), default="train")
    parser.add_argument("--rows", type=int, default=4, help="clips a sheet, or an action")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--side", type=int, default=64, help="pixels a frame")
    parser.add_argument("--columns", type=int, default=8, help="frames a clip")
    parser.add_argument("--per-action", action="store_true")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, metavar="DIR")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    sheets = grouped(options) if options.per_action else {
        options.split: [clips.throw(options.seed, options.split, options.start + place)
                        for place in range(options.rows)]}
    for name, shown in sheets.items():
        path = options.output / f"{name}.png"
        write_png(path, [row(clip, options.side, options.columns) for clip in shown])
        print(path)
        for clip in shown:
            print(f"  {clip.action}: {clip.caption}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
