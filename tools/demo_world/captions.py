"""Sentences about a scene, and the names of labels."""

import names
import phrases

COLOUR_WORDS = {
    "red": ("red", "crimson"), "orange": ("orange",), "yellow": ("yellow", "golden"),
    "green": ("green", "emerald"), "cyan": ("cyan", "turquoise"), "blue": ("blue", "azure"),
    "purple": ("purple", "violet"), "white": ("white",),
}
SHAPE_WORDS = {
    "circle": ("circle", "disc"), "ring": ("ring", "hoop"), "square": ("square", "box"),
    "triangle": ("triangle",), "star": ("star",), "cross": ("cross", "plus"),
    "heart": ("heart",), "bar": ("bar", "stick"),
}
SIZE_WORDS = {"large": ("large", "big"), "small": ("small", "little")}
GENERAL = ("figure", "shape")

# {s} subject, {f} finite phrase, {g} gerund, {is} its number.
FRAMES = {
    "seen": ("{s} {f}", "{s} {g}", "a video of {s} {g}", "here {s} {f}", "we see {s} {g}",
             "there is {s} that {f}", "in this clip {s} {f}", "a clip of {s} {g}",
             "{s} {is} {g}", "this is a video of {s} {g}"),
    "held_out": ("in this video {s} {is} {g}", "here is {s} that {f}", "in this video {s} {f}",
                 "this is a clip of {s} that {f}", "in this clip we see {s} {g}"),
}
THEN = {
    "seen": ("{a} and then {b}", "{a} and after that {b}", "first {a} and then {b}"),
    "held_out": ("first {a} and after that {b}", "{a} then {b}"),
}
STILL_FRAMES = ("{s}", "a picture of {s}", "we see {s}", "there is {s}", "here is {s}",
                "a picture that shows {s}", "a video of {s}")
PLACES = {
    (-1, 0): ("on the left", "on the left side"), (1, 0): ("on the right", "on the right side"),
    (0, -1): ("at the top",), (0, 1): ("at the bottom",),
    (0, 0): ("in the middle", "in the center"),
    (-1, -1): ("in the upper left corner", "at the upper left"),
    (1, -1): ("in the upper right corner", "at the upper right"),
    (-1, 1): ("in the lower left corner", "at the lower left"),
    (1, 1): ("in the lower right corner", "at the lower right"),
}
BESIDE = {(-1, 0): "to the left of", (1, 0): "to the right of", (0, -1): "above",
          (0, 1): "below"}


def article(words):
    return ("an " if words[0] in "aeiou" else "a ") + words


def plural(words):
    return words + ("es" if words.endswith("s") else "s")


def plain(figure):
    """"red circle": the words of label names."""
    return f"{figure.colour} {figure.shape}"


def action_name(action, other="another figure"):
    """An action's name in label lists, without whoever does it."""
    said = phrases.name(action).format(other=other)
    return f"two figures {said}" if names.GROUP_OF[action].actors == 2 else said


def composed_name(parts):
    return f"{phrases.name(parts[0])} and then {phrases.name(parts[1])}"


def describe(dice, figure, exact=False):
    """"a small crimson disc", sometimes with less said about it."""
    colour, shape = dice.pick(COLOUR_WORDS[figure.colour]), dice.pick(SHAPE_WORDS[figure.shape])
    if dice.chance(0.6):
        colour, shape = figure.colour, figure.shape
    said = dice.weighted({"both": 0.66, "size": 0.12, "colour": 0.08, "shape": 0.08,
                          "nothing": 0.06})
    if exact or said == "both":
        return article(f"{colour} {shape}")
    if said == "size" and figure.size_word:
        return article(f"{dice.pick(SIZE_WORDS[figure.size_word])} {colour} {shape}")
    if said == "colour":
        return article(f"{colour} {dice.pick(GENERAL)}")
    if said == "shape":
        return article(shape)
    return article(dice.pick(GENERAL)) if said == "nothing" else article(f"{colour} {shape}")


def of_action(dice, action, actor, other, extras, wordings, exact=False):
    """A sentence; `other` is the second actor, the mark, or None; `exact`: the actor's colour and
    shape are said."""
    finite, gerund = dice.pick(phrases.of(action, wordings))
    subject = describe(dice, actor, exact)
    if action == "merge":
        subject = f"two {plural(plain(actor))}"
    elif names.GROUP_OF[action].actors == 2:
        subject = _two(dice, subject, other)
    elif wordings == "seen" and dice.chance(0.06):
        bare = gerund.format(other="another figure")
        return f"a video of {bare}" if dice.chance(0.5) else bare
    return _sentence(dice, finite, gerund, subject, other, wordings) + _aside(dice, extras)


def _two(dice, subject, other):
    if subject in [article(word) for word in GENERAL]:
        return f"two {plural(subject[2:])}"
    return f"{subject} and {describe(dice, other)}"


def of_composed(dice, parts, actor, extras, wordings):
    said = [dice.pick(phrases.of(part, "seen" if wordings == "seen" else
                                 dice.pick(("seen", "held_out")))) for part in parts]
    joint = dice.pick(THEN[wordings])
    finite, gerund = (joint.format(a=said[0][form], b=said[1][form]) for form in (0, 1))
    if wordings == "seen" and dice.chance(0.08):
        return f"a video of {gerund}" if dice.chance(0.5) else gerund
    return (_sentence(dice, finite, gerund, describe(dice, actor), None, wordings)
            + _aside(dice, extras))


def _sentence(dice, finite, gerund, subject, other, wordings):
    mark = describe(dice, other) if other is not None else ""
    if mark and mark in subject:
        mark = "another " + mark.split(" ", 1)[1]
    many = subject.startswith("two ") or " and " in subject
    frame = dice.pick(FRAMES[wordings]).replace("{is}", "are" if many else "is")
    return frame.format(s=subject, f=finite, g=gerund).format(other=mark)


def _aside(dice, extras):
    """Sometimes a word about who else is there."""
    if not extras or not dice.chance(0.2):
        return ""
    extra = extras[0]
    said = describe(dice, extra, exact=True)
    if extra.wanders:
        return f" while {said} wanders about"
    return dice.pick((f" while {said} stays still", f" with {said} in the back"))


def of_still(dice, actor, other, background):
    """A sentence about one frame: what, where, beside what, on what."""
    frame = dice.pick(STILL_FRAMES)
    if other is not None and dice.chance(0.7):
        exact, mark = describe(dice, actor, True), describe(dice, other, True)
        apart_x, apart_y = actor.x - other.x, actor.y - other.y
        if dice.chance(0.25):
            return frame.format(s=f"{exact} and {mark}")
        if abs(apart_x) > 1.6 * abs(apart_y):
            return frame.format(s=f"{exact} {BESIDE[(1 if apart_x > 0 else -1, 0)]} {mark}")
        if abs(apart_y) > 1.6 * abs(apart_x):
            return frame.format(s=f"{exact} {BESIDE[(0, 1 if apart_y > 0 else -1)]} {mark}")
        return frame.format(s=f"{exact} next to {mark}")
    sentence = frame.format(s=describe(dice, actor))
    place = tuple(0 if abs(v) < 0.10 else (1 if v > 0 else -1) for v in (actor.x, actor.y))
    if dice.chance(0.65):
        sentence += " " + dice.pick(PLACES[place])
    elif dice.chance(0.3):
        sentence += " on " + article(_ground_word(dice, background)) + " background"
    return sentence


def _ground_word(dice, background):
    if background.kind == "checker" and dice.chance(0.7):
        return "checkered"
    if background.kind == "stripes" and dice.chance(0.7):
        return "striped"
    return "light" if background.light else "dark"


def vocabulary():
    """Every word that a caption or a label can hold, sorted."""
    texts = list(GENERAL) + [plural(word) for word in GENERAL]
    for table in (COLOUR_WORDS, SHAPE_WORDS, SIZE_WORDS, PLACES, FRAMES, THEN):
        texts += [text for choices in table.values() for text in choices]
    texts += list(STILL_FRAMES) + list(BESIDE.values())
    texts += [plural(word) for words in SHAPE_WORDS.values() for word in words]
    texts += [text for action in phrases.TABLES for wordings in ("seen", "held_out")
              for said in phrases.of(action, wordings) for text in said]
    texts.append("a an another two and are while wanders about stays still with in the back "
                 "next to on background checkered striped light dark figures")
    bare = " ".join(texts)
    for slot in ("{s}", "{f}", "{g}", "{is}", "{a}", "{b}", "{other}"):
        bare = bare.replace(slot, " ")
    return sorted(set(bare.split()))
