"""What stands behind the figures: plain, gradient, checker, stripes or a soft texture."""

import dataclasses

import numpy

KINDS = {"plain": 3.0, "gradient": 2.0, "checker": 1.5, "stripes": 1.0, "texture": 2.0}
# Squared distance of two colours that the eye tells apart at once.
APART = 125.0 ** 2


@dataclasses.dataclass
class Background:
    kind: str
    first: tuple
    second: tuple
    cell: float
    direction: tuple
    lattice: numpy.ndarray

    @property
    def light(self):
        return sum(self.first) + sum(self.second) > 6 * 128

    def paint(self, width, height, margin):
        """float32 [height+2m,width+2m,3]"""
        short = min(width, height)
        x = (numpy.arange(-margin, width + margin, dtype=numpy.float32) + 0.5 - width / 2) / short
        y = (numpy.arange(-margin, height + margin, dtype=numpy.float32) + 0.5 - height / 2) / short
        share = self._share(x[None, :], y[:, None]).astype(numpy.float32)[:, :, None]
        first = numpy.array(self.first, numpy.float32)
        second = numpy.array(self.second, numpy.float32)
        return first + share * (second - first)

    def _share(self, x, y):
        """0..1 at each pixel: where between the two colours it lies."""
        flat = x * 0.0 + y * 0.0
        if self.kind == "plain":
            return flat
        along = x * self.direction[0] + y * self.direction[1]
        if self.kind == "gradient":
            return numpy.clip(along * 0.9 + 0.5, 0.0, 1.0)
        if self.kind == "checker":
            cells = numpy.floor(x / self.cell) + numpy.floor(y / self.cell)
            return flat + cells % 2.0
        if self.kind == "stripes":
            return numpy.floor(along / self.cell) % 2.0
        return self._lattice_share(flat + x, flat + y)

    def _lattice_share(self, x, y):
        size = self.lattice.shape[0]
        across, down = (x + 2.0) / self.cell, (y + 2.0) / self.cell
        column, row = numpy.floor(across), numpy.floor(down)
        right, lower = across - column, down - row
        column, row = column.astype(int) % size, row.astype(int) % size
        next_column, next_row = (column + 1) % size, (row + 1) % size
        upper = self.lattice[row, column] * (1 - right) + self.lattice[row, next_column] * right
        under = (self.lattice[next_row, column] * (1 - right)
                 + self.lattice[next_row, next_column] * right)
        return upper * (1 - lower) + under * lower


def _muted(dice):
    """A colour of little saturation: figures are strong, grounds are not."""
    level = dice.uniform(15.0, 225.0)
    return tuple(min(235.0, max(5.0, level + dice.uniform(-18.0, 18.0))) for _ in range(3))


def _room(colour, others):
    """The squared distance to the nearest of the others."""
    return min(sum((a - b) ** 2 for a, b in zip(colour, other)) for other in others)


def throw(dice, figure_colours):
    """A ground whose two colours are far from every figure's colour, as far as there is room."""
    first = second = None
    farthest, best = None, -1.0
    for _ in range(200):
        tried = _muted(dice)
        room = _room(tried, figure_colours)
        if room > best:
            farthest, best = tried, room
        if room <= APART:
            continue
        if first is None:
            first = tried
        elif sum(abs(a - b) for a, b in zip(tried, first)) < 300:
            second = tried
            break
    first = first or farthest
    second = second or first
    kind = dice.weighted(KINDS)
    lattice = numpy.array([[dice.uniform() for _ in range(11)] for _ in range(11)])
    direction = dice.pick(((1.0, 0.0), (0.0, 1.0), (0.8, 0.6), (0.6, -0.8)))
    return Background(kind, first, second, dice.uniform(0.09, 0.25), direction, lattice)
