"""How actions are said: verbs x endings. Some cells of each table are held out of training.

An entry is (verbs, endings); a verb is "finite/gerund", plural for actions of two figures.
The first verb with the first ending names the action. `{other}` stands for the further figure.
"""

_GO = ("moves/moving", "slides/sliding", "glides/gliding", "travels/travelling", "goes/going",
       "drifts/drifting")
_TURN = ("spins/spinning", "rotates/rotating", "turns/turning")
_AROUND = ("goes/going", "moves/moving", "travels/travelling")


def _straight(side):
    return (_GO, (side, f"to the {side}", f"{side}wards", f"towards the {side} side"))


def _diagonal(height, way, side):
    return (_GO, (f"to the {height} {side}", f"diagonally {way} to the {side}",
                  f"towards the {height} {side} corner", f"diagonally to the {height} {side}"))


def _orbit(way):
    return ((("circles/circling", "orbits/orbiting"),
             (f"{{other}} {way}", f"{{other}} in the {way} direction")),
            (_AROUND, (f"around {{other}} {way}", f"{way} around {{other}}",
                       f"around {{other}} in the {way} direction")))


TABLES = {
    "move_left": (_straight("left"),),
    "move_right": (_straight("right"),),
    "move_up": ((_GO, ("up", "upwards", "to the top", "towards the top side")),
                (("rises/rising", "climbs/climbing"), ("", "to the top", "slowly"))),
    "move_down": ((_GO, ("down", "downwards", "to the bottom", "towards the bottom side")),
                  (("falls/falling", "sinks/sinking"), ("", "to the bottom", "slowly"))),
    "move_upper_left": (_diagonal("upper", "up", "left"),),
    "move_lower_right": (_diagonal("lower", "down", "right"),),
    "move_upper_right": (_diagonal("upper", "up", "right"),),
    "move_lower_left": (_diagonal("lower", "down", "left"),),
    "orbit_clockwise": _orbit("clockwise"),
    "orbit_counterclockwise": _orbit("counterclockwise"),
    "approach": ((("approaches/approaching", "nears/nearing"), ("{other}", "{other} slowly")),
                 (("moves/moving", "goes/going", "comes/coming"),
                  ("towards {other}", "closer to {other}", "up to {other}"))),
    "retreat": ((("leaves/leaving", "flees/fleeing"), ("{other}", "{other} slowly")),
                (("moves/moving", "goes/going", "gets/getting"),
                 ("away from {other}", "further from {other}", "far from {other}"))),
    "meet": ((("come/coming", "move/moving", "get/getting"),
              ("together", "towards each other", "close to each other")),
             (("meet/meeting",), ("", "in the middle"))),
    "part": ((("move/moving", "go/going", "drift/drifting"),
              ("apart", "away from each other", "far from each other")),
             (("part/parting", "separate/separating"), ("", "slowly"))),
    "collide": ((("collide/colliding", "crash/crashing", "bump/bumping"),
                 ("into each other", "with each other", "head on")),
                (("hit/hitting", "strike/striking"),
                 ("each other", "each other head on"))),
    "grow": ((("grows/growing", "swells/swelling", "expands/expanding"),
              ("", "in size", "slowly")),
             (("gets/getting", "becomes/becoming"), ("bigger", "larger"))),
    "shrink": ((("shrinks/shrinking", "contracts/contracting", "dwindles/dwindling"),
                ("", "in size", "slowly")),
               (("gets/getting", "becomes/becoming"), ("smaller", "tinier"))),
    "spin_clockwise": ((_TURN, ("clockwise", "in the clockwise direction",
                                "around clockwise")),),
    "spin_counterclockwise": ((_TURN, ("counterclockwise", "in the counterclockwise direction",
                                       "around counterclockwise")),),
    "appear": ((("appears/appearing", "shows up/showing up"), ("", "suddenly", "at once")),
               (("pops/popping", "jumps/jumping"), ("into view", "into sight"))),
    "disappear": ((("disappears/disappearing", "vanishes/vanishing"),
                   ("", "suddenly", "at once")),
                  (("pops/popping", "jumps/jumping"), ("out of view", "out of sight"))),
    "fade_in": ((("fades/fading", "melts/melting"),
                 ("in", "slowly into view", "in gradually", "gradually into view")),),
    "fade_out": ((("fades/fading", "melts/melting"),
                  ("out", "slowly out of view", "out gradually", "gradually out of view")),),
    "bounce": ((("bounces/bouncing", "hops/hopping", "jumps/jumping"),
                ("up and down", "again and again", "on the spot")),),
    "shake": ((("shakes/shaking", "trembles/trembling", "wobbles/wobbling"),
               ("from side to side", "quickly", "on the spot")),),
    "swap": ((("swap/swapping", "change/changing", "trade/trading"),
              ("places", "positions", "places with each other")),),
    "blink": ((("blinks/blinking", "flashes/flashing"),
               ("on and off", "again and again", "quickly")),),
    "zigzag": ((("zigzags/zigzagging", "weaves/weaving"),
                ("from side to side", "on its way", "along a line")),),
    "split": ((("splits/splitting", "breaks/breaking"), ("into two", "in two", "into halves")),),
    "merge": ((("merge/merging", "join/joining"), ("from two into one", "into one", "as one")),),
}


def _cells(action, wanted):
    found = []
    for verbs, endings in TABLES[action]:
        period = max(len(verbs), len(endings))
        for row, verb in enumerate(verbs):
            for column, ending in enumerate(endings):
                held = min(len(verbs), len(endings)) > 1 and (row + column) % period == period - 1
                if held == (wanted == "held_out"):
                    finite, gerund = verb.split("/")
                    found.append((f"{finite} {ending}".strip(), f"{gerund} {ending}".strip()))
    return tuple(found)


SEEN = {action: _cells(action, "seen") for action in TABLES}
HELD_OUT = {action: _cells(action, "held_out") for action in TABLES}


def of(action, wordings):
    """(finite, gerund) phrases of an action: "seen" or "held_out"."""
    return SEEN[action] if wordings == "seen" else HELD_OUT[action]


def name(action):
    """The gerund that names an action in label lists."""
    return SEEN[action][0][1]
