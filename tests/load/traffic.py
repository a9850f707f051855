"""What is asked: clips and label lists in a seeded mix, and when: Poisson arrivals with a seed."""

import base64
import json
import pathlib
import random
import struct
import subprocess

ACTIONS = ("opening", "closing", "lifting", "dropping", "throwing", "catching", "pushing", "pulling",
           "washing", "drawing", "holding", "cutting", "folding", "kicking", "painting", "carrying",
           "cleaning", "playing", "riding", "shaking")
THINGS = ("a door", "a box", "a ball", "a cup", "a book", "a rope", "a bicycle", "a guitar", "a table",
          "a bottle", "a knife", "a paper", "a chair", "a window", "a hat", "a phone", "a shirt",
          "a broom", "a stone", "a fish")
LABELS = [f"{action} {thing}" for action in ACTIONS for thing in THINGS]  # 400


def arrivals(rate, duration_s, seed):
    """Seconds at which requests come: a Poisson process of `rate` a second, the same for a seed."""
    chance, now, times = random.Random(seed), 0.0, []
    while True:
        now += chance.expovariate(rate)
        if now >= duration_s:
            return times
        times.append(now)


def draw_clip(path, seconds, size, rate=25, codec="libx264"):
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i",
                    f"testsrc=duration={seconds}:size={size}:rate={rate}", "-pix_fmt", "yuv420p",
                    "-c:v", codec, str(path)], check=True, timeout=300)
    return path


def clips(folder, given=()):
    """Bytes of the clips to send: those given, or three drawn here."""
    if given:
        return [pathlib.Path(path).read_bytes() for path in given]
    sizes = (("short.mp4", 2, "320x240"), ("middle.mp4", 4, "480x270"), ("wide.mp4", 8, "640x360"))
    paths = [pathlib.Path(folder) / name for name, _, _ in sizes]
    for path, (_, seconds, size) in zip(paths, sizes):
        if not path.is_file():
            draw_clip(path, seconds, size)
    return [path.read_bytes() for path in paths]


def padded(clip, size_bytes):
    """The same MP4, made as large as asked by a box that players skip."""
    free = size_bytes - len(clip)
    if free < 8:
        raise ValueError("the clip is larger than that")
    return clip + struct.pack(">I4s", free, b"free") + bytes(free - 8)


class Request:
    """One thing to ask: route, query, body."""

    __slots__ = ("target", "body", "content_type", "kind")

    def __init__(self, kind, target, body, content_type="video/mp4"):
        self.kind, self.target, self.body, self.content_type = kind, target, body, content_type


def form(clip, labels, timeout_ms=None):
    """A multipart body of a clip and its labels."""
    boundary = "loadloadload"
    fields = [("labels", label) for label in labels]
    if timeout_ms:
        fields.append(("timeout_ms", str(timeout_ms)))
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
             for name, value in fields]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="video"; filename="clip"\r\n'
                 "Content-Type: video/mp4\r\n\r\n")
    body = "".join(parts).encode() + clip + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def long_reply(clip, labels=1000, name_bytes=250):
    """Asks for a reply of some hundred KiB: more than the kernel takes from a server at once."""
    names = [{"name": f"{number} ".ljust(name_bytes, "x"), "texts": [f"thing {number}"]}
             for number in range(labels)]
    body = json.dumps({"video": base64.b64encode(clip).decode(), "labels": names, "top_k": 0})
    return Request("long reply", "/v1/zeroshot", body.encode(), "application/json")


class Mix:
    """Four in ten ask for classes, the others for labels: lists of 5, 50 and 400 from a fixed set."""

    def __init__(self, clip_list, seed, timeout_ms, salt=True):
        self.chance = random.Random(seed)
        self.clips, self.timeout_ms, self.salt = clip_list, timeout_ms, salt
        lists = random.Random(1)
        self.label_lists = [lists.sample(LABELS, count) for count in (5, 5, 5, 50, 50, 400)]
        self.count = 0

    def clip(self):
        """One of the clips; salted so that no cache of videos knows it."""
        clip = self.chance.choice(self.clips)
        self.count += 1
        if not self.salt:
            return clip
        return clip + struct.pack(">I4sQQ", 24, b"free", self.count, self.chance.getrandbits(63))

    def next(self):
        clip = self.clip()
        if self.chance.random() < 0.4:
            return Request("classify", f"/v1/classify?timeout_ms={self.timeout_ms}", clip)
        body, kind = form(clip, self.chance.choice(self.label_lists), self.timeout_ms)
        return Request("zeroshot", "/v1/zeroshot", body, kind)

    def bad(self):
        """Something that must be refused or fail, and hurt nobody."""
        clip = self.chance.choice(self.clips)
        choice = self.chance.randrange(6)
        if choice == 0:
            return Request("garbage", "/v1/classify", self.chance.randbytes(20000))
        if choice == 1:
            return Request("truncated", "/v1/classify", clip[:self.chance.randrange(1, len(clip))])
        if choice == 2:
            return Request("unknown option", "/v1/classify?colour=red", clip)
        if choice == 3:
            return Request("wrong type", "/v1/classify", clip, "text/plain")
        if choice == 4:
            return Request("bad json", "/v1/zeroshot", b'{"video": [1, 2', "application/json")
        body = json.dumps({"video": "!!!", "labels": ["a", "b"]}).encode()
        return Request("bad base64", "/v1/zeroshot", body, "application/json")
