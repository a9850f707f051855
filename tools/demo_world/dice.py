"""Seeded choices that stay the same over versions of Python and numpy.

Python promises the stream of `Random.random` alone, numpy the raw words of a bit generator alone:
everything here is made of these two. Angles go through `math` and are rounded to nine digits, so
that a last digit that differs between C libraries does not reach a pixel.
"""

import hashlib
import math
import random

import numpy


class Dice:
    """One stream of choices; equal names give equal streams."""

    def __init__(self, *names):
        self.name = "/".join(str(name) for name in names)
        digest = hashlib.sha256(self.name.encode()).digest()
        self._random = random.Random(int.from_bytes(digest[:8], "big"))
        self._noise_seed = int.from_bytes(digest[8:16], "big")

    def uniform(self, low=0.0, high=1.0):
        return low + (high - low) * self._random.random()

    def below(self, count):
        return min(count - 1, int(self._random.random() * count))

    def pick(self, items):
        return items[self.below(len(items))]

    def weighted(self, weights):
        """A key of `weights` (name -> weight), in their order."""
        left = self.uniform(0.0, sum(weights.values()))
        for name, weight in weights.items():
            left -= weight
            if left < 0.0:
                return name
        return name

    def chance(self, share):
        return self._random.random() < share

    def sign(self):
        return 1.0 if self.chance(0.5) else -1.0

    def shuffled(self, items):
        items = list(items)
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]
        return items

    def noise_bytes(self, count):
        """`count` random bytes, the same ones at each call."""
        words = numpy.random.PCG64(self._noise_seed).random_raw((count + 7) // 8)
        return words.astype("<u8").view(numpy.uint8)[:count]


def sine(values):
    return numpy.array([round(math.sin(value), 9) for value in numpy.ravel(values)])


def cosine(values):
    return numpy.array([round(math.cos(value), 9) for value in numpy.ravel(values)])
