"""Figures as signed distances: negative inside, in units of the figure's radius.

Each takes x (right) and y (down) in a figure's own turned frame, scaled so that the figure fills
about the unit circle, and needs only + - * max and the square root, which are exact everywhere.
"""

import numpy

SHAPES = ("circle", "ring", "square", "triangle", "star", "cross", "heart", "bar")

_HALF_ROOT3 = 0.8660254
# The outward normals of a pentagram's five lines, first point up.
_STAR_NORMALS = ((0.0, 1.0), (0.95105652, 0.30901699), (0.58778525, -0.80901699),
                 (-0.58778525, -0.80901699), (-0.95105652, 0.30901699))
_STAR_INNER = 0.34


def _circle(x, y):
    return numpy.sqrt(x * x + y * y) - 0.95


def _ring(x, y):
    return numpy.abs(numpy.sqrt(x * x + y * y) - 0.71) - 0.27


def _box(x, y, half_width, half_height):
    return numpy.maximum(numpy.abs(x) - half_width, numpy.abs(y) - half_height)


def _square(x, y):
    return _box(x, y, 0.80, 0.80)


def _bar(x, y):
    return _box(x, y, 1.05, 0.36)


def _triangle(x, y):
    sides = numpy.abs(x) * _HALF_ROOT3 - y * 0.5
    return numpy.maximum(sides, y) - 0.55


def _star(x, y):
    """Inside a pentagram's body and points at most one of its five lines is crossed."""
    most = second = None
    for normal_x, normal_y in _STAR_NORMALS:
        distance = x * normal_x + y * normal_y
        if most is None:
            most, second = distance, numpy.full_like(distance, -numpy.inf)
        else:
            second = numpy.maximum(second, numpy.minimum(most, distance))
            most = numpy.maximum(most, distance)
    return second - _STAR_INNER


def _cross(x, y):
    return numpy.minimum(_box(x, y, 0.98, 0.31), _box(x, y, 0.31, 0.98))


def _heart(x, y):
    """A square on its corner and two discs on its upper sides."""
    side = numpy.abs(x)
    y = y + 0.05
    body = (side + numpy.abs(y - 0.10)) * 0.70710678 - 0.57
    lobe_x, lobe_y = side - 0.42, y + 0.32
    lobes = numpy.sqrt(lobe_x * lobe_x + lobe_y * lobe_y) - 0.56
    return numpy.minimum(body, lobes)


_DISTANCES = {"circle": _circle, "ring": _ring, "square": _square, "triangle": _triangle,
              "star": _star, "cross": _cross, "heart": _heart, "bar": _bar}


def distance(shape, x, y):
    return _DISTANCES[shape](x, y)
