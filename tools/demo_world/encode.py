"""Frames to video files, by the ffmpeg command; picks among the encoders that it has."""

import dataclasses
import functools
import os
import subprocess


@dataclasses.dataclass(frozen=True)
class Format:
    name: str
    encoder: str
    suffix: str
    options: tuple


FORMATS = (
    Format("h264-mp4", "libx264", "mp4", ("-preset", "veryfast", "-crf", "23")),
    Format("h264-mkv", "libx264", "mkv", ("-preset", "veryfast", "-crf", "28", "-bf", "3")),
    Format("h264-mov", "libx264", "mov", ("-preset", "ultrafast", "-crf", "25")),
    Format("mpeg4-avi", "mpeg4", "avi", ("-q:v", "5")),
    Format("mpeg4-mp4", "mpeg4", "mp4", ("-q:v", "4", "-bf", "2")),
    Format("vp8-webm", "libvpx", "webm", ("-deadline", "realtime", "-cpu-used", "8",
                                          "-b:v", "500k")),
    Format("vp9-webm", "libvpx-vp9", "webm", ("-deadline", "realtime", "-cpu-used", "8",
                                              "-crf", "32", "-b:v", "0")),
    Format("hevc-mp4", "libx265", "mp4", ("-preset", "ultrafast", "-crf", "26", "-tag:v", "hvc1",
                                          "-x265-params", "log-level=none:pools=none")),
    Format("av1-mkv", "libaom-av1", "mkv", ("-usage", "realtime", "-cpu-used", "8", "-crf", "38",
                                            "-b:v", "0", "-row-mt", "0")),
)
# What an encoder that is missing is replaced by: libav always has it.
LAST_RESORT = FORMATS[3]


@functools.lru_cache(maxsize=1)
def _encoders():
    listed = subprocess.run(["ffmpeg", "-hide_banner", "-encoders"], capture_output=True,
                            text=True, check=True).stdout
    return {line.split()[1] for line in listed.splitlines() if len(line.split()) > 1}


def choose(dice):
    """A format by the dice; the choice does not depend on what this machine has."""
    chosen = dice.pick(FORMATS)
    return chosen if chosen.encoder in _encoders() else LAST_RESORT


def write(path, frames, rate, chosen):
    """Writes uint8 [T,H,W,3] to `path`, whole or not at all."""
    count, height, width, _ = frames.shape
    part = f"{path}.part"
    muxer = {"mkv": "matroska"}.get(chosen.suffix, chosen.suffix)
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y",
               "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}",
               "-framerate", str(rate), "-i", "pipe:0", "-an", "-c:v", chosen.encoder,
               *chosen.options, "-pix_fmt", "yuv420p", "-threads", "1", "-fflags", "+bitexact",
               "-flags:v", "+bitexact", "-f", muxer, part]
    done = subprocess.run(command, input=frames.tobytes(), capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"ffmpeg failed on {path}: {done.stderr.decode(errors='replace')}")
    os.replace(part, path)
    return count
