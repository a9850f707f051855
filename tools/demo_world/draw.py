"""A scene's pixels: background, figures with soft edges, camera, brightness, noise.

Coordinates are in units of the short side with (0, 0) in the middle, so that one scene can be drawn
at any size and its middle square always shows all of it.
"""

import numpy

from dice import cosine, sine
import shapes

CAMERA_REACH = 0.03
# How bright the dark half of a shaded figure is.
SHADE = 0.4
_CHANNELS = 3


def frames(scene, times, width, height):
    """uint8 [T,height,width,3] of a scene at `times` (0..1 over the clip)."""
    short = min(width, height)
    states = scene.states(times)
    camera_x, camera_y = scene.camera(times)
    picture = _backgrounds(scene, camera_x * short, camera_y * short, width, height)
    for figure in scene.figures:
        state = states[figure.name]
        _draw_figure(picture, figure, state, camera_x, camera_y, short)
    return _develop(scene, picture, times)


def _backgrounds(scene, shift_x, shift_y, width, height):
    """float32 [T,height,width,3]: the ground as the camera sees it."""
    margin = int(CAMERA_REACH * min(width, height)) + 2
    ground = scene.background.paint(width, height, margin)
    count = len(shift_x)
    picture = numpy.empty((count, height, width, _CHANNELS), numpy.float32)
    for index in range(count):
        picture[index] = _shifted(ground, shift_x[index], shift_y[index], margin, width, height)
    return picture


def _shifted(ground, shift_x, shift_y, margin, width, height):
    """A window of the ground, moved by parts of a pixel."""
    left, top = margin - shift_x, margin - shift_y
    column, row = int(left), int(top)
    right_share = numpy.float32(left - column)
    lower_share = numpy.float32(top - row)
    rows = ground[row:row + height + 1, column:column + width + 1]
    if right_share == 0.0 and lower_share == 0.0:
        return rows[:height, :width]
    across = rows[:, :-1] + right_share * (rows[:, 1:] - rows[:, :-1])
    return across[:-1] + lower_share * (across[1:] - across[:-1])


def _draw_figure(picture, figure, state, camera_x, camera_y, short):
    count, height, width, _ = picture.shape
    centre_x = (state.x + camera_x) * short + width / 2.0
    centre_y = (state.y + camera_y) * short + height / 2.0
    radius = numpy.maximum(state.radius * short, 1e-3)
    seen = (state.alpha > 0.0) & (state.radius > 0.0)
    if not seen.any():
        return
    reach = int(radius[seen].max() * 1.25 + figure.softness) + 2
    left = numpy.floor(centre_x).astype(int) - reach
    top = numpy.floor(centre_y).astype(int) - reach
    cover, shade = _coverage(figure, state, (centre_x - left, centre_y - top), radius,
                             2 * reach + 1)
    for index in numpy.flatnonzero(seen):
        x0, y0 = max(left[index], 0), max(top[index], 0)
        x1 = min(left[index] + 2 * reach + 1, width)
        y1 = min(top[index] + 2 * reach + 1, height)
        if x0 >= x1 or y0 >= y1:
            continue
        part = (index, slice(y0 - top[index], y1 - top[index]),
                slice(x0 - left[index], x1 - left[index]))
        under = picture[index, y0:y1, x0:x1]
        colour = figure.rgb if shade is None else figure.rgb * shade[part][:, :, None]
        under += cover[part][:, :, None] * (colour - under)


def _coverage(figure, state, centre, radius, size):
    """Two float32 [T,size,size]: how much of each pixel the figure covers, times its alpha, and how
    bright it is there (None: everywhere the same)."""
    grid = numpy.arange(size, dtype=numpy.float32) + numpy.float32(0.5)
    scale = (1.0 / radius).astype(numpy.float32)[:, None]
    across = ((grid[None] - centre[0].astype(numpy.float32)[:, None]) * scale)[:, None, :]
    down = ((grid[None] - centre[1].astype(numpy.float32)[:, None]) * scale)[:, :, None]
    cos = cosine(state.angle).astype(numpy.float32)[:, None, None]
    sin = sine(state.angle).astype(numpy.float32)[:, None, None]
    x = across * cos + down * sin
    y = down * cos - across * sin
    pixels = shapes.distance(figure.shape, x, y)
    sharpness = (radius / figure.softness).astype(numpy.float32)[:, None, None]
    pixels *= sharpness
    cover = numpy.clip(numpy.float32(0.5) - pixels, 0.0, 1.0)
    cover *= state.alpha.astype(numpy.float32)[:, None, None]
    if not figure.shaded:
        return cover, None
    dark = numpy.clip(numpy.float32(0.5) + x * sharpness, 0.0, 1.0)
    return cover, numpy.float32(1.0) - numpy.float32(1.0 - SHADE) * dark


def _develop(scene, picture, times):
    """Brightness and noise, then bytes."""
    picture *= scene.gain(times).astype(numpy.float32)[:, None, None, None]
    if scene.noise > 0.0:
        grain = scene.dice.noise_bytes(picture.size).reshape(picture.shape)
        # The sum of two four-bit halves: a triangle of standard deviation 6.52 around 15.
        grain = (grain & 15) + (grain >> 4)
        picture += (grain.astype(numpy.float32) - 15.0) * numpy.float32(scene.noise / 6.52)
    picture += 0.5
    return numpy.clip(picture, 0.0, 255.0, out=picture).astype(numpy.uint8)
