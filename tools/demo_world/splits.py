"""What a split may show: held-out combinations, held-out composed actions, the zero-shot lists."""

import dataclasses

from names import COLOURS, COMPOSED, GROUPS, NEW_GROUPS, reversed_parts
from shapes import SHAPES

_COLOUR = {name: index for index, name in enumerate(COLOURS)}
_SHAPE = {name: index for index, name in enumerate(SHAPES)}
_GROUP = {group.name: index for index, group in enumerate(GROUPS)}


def combination_is_held_out(colour, shape, group):
    """One in eight of colour x shape x action (with its opposite), as in a Latin square: each pair
    of the three is seen in training, the three together are not."""
    return (_COLOUR[colour] + 3 * _SHAPE[shape] + 5 * _GROUP[group.name]) % 8 == 0


def group_named(name):
    return GROUPS[_GROUP[name]]


def _composed_families():
    """Composed actions, each with what it becomes backwards, in a fixed order."""
    seen, families = set(), []
    for parts in COMPOSED:
        if parts not in seen:
            family = tuple(dict.fromkeys((parts, reversed_parts(parts))))
            seen.update(family)
            families.append(family)
    return families


# Two of five families, so that each part is seen first and second in training.
HELD_OUT_COMPOSED = tuple(parts for index, family in enumerate(_composed_families())
                          if index % 5 in (1, 3) for parts in family)
SEEN_COMPOSED = tuple(parts for parts in COMPOSED if parts not in HELD_OUT_COMPOSED)

# The looks of the zero-shot list of held-out combinations: each colour once, each shape once, and
# with each of them the four actions (two opposite pairs) that training never showed with it.
ZERO_SHOT_GROUPS = (("horizontal", "size"), ("vertical", "spin"), ("falling_diagonal", "presence"),
                    ("rising_diagonal", "fade"))


def _zero_shot_looks():
    """(colour, shape, groups) with at most three looks for each couple of groups."""
    def search(shapes, looks):
        if not shapes:
            return looks
        for names in ZERO_SHOT_GROUPS:
            if sum(names == look[2] for look in looks) == 3:
                continue
            for colour in COLOURS:
                held = all(combination_is_held_out(colour, shapes[0], group_named(name))
                           for name in names)
                if not held or any(colour == look[0] for look in looks):
                    continue
                found = search(shapes[1:], looks + [(colour, shapes[0], names)])
                if found:
                    return found
        return None
    return tuple(search(SHAPES, []))


ZERO_SHOT_LOOKS = _zero_shot_looks()


@dataclasses.dataclass(frozen=True)
class Split:
    """`use` is what list.csv says; `kinds` the weights of what clips show; `wordings` which
    wordings captions take; `groups` the actions; `labels` what a label names."""
    name: str
    use: str
    kinds: dict
    wordings: str = "seen"
    groups: tuple = GROUPS
    labels: str = "action"


_ACTION = {"action": 1.0}
SPLITS = {split.name: split for split in (
    Split("train", "train", _ACTION),
    Split("validation", "validation", _ACTION),
    Split("test", "test", _ACTION, wordings="held_out"),
    Split("pretrain", "train", {"action": 0.45, "composed": 0.25, "still": 0.30},
          labels="sentence"),
    Split("still", "train", {"still": 1.0}, labels="sentence"),
    Split("composed", "train", {"composed": 1.0}, labels="composed"),
    Split("test-combinations", "test", {"combination": 1.0}, wordings="held_out",
          labels="combination"),
    Split("test-composed", "test", {"held_out_composed": 1.0}, wordings="held_out",
          labels="composed"),
    Split("few-shot", "train", _ACTION, groups=NEW_GROUPS),
    Split("few-shot-test", "test", _ACTION, wordings="held_out", groups=NEW_GROUPS),
)}
