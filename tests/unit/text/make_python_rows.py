#!/usr/bin/env python3
"""Writes python_rows.jsonl: random texts and what Python's own html.unescape, str.lower and
unicodedata.normalize make of each. The texts hold what is hard for one of the three: pieces of
character references, letters around a capital sigma, and combining marks out of order."""

import html
import html.entities
import json
import pathlib
import random
import unicodedata

ROWS = 600
# All Pythons and utf8procs agree on what has been assigned since Unicode 3.2, below the emoji.
LAST = 0x1F300

REFERENCES = ["&", "&#", "&#x", "&#X", "#", ";", "x", "38", "128", "1F600", "110000", "D800", "0;"]
LETTERS = ["Σ", "σ", "Α", "İ", "I", "ß", "ẞ", "Ǆ", "Ⅷ", "Ⓐ", "ª", "ʰ", "'", ".", "·", "’", " ", "1"]


def is_old(character):
    return unicodedata.ucd_3_2_0.category(character) not in ("Cn", "Cs", "Co")


def make_text(choice, names, marks, others):
    kinds = [
        lambda: choice(REFERENCES),
        lambda: "&" + choice(names) + choice(["", ";", "z", " "]),
        lambda: choice(LETTERS),
        lambda: choice("aeouAEO") + "".join(choice(marks) for _ in range(choice(range(5)))),
        lambda: choice(others),
    ]
    return "".join(choice(kinds)() for _ in range(choice(range(1, 9))))


def main():
    numbers = random.Random(1)
    old = [chr(point) for point in range(0x20, LAST) if is_old(chr(point))]
    marks = [character for character in old if unicodedata.combining(character)]
    names = [name.rstrip(";") for name in html.entities.html5]
    target = pathlib.Path(__file__).resolve().parent / "python_rows.jsonl"
    with target.open("w", encoding="utf-8") as file:
        for _ in range(ROWS):
            text = make_text(numbers.choice, names, marks, old)
            row = {
                "text": text,
                "unescaped": html.unescape(text),
                "lower": text.lower(),
                "nfc": unicodedata.normalize("NFC", text),
            }
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
