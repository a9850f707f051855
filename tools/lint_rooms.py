#!/usr/bin/env python3
"""Checks docs/architecture.md's house rules over the tree: which room may include which, which
library belongs to which room, how long files may be, which calls are not used.

Prints each breach as `file:line: what` and exits 1 if there is any.
"""

import re
import subprocess
import sys

# room -> rooms it may include; a room may always include itself and core/status.h.
ROOMS = {
    "core/runtime": [],
    "core/kernels": ["core/runtime"],
    "core/text": ["core/runtime"],
    "core/video": ["core/runtime", "core/kernels"],
    "core/model": ["core/runtime", "core/kernels", "core/text", "core/video", "core"],
    "core": ["core/runtime", "core/kernels", "core/text", "core/video", "core/model"],
    "proto": ["core", "core/model", "core/runtime", "core/video"],
    "net": ["core", "core/runtime"],
    "server/observe": ["proto", "core", "core/runtime"],
    "server/clients": ["server", "proto", "core", "core/runtime"],
    "server/http": ["server", "server/observe", "proto", "core", "core/runtime"],
    "server/engine": ["server", "server/observe", "core", "core/runtime", "core/video",
                      "core/model"],
    "server/handlers": ["server", "server/http", "server/clients", "server/engine",
                        "server/observe", "proto", "core", "core/runtime", "core/video",
                        "core/model"],
    "server": ["server/http", "server/clients", "server/handlers", "server/engine",
               "server/observe", "server/fetch", "proto", "core", "core/runtime", "core/video",
               "core/model"],
    "server/fetch": ["net", "server", "core", "core/runtime"],
    "train": ["core", "core/model", "core/kernels", "core/runtime", "core/text", "core/video"],
    "cli": ["train", "server", "proto", "net", "core", "core/model", "core/runtime", "core/kernels",
            "core/text", "core/video"],
}

# header -> rooms that may include it
LIBRARIES = {
    r"jansson\.h": ["proto", "core/model", "core/text", "server/observe", "train"],
    r"libav(format|codec|util)/.*|libswscale/.*": ["core/video"],
    r"cblas\.h|dnnl\.h|oneapi/.*": ["core/kernels"],
    r"microhttpd\.h": ["server/http"],
    r"curl/.*": ["net"],
    r"utf8proc\.h": ["core/text", "core/model", "proto"],
    r"uv\.h": ["server", "server/http", "server/engine", "server/handlers", "server/observe",
               "server/fetch"],
}

# headers that any room may include
PUBLIC = ["core/status.h", "core/model/digest.h"]

BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|alloca|atoi|atol|atof|strtok)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
MAX_LINES = 600


def room_of(path):
    folder = path.rsplit("/", 1)[0] if "/" in path else ""
    while folder and folder not in ROOMS:
        folder = folder.rsplit("/", 1)[0] if "/" in folder else ""
    return folder


def resolve(include, files):
    for candidate in (include, "core/" + include):
        if candidate in files:
            return candidate
    return None


def check_file(path, files):
    room = room_of(path)
    with open(path, encoding="utf-8") as source:
        lines = source.read().splitlines()
    if len(lines) > MAX_LINES:
        yield f"{path}:1: {len(lines)} lines exceed {MAX_LINES}"
    for number, line in enumerate(lines, 1):
        if BANNED.search(line):
            yield f"{path}:{number}: a banned call"
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, name = match.groups()
        if kind == "<":
            for pattern, rooms in LIBRARIES.items():
                if re.fullmatch(pattern, name) and room not in rooms:
                    yield f"{path}:{number}: {room} may not include <{name}>"
            continue
        target = resolve(name, files)
        if target is None or target in PUBLIC:
            continue
        other = room_of(target)
        if other != room and other not in ROOMS[room]:
            yield f"{path}:{number}: {room} may not include {other} ({name})"


def main():
    listing = subprocess.run(["git", "ls-files", "*.c", "*.h"], check=True, capture_output=True,
                             text=True)
    files = set(listing.stdout.split())
    breaches = [breach for path in sorted(files) if room_of(path)
                for breach in check_file(path, files)]
    print("\n".join(breaches) if breaches else f"{len(files)} files keep to their rooms")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
