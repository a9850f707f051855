"""What figures do: functions of time over 0..1 that give a figure's state.

Written once for the first action of each group; its opposite is the clip run backwards.
Lengths are in units of the short side; y points down; the middle square is -0.5..0.5.
"""

import dataclasses
import math

import numpy

from dice import cosine, sine

EDGE = 0.49


@dataclasses.dataclass
class State:
    """Arrays over time."""
    x: numpy.ndarray
    y: numpy.ndarray
    radius: numpy.ndarray
    angle: numpy.ndarray
    alpha: numpy.ndarray


@dataclasses.dataclass
class Pace:
    """From clip time to progress: a wait, the way, a wait."""
    start: float
    end: float
    soft: bool

    @staticmethod
    def throw(dice, wait=0.12):
        return Pace(dice.uniform(0.0, wait), 1.0 - dice.uniform(0.0, wait), dice.chance(0.4))

    def __call__(self, times):
        way = numpy.clip((times - self.start) / (self.end - self.start), 0.0, 1.0)
        if not self.soft:
            return way
        return 0.5 * way + 0.5 * way * way * (3.0 - 2.0 * way)


def state(figure, times, x=None, y=None, radius=None, angle=None, alpha=None):
    """The figure as it stands, but for what is given."""
    flat = numpy.zeros_like(times)
    return State(flat + (figure.x if x is None else x), flat + (figure.y if y is None else y),
                 flat + (figure.radius if radius is None else radius),
                 flat + (figure.tilt if angle is None else angle),
                 flat + (1.0 if alpha is None else alpha))


def still(figure):
    return lambda times: state(figure, times)


def place(dice, figure, reach_x=0.0, reach_y=0.0, radius=None):
    """Puts a figure anywhere from where it can go +-reach without leaving the square."""
    room = EDGE - (figure.radius if radius is None else radius)
    room_x, room_y = max(room - reach_x, 0.0), max(room - reach_y, 0.0)
    figure.x, figure.y = dice.uniform(-room_x, room_x), dice.uniform(-room_y, room_y)


def _line(figure, way_x, way_y, pace):
    """From -way/2 to +way/2 around the figure's place."""
    def motion(times):
        share = pace(times) - 0.5
        return state(figure, times, x=figure.x + way_x * share, y=figure.y + way_y * share)
    return motion


def _move(dice, actor, way_x, way_y):
    place(dice, actor, abs(way_x) / 2, abs(way_y) / 2)
    return {"actor": _line(actor, way_x, way_y, Pace.throw(dice))}


def _way(dice, figure):
    """A distance that is plain to see and fits."""
    return dice.uniform(0.42, min(0.62, 2.0 * (EDGE - figure.radius)))


def horizontal(dice, cast):
    return _move(dice, cast.actor, -_way(dice, cast.actor), dice.uniform(-0.05, 0.05))


def vertical(dice, cast):
    return _move(dice, cast.actor, dice.uniform(-0.05, 0.05), -_way(dice, cast.actor))


def falling_diagonal(dice, cast):
    way = 0.85 * _way(dice, cast.actor)
    return _move(dice, cast.actor, -way, -way * dice.uniform(0.85, 1.15))


def rising_diagonal(dice, cast):
    way = 0.85 * _way(dice, cast.actor)
    return _move(dice, cast.actor, way, -way * dice.uniform(0.85, 1.15))


def orbit(dice, cast):
    actor, other = cast.actor, cast.other
    actor.radius, other.radius = dice.uniform(0.10, 0.12), dice.uniform(0.10, 0.125)
    room = EDGE - actor.radius
    ring = dice.uniform(max(0.25, actor.radius + other.radius + 0.04), 0.32)
    other.x, other.y = (dice.uniform(ring - room, room - ring) for _ in range(2))
    start, turn = dice.uniform(0.0, 2.0 * math.pi), dice.uniform(1.35, 1.85) * math.pi
    pace = Pace.throw(dice)

    def motion(times):
        angle = start + turn * pace(times)
        return state(actor, times, x=other.x + ring * cosine(angle),
                     y=other.y + ring * sine(angle))
    actor.x, actor.y = other.x, other.y
    return {"actor": motion, "other": still(other)}


def approach(dice, cast):
    actor, other = cast.actor, cast.other
    actor.radius, other.radius = dice.uniform(0.10, 0.12), dice.uniform(0.10, 0.125)
    near = actor.radius + other.radius + dice.uniform(0.0, 0.02)
    far = near + dice.uniform(0.36, 0.44)
    angle = dice.uniform(0.0, 2.0 * math.pi)
    along_x, along_y = cosine([angle])[0], sine([angle])[0]
    # The way's middle lies where both of its ends stay inside.
    slack_x, slack_y = (EDGE - 0.125 - far / 2 * abs(along) for along in (along_x, along_y))
    other.x = dice.uniform(-slack_x, slack_x) - along_x * far / 2
    other.y = dice.uniform(-slack_y, slack_y) - along_y * far / 2
    pace = Pace.throw(dice)

    def motion(times):
        distance = far + (near - far) * pace(times)
        return state(actor, times, x=other.x + along_x * distance,
                     y=other.y + along_y * distance)
    actor.x, actor.y = other.x, other.y
    return {"actor": motion, "other": still(other)}


def _towards(dice, cast, progress):
    """Two figures on a line through a middle, from far to touching as progress goes 0 to 1."""
    actor, other = cast.actor, cast.other
    actor.radius, other.radius = dice.uniform(0.10, 0.125), dice.uniform(0.10, 0.125)
    near = (actor.radius + other.radius) / 2 + 0.002
    far = near + dice.uniform(0.19, 0.24)
    angle = dice.uniform(0.0, 2.0 * math.pi)
    along_x, along_y = cosine([angle])[0], sine([angle])[0]
    slack_x, slack_y = (max(0.0, EDGE - 0.12 - far * abs(along)) for along in (along_x, along_y))
    middle_x, middle_y = dice.uniform(-slack_x, slack_x), dice.uniform(-slack_y, slack_y)

    def motion(figure, side):
        def at(times):
            distance = side * (far + (near - far) * progress(times))
            return state(figure, times, x=middle_x + along_x * distance,
                         y=middle_y + along_y * distance)
        return at
    for figure in (actor, other):
        figure.x, figure.y = middle_x, middle_y
    return {"actor": motion(actor, 1.0), "other": motion(other, -1.0)}


def meet(dice, cast):
    return _towards(dice, cast, Pace.throw(dice))


def collide(dice, cast):
    pace = Pace.throw(dice, 0.08)
    return _towards(dice, cast, lambda times: 1.0 - numpy.abs(2.0 * pace(times) - 1.0))


def size(dice, cast):
    actor = cast.actor
    small, large = dice.uniform(0.085, 0.105), dice.uniform(0.20, 0.26)
    actor.resizes = True
    place(dice, actor, radius=large)
    pace = Pace.throw(dice)
    return {"actor": lambda times: state(actor, times,
                                         radius=small + (large - small) * pace(times))}


def _turn(dice):
    """An angle whose direction eight frames tell: from one to the next less than half a turn."""
    return dice.uniform(1.1, 1.7) * math.pi


def spin(dice, cast):
    """Turns about a pin at its rim: where the figure is tells the turn as well as how it lies."""
    actor = cast.actor
    actor.radius = dice.uniform(0.13, 0.17)
    arm, turn, pace = dice.uniform(0.85, 1.05) * actor.radius, _turn(dice), Pace.throw(dice)
    place(dice, actor, arm, arm)
    actor.tilt = dice.uniform(0.0, 2.0 * math.pi)

    def motion(times):
        angle = actor.tilt + turn * pace(times)
        return state(actor, times, x=actor.x + arm * cosine(angle),
                     y=actor.y + arm * sine(angle), angle=angle)
    return {"actor": motion}


def presence(dice, cast):
    actor, moment = cast.actor, dice.uniform(0.3, 0.7)
    place(dice, actor)
    return {"actor": lambda times: state(actor, times, alpha=(times >= moment) * 1.0)}


def fade(dice, cast):
    actor, pace = cast.actor, Pace.throw(dice)
    place(dice, actor)
    return {"actor": lambda times: state(actor, times, alpha=pace(times))}


def bounce(dice, cast):
    actor, height, count = cast.actor, dice.uniform(0.30, 0.44), dice.pick((2, 3))
    place(dice, actor, 0.0, height / 2)
    floor, pace = actor.y + height / 2, Pace.throw(dice, 0.06)

    def motion(times):
        share = (pace(times) * count) % 1.0
        return state(actor, times, y=floor - height * 4.0 * share * (1.0 - share))
    return {"actor": motion}


def shake(dice, cast):
    actor, reach, count = cast.actor, dice.uniform(0.10, 0.14), dice.uniform(2.6, 3.4)
    place(dice, actor, reach)
    pace, start = Pace.throw(dice, 0.06), dice.uniform(0.0, 2.0 * math.pi)
    return {"actor": lambda times: state(
        actor, times, x=actor.x + reach * sine(start + 2.0 * math.pi * count * pace(times)))}


def swap(dice, cast):
    """Two figures go around their middle by half a turn, on a flat ring."""
    actor, other = cast.actor, cast.other
    actor.radius, other.radius = dice.uniform(0.10, 0.12), dice.uniform(0.10, 0.12)
    long, flat = dice.uniform(0.25, 0.33), dice.uniform(0.12, 0.15)
    axis, way = dice.uniform(0.0, 2.0 * math.pi), dice.sign() * math.pi
    cos, sin = cosine([axis])[0], sine([axis])[0]
    room = EDGE - 0.12 - long
    middle_x, middle_y = dice.uniform(-room, room), dice.uniform(-room, room)
    pace = Pace.throw(dice)

    def motion(figure, side):
        def at(times):
            angle = way * pace(times)
            along, across = side * long * cosine(angle), side * flat * sine(angle)
            return state(figure, times, x=middle_x + along * cos - across * sin,
                         y=middle_y + along * sin + across * cos)
        return at
    for figure in (actor, other):
        figure.x, figure.y = middle_x, middle_y
    return {"actor": motion(actor, 1.0), "other": motion(other, -1.0)}


def blink(dice, cast):
    actor, count, start = cast.actor, dice.uniform(2.0, 3.0), dice.uniform()
    place(dice, actor)
    return {"actor": lambda times: state(
        actor, times, alpha=((start + count * times) % 1.0 < 0.5) * 1.0)}


def zigzag(dice, cast):
    actor, reach, way = cast.actor, dice.uniform(0.13, 0.2), dice.sign() * dice.uniform(0.45, 0.6)
    way = math.copysign(min(abs(way), 2.0 * (EDGE - actor.radius)), way)
    place(dice, actor, reach, abs(way) / 2)
    pace, start, count = Pace.throw(dice, 0.06), dice.uniform(), dice.uniform(1.5, 2.0)

    def motion(times):
        share = pace(times)
        side = 4.0 * numpy.abs((start + count * share) % 1.0 - 0.5) - 1.0
        return state(actor, times, x=actor.x + reach * side, y=actor.y + way * (share - 0.5))
    return {"actor": motion}


def split(dice, cast):
    """One figure turns out to be two: `other` is its twin."""
    actor, other = cast.actor, cast.other
    actor.radius = other.radius = dice.uniform(0.09, 0.12)
    other.tilt = actor.tilt
    reach, angle = dice.uniform(0.20, 0.28), dice.uniform(0.0, 2.0 * math.pi)
    along_x, along_y = reach * cosine([angle])[0], reach * sine([angle])[0]
    place(dice, actor, abs(along_x), abs(along_y))
    other.x, other.y = actor.x, actor.y
    pace = Pace(dice.uniform(0.05, 0.25), 1.0 - dice.uniform(0.0, 0.12), False)

    def motion(figure, side):
        return lambda times: state(figure, times, x=actor.x + side * along_x * pace(times),
                                   y=actor.y + side * along_y * pace(times))
    return {"actor": motion(actor, 1.0), "other": motion(other, -1.0)}


MOTIONS = {"horizontal": horizontal, "vertical": vertical, "falling_diagonal": falling_diagonal,
           "rising_diagonal": rising_diagonal, "orbit": orbit, "approach": approach,
           "meet": meet, "collide": collide, "size": size, "spin": spin, "presence": presence,
           "fade": fade, "bounce": bounce, "shake": shake, "swap": swap, "blink": blink,
           "zigzag": zigzag, "split": split}

_STEPS = {"move_left": (-1.0, 0.0), "move_right": (1.0, 0.0), "move_up": (0.0, -1.0),
          "move_down": (0.0, 1.0)}
_GROWTH = 1.9


def composed(dice, cast, parts):
    """One part, then another: places, sizes and angles add up."""
    actor = cast.actor
    changes = [_change(dice, part) for part in parts]
    factors = (1.0, changes[0][2], changes[0][2] * changes[1][2])
    if factors != (1.0, 1.0, 1.0):
        actor.radius, actor.resizes = dice.uniform(0.10, 0.12) / min(factors), True
    elif changes[0][3] != 0.0 or changes[1][3] != 0.0:
        actor.radius, actor.tilt = dice.uniform(0.12, 0.15), dice.uniform(0.0, 2.0 * math.pi)
    middle = dice.uniform(0.44, 0.56)
    paces = (Pace(dice.uniform(0.0, 0.06), middle - 0.02, False),
             Pace(middle + 0.02, 1.0 - dice.uniform(0.0, 0.06), False))
    arm = 0.9 * actor.radius * min(factors)

    def motion(times):
        x, y, radius, angle = actor.x, actor.y, actor.radius, actor.tilt
        for (way_x, way_y, factor, turn), pace in zip(changes, paces):
            share = pace(times)
            x, y = x + way_x * share, y + way_y * share
            radius, angle = radius * (1.0 + (factor - 1.0) * share), angle + turn * share
        angle = angle + 0.0 * times
        return state(actor, times, x=x + arm * cosine(angle), y=y + arm * sine(angle),
                     radius=radius, angle=angle)
    _place_path(dice, actor, motion)
    return {"actor": motion}


def _change(dice, part):
    """(way x, way y, factor of the radius, turn) of a part."""
    if part in _STEPS:
        way = dice.uniform(0.30, 0.40)
        return way * _STEPS[part][0], way * _STEPS[part][1], 1.0, 0.0
    if part in ("grow", "shrink"):
        return 0.0, 0.0, _GROWTH if part == "grow" else 1.0 / _GROWTH, 0.0
    turn = 0.85 * _turn(dice)
    return 0.0, 0.0, 1.0, turn if part == "spin_clockwise" else -turn


def _place_path(dice, figure, motion):
    """A place from which the whole way stays inside."""
    way = motion(numpy.linspace(0.0, 1.0, 33))
    for name, values in (("x", way.x), ("y", way.y)):
        low, high = -EDGE - (values - way.radius).min(), EDGE - (values + way.radius).max()
        shift = dice.uniform(low, high) if high > low else (low + high) / 2
        setattr(figure, name, getattr(figure, name) + shift)
