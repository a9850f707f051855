#!/usr/bin/env python3
"""Writes core/text/html_entities.inc from Python's own table of HTML5 names.

    tools/make_html_entities.py            rewrites the table
    tools/make_html_entities.py --check    exit 1 when the table is not what would be written

Two lists, each sorted by bytes: the names of html.entities.html5 as they are (with and without
the semicolon), and the names that ftfy decodes beyond them: lower-case names with a semicolon
that were written in capitals, whose character then is a capital too, unless html.unescape would
read the capitals otherwise.
"""

import html
import html.entities
import pathlib
import sys

TARGET = pathlib.Path(__file__).resolve().parent.parent / "core" / "text" / "html_entities.inc"
CODE_POINTS = 3


def capital_names():
    names = {}
    for name, text in html.entities.html5.items():
        capitals = "&" + name.upper()
        if name.endswith(";") and name == name.lower() and html.unescape(capitals) == capitals:
            names[name.upper()] = text.upper()
    return names


def rows(names):
    for name, text in sorted(names.items()):
        if len(text) > CODE_POINTS or not name.isascii():
            raise ValueError(f"{name} does not fit a row")
        points = ", ".join(f"0x{ord(character):X}" for character in text)
        yield f'    {{"{name}", {{{points}}}}},'


def table(title, identifier, names):
    return [
        f"/* {title} */",
        f"static const struct html_entity {identifier}[{len(names)}] = {{",
        *rows(names),
        "};",
    ]


def render():
    lines = ["/* Written by tools/make_html_entities.py: do not edit. */", ""]
    lines += table("HTML5's names.", "html5_entities", html.entities.html5)
    lines += [""]
    lines += table("Names in capitals, as ftfy decodes them.", "capital_entities", capital_names())
    return "\n".join(lines) + "\n"


def main(arguments):
    if arguments == ["--check"]:
        same = TARGET.read_text(encoding="ascii") == render()
        print("the table is up to date" if same else "the table differs: run the tool again")
        return 0 if same else 1
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    TARGET.write_text(render(), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
