"""The closed lists of the world: colours, figures, actions and their opposites."""

import dataclasses

COLOURS = {
    "red": (222, 35, 40), "orange": (247, 138, 15), "yellow": (242, 226, 40),
    "green": (38, 168, 56), "cyan": (50, 214, 222), "blue": (38, 78, 226),
    "purple": (150, 50, 190), "white": (250, 250, 250),
}


@dataclasses.dataclass(frozen=True)
class Group:
    """Actions that share their frames: the second is the first run backwards.

    Without a second the action looks the same in both directions. `actors`: how many figures do it;
    `other`: whether it needs a further figure as its mark.
    """
    name: str
    forwards: str
    backwards: str = ""
    actors: int = 1
    other: bool = False
    turns: bool = False

    @property
    def actions(self):
        return (self.forwards, self.backwards) if self.backwards else (self.forwards,)


# The order matters: it decides which combinations are held out (splits.py).
GROUPS = (
    Group("horizontal", "move_left", "move_right"),
    Group("vertical", "move_up", "move_down"),
    Group("falling_diagonal", "move_upper_left", "move_lower_right"),
    Group("rising_diagonal", "move_upper_right", "move_lower_left"),
    Group("orbit", "orbit_clockwise", "orbit_counterclockwise", other=True),
    Group("approach", "approach", "retreat", other=True),
    Group("meet", "meet", "part", actors=2),
    Group("collide", "collide", actors=2),
    Group("size", "grow", "shrink"),
    Group("spin", "spin_clockwise", "spin_counterclockwise", turns=True),
    Group("presence", "appear", "disappear"),
    Group("fade", "fade_in", "fade_out"),
    Group("bounce", "bounce"),
    Group("shake", "shake"),
    Group("swap", "swap", actors=2),
)
# Never in train, validation or test: for few-shot learning.
NEW_GROUPS = (
    Group("blink", "blink"),
    Group("zigzag", "zigzag"),
    Group("split", "split", "merge"),
)

ACTIONS = tuple(action for group in GROUPS for action in group.actions)
NEW_ACTIONS = tuple(action for group in NEW_GROUPS for action in group.actions)
GROUP_OF = {action: group for group in GROUPS + NEW_GROUPS for action in group.actions}
OPPOSITES = tuple(group.actions for group in GROUPS if group.backwards)

# Composed actions: one of these, and then another one.
PARTS = ("move_left", "move_right", "move_up", "move_down", "grow", "shrink", "spin_clockwise",
         "spin_counterclockwise")
COMPOSED = tuple((first, then) for first in PARTS for then in PARTS if first != then)


def opposite(action):
    group = GROUP_OF[action]
    if not group.backwards:
        return action
    return group.backwards if action == group.forwards else group.forwards


def reversed_parts(parts):
    """What a composed action becomes when it runs backwards."""
    return opposite(parts[1]), opposite(parts[0])
