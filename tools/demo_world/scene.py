"""One scene: who is there, what they do, what disturbs the view."""

import dataclasses
import math

import numpy

import background
from dice import Dice, sine
from draw import CAMERA_REACH, SHADE
import motions
from names import COLOURS, GROUPS, GROUP_OF
from shapes import SHAPES
from splits import combination_is_held_out

# Times at which a figure's way is looked at when others are placed beside it.
_LOOKS = numpy.linspace(0.0, 1.0, 25)


@dataclasses.dataclass
class Figure:
    name: str
    shape: str
    colour: str
    radius: float
    rgb: numpy.ndarray
    softness: float = 1.0
    tilt: float = 0.0
    x: float = 0.0
    y: float = 0.0
    wanders: bool = False
    resizes: bool = False
    shaded: bool = False
    motion: object = None

    @property
    def size_word(self):
        if self.resizes:
            return ""
        return "large" if self.radius >= 0.145 else "small" if self.radius <= 0.112 else ""


@dataclasses.dataclass
class Cast:
    actor: Figure
    other: Figure = None


@dataclasses.dataclass
class Plan:
    """What a scene is to show, before anything of it is thrown.

    `group` for an action, `parts` for a composed one, neither for a still one; `look` fixes the
    actor's (colour, shape).
    """
    group: object = None
    parts: tuple = None
    look: tuple = None

    @property
    def groups(self):
        """The groups whose held-out combinations this scene must not show."""
        if self.parts:
            return tuple(GROUP_OF[part] for part in self.parts)
        return (self.group,) if self.group in GROUPS else ()

    @property
    def turns(self):
        return any(group.turns for group in self.groups)


class Scene:
    """All of a clip but its size and its frame times."""

    def __init__(self, plan, *names):
        self.dice = Dice(*names, "scene")
        self.plan = plan
        self.cast = _throw_cast(self.dice, plan)
        cast_motions = _throw_motions(self.dice, plan, self.cast)
        for name, motion in cast_motions.items():
            getattr(self.cast, name).motion = motion
        self.extras = _throw_extras(self.dice, plan, self.cast)
        # The actor is drawn last: nothing hides it.
        self.figures = self.extras + [figure for figure in (self.cast.other, self.cast.actor)
                                      if figure is not None]
        softness = self.dice.uniform(0.8, 1.5)
        for figure in self.figures:
            figure.softness = softness
            # The half that tells a turn is on others too: it does not give the action away.
            figure.shaded = self.dice.chance(0.15)
        self.cast.actor.shaded |= plan.turns
        self.background = background.throw(self.dice, _colours(self.figures))
        self.noise = self.dice.uniform(0.0, 9.0) if self.dice.chance(0.7) else 0.0
        self._throw_disturbances()

    def _throw_disturbances(self):
        dice = self.dice
        reach = dice.uniform(0.004, 0.8 * CAMERA_REACH) if dice.chance(0.4) else 0.0
        self._camera = [[(reach * share, dice.uniform(3.0, 14.0), dice.uniform(0.0, 2 * math.pi))
                         for share in (0.6, 0.4)] for _ in range(2)]
        self._gain_slope = dice.uniform(-0.2, 0.2) if dice.chance(0.4) else 0.0
        self._flicker = dice.uniform(0.0, 0.06) if dice.chance(0.25) else 0.0

    def states(self, times):
        return {figure.name: figure.motion(times) for figure in self.figures}

    def camera(self, times):
        """Shift of the view, in units of the short side: two waves on each axis."""
        return tuple(sum(reach * sine(speed * times + start) for reach, speed, start in waves)
                     for waves in self._camera)

    def gain(self, times):
        return (1.0 + self._gain_slope * (times - 0.5)) * (1.0 + self._flicker * sine(40.0 * times))


def _colours(figures):
    """What stands against the ground."""
    found = [COLOURS[figure.colour] for figure in figures]
    return found + [tuple(SHADE * value for value in COLOURS[figure.colour])
                    for figure in figures if figure.shaded]


def _figure(dice, name, colour, shape, radius):
    rgb = numpy.array([min(255.0, max(0.0, value + dice.uniform(-10.0, 10.0)))
                       for value in COLOURS[colour]], numpy.float32)
    return Figure(name, shape, colour, radius, rgb, tilt=dice.uniform(-0.2, 0.2))


def _throw_look(dice, plan, taken=(), acts=True):
    """A (colour, shape) that the plan's action may have, unlike the ones taken."""
    while True:
        look = dice.pick(tuple(COLOURS)), dice.pick(SHAPES)
        if acts and any(combination_is_held_out(*look, group) for group in plan.groups):
            continue
        if all(look[0] != other[0] for other in taken):
            return look


def _throw_cast(dice, plan):
    look = plan.look or _throw_look(dice, plan)
    actor = _figure(dice, "actor", *look, dice.uniform(0.11, 0.17))
    group = plan.group
    if group is not None and group.name == "split":
        twin = _figure(dice, "other", *look, actor.radius)
        twin.rgb = actor.rgb
        return Cast(actor, twin)
    if group is not None and (group.other or group.actors == 2):
        other = _throw_look(dice, plan, (look,), acts=group.actors == 2)
        return Cast(actor, _figure(dice, "other", *other, dice.uniform(0.09, 0.12)))
    if group is None and plan.parts is None and dice.chance(0.4):
        other = _throw_look(dice, plan, (look,), acts=False)
        return Cast(actor, _figure(dice, "other", *other, dice.uniform(0.09, 0.15)))
    return Cast(actor)


def _throw_motions(dice, plan, cast):
    if plan.parts:
        return motions.composed(dice, cast, plan.parts)
    if plan.group is not None:
        return motions.MOTIONS[plan.group.name](dice, cast)
    return _still(dice, cast)


def _still(dice, cast):
    actor, other = cast.actor, cast.other
    actor.radius = dice.uniform(0.09, 0.22 if other is None else 0.15)
    actor.tilt = dice.uniform(-0.4, 0.4)
    motions.place(dice, actor)
    if other is None:
        return {"actor": motions.still(actor)}
    for _ in range(60):
        motions.place(dice, other)
        apart = math.hypot(actor.x - other.x, actor.y - other.y)
        if apart > actor.radius + other.radius + 0.05:
            return {"actor": motions.still(actor), "other": motions.still(other)}
    cast.other = None
    return {"actor": motions.still(actor)}


def _throw_extras(dice, plan, cast):
    """Figures that do nothing, or wander without an aim, out of the actors' way."""
    if plan.group is None and plan.parts is None:
        return []
    alone = cast.other is None
    count = {"none": 0, "one": 1, "two": 2}[dice.weighted(
        {"none": 0.35, "one": 0.45, "two": 0.20 if alone else 0.0})]
    busy = [cast.actor] if alone else [cast.actor, cast.other]
    extras = []
    for index in range(count):
        taken = [(figure.colour, figure.shape) for figure in busy]
        extra = _figure(dice, f"extra{index}", *_throw_look(dice, plan, taken, acts=False),
                        dice.uniform(0.09, 0.12))
        extra.wanders = dice.chance(0.4)
        if _find_place(dice, extra, busy):
            extra.motion = _wander(dice, extra) if extra.wanders else motions.still(extra)
            busy.append(extra)
            extras.append(extra)
    return extras


def _wander(dice, figure):
    """A small round way that ends where it began."""
    waves = [(dice.uniform(0.015, 0.03), dice.sign(), dice.uniform(0.0, 2.0 * math.pi))
             for _ in range(2)]

    def motion(times):
        x, y = (reach * sine(way * 2.0 * math.pi * times + start) for reach, way, start in waves)
        return motions.state(figure, times, x=figure.x + x, y=figure.y + y)
    return motion


def _find_place(dice, figure, busy):
    """Somewhere off any other's way and clear of where a way begins or ends, so that nobody seems
    to come to it or to leave it."""
    ways = [other.motion(_LOOKS) for other in busy]
    own = figure.radius + (0.035 if figure.wanders else 0.0)
    for _ in range(60):
        motions.place(dice, figure)
        if all(_is_clear(figure, own, way) for way in ways):
            return True
    return False


def _is_clear(figure, own, way):
    apart = numpy.sqrt((way.x - figure.x) ** 2 + (way.y - figure.y) ** 2) - own - way.radius
    if apart.min() <= 0.03 or min(apart[0], apart[-1]) <= 0.10:
        return False
    ahead_x, ahead_y = way.x[-1] - way.x[0], way.y[-1] - way.y[0]
    length = math.sqrt(ahead_x * ahead_x + ahead_y * ahead_y)
    if length < 0.2:
        return True
    # Not on the line of a way either, before its beginning or past its end.
    aside = (ahead_x * (figure.y - way.y[0]) - ahead_y * (figure.x - way.x[0])) / length
    return abs(aside) > own + 0.5 * way.radius.max()
