"""The list of clips: what clip k of a split shows, how it is labelled and told."""

import dataclasses

import numpy

import captions
from dice import Dice
import draw
import names
from names import GROUP_OF
import phrases
from scene import Plan, Scene
import splits


@dataclasses.dataclass
class Clip:
    split: str
    index: int
    scene: Scene
    backwards: bool
    action: str
    label: str
    sentence: str
    caption: str
    still: bool
    reversible: bool

    @property
    def actors(self):
        if self.still:
            return 0
        return GROUP_OF[self.action].actors if self.action in GROUP_OF else 1

    def frames(self, count, width, height):
        """uint8 [count,height,width,3]; an opposite's frames in the other order."""
        times = (numpy.arange(count) + 0.5) / count
        if self.still:
            times = times * 0.0 + 0.5
        drawn = draw.frames(self.scene, times, width, height)
        return drawn[::-1] if self.backwards else drawn

    def label_as(self, kind):
        return self.sentence if kind == "sentence" else self.label

    def facts(self):
        """What captions.jsonl says besides the path. The first `actors` of the figures act;
        `reversible`: the pair's other clip holds the same frames backwards."""
        cast = [figure for figure in (self.scene.cast.actor, self.scene.cast.other) if figure]
        everyone = cast + self.scene.extras
        return {"caption": self.caption, "action": self.action, "label": self.label,
                "figures": [figure.shape for figure in everyone],
                "colours": [figure.colour for figure in everyone], "actors": self.actors,
                "still": self.still, "split": self.split, "reversible": self.reversible}


@dataclasses.dataclass
class _Turn:
    """One of the two clips of a pair, before it is thrown."""
    kind: str
    plan: Plan
    action: str = ""
    parts: tuple = None
    backwards: bool = False
    shared: bool = False


def throw(seed, split_name, index):
    """Clip `index`: the same whatever else is generated."""
    split = splits.SPLITS[split_name]
    pair, member = divmod(index, 2)
    turn = _turns(seed, split, pair)[member]
    scene_name = ("pair", pair) if turn.shared else ("clip", index)
    scene = Scene(turn.plan, seed, split.name, *scene_name)
    dice = Dice(seed, split.name, "words", index)
    plain = sentence(turn, scene.cast)
    return Clip(split.name, index, scene, turn.backwards, turn.action, _label(split, turn, plain),
                plain, _caption(dice, split, turn, scene), turn.kind == "still", turn.shared)


def _turns(seed, split, pair):
    """The two clips of a pair: an action and its opposite where there is one. Classes come in
    rounds, so that any long run of clips holds about as many of each."""
    kind = _kind(seed, split, pair)
    if kind == "still":
        return [_Turn("still", Plan(), action="still")] * 2
    if kind == "action":
        return _of_round(seed, split, pair, _action_slots(split.groups))
    if kind == "combination":
        return _of_round(seed, split, pair, _combination_slots())
    parts = splits.HELD_OUT_COMPOSED if kind == "held_out_composed" else splits.SEEN_COMPOSED
    return _of_round(seed, split, pair, _composed_slots(parts))


def _kind(seed, split, pair):
    return Dice(seed, split.name, "kind", pair).weighted(split.kinds)


def _of_round(seed, split, pair, slots):
    lap, place = divmod(pair, len(slots))
    slot = Dice(seed, split.name, "round", lap).shuffled(slots)[place]
    return slot if Dice(seed, split.name, "order", pair).chance(0.5) else slot[::-1]


def _couple(group, look=None):
    plan = Plan(group=group, look=look)
    return [_Turn("action", plan, action, backwards=action != group.forwards, shared=True)
            for action in group.actions]


def _action_slots(groups):
    slots = [_couple(group) for group in groups if group.backwards]
    alone = [_Turn("action", Plan(group=group), group.forwards) for group in groups
             if not group.backwards]
    return slots + [alone[at:at + 2] for at in range(0, len(alone), 2)]


def _combination_slots():
    return [_couple(splits.group_named(name), (colour, shape))
            for colour, shape, group_names in splits.ZERO_SHOT_LOOKS for name in group_names]


def _composed_slots(composed):
    slots, used = [], set()
    for parts in composed:
        if parts in used:
            continue
        plan, back = Plan(parts=parts), names.reversed_parts(parts)
        used.update((parts, back))
        turn = _Turn("composed", plan, "_then_".join(parts), parts, shared=back != parts)
        other = turn if back == parts else _Turn("composed", plan, "_then_".join(back), back,
                                                 backwards=True, shared=True)
        slots.append([turn, other])
    return slots


def _label(split, turn, plain):
    if split.labels == "action":
        return captions.action_name(turn.action)
    if split.labels == "composed":
        return captions.composed_name(turn.parts)
    return plain


def sentence(turn, cast):
    """The plain sentence about a clip: "a red circle moving left"."""
    actor = captions.article(captions.plain(cast.actor))
    if turn.kind == "still":
        return actor
    if turn.parts:
        return f"{actor} {captions.composed_name(turn.parts)}"
    other = captions.article(captions.plain(cast.other)) if cast.other else ""
    if turn.action == "merge":
        return f"two {captions.plural(captions.plain(cast.actor))} " + \
            captions.action_name(turn.action)
    said = phrases.name(turn.action).format(other=other)
    return f"{actor} and {other} {said}" if GROUP_OF[turn.action].actors == 2 else \
        f"{actor} {said}"


def _caption(dice, split, turn, scene):
    actor, other, extras = scene.cast.actor, scene.cast.other, scene.extras
    if turn.kind == "still":
        return captions.of_still(dice, actor, other, scene.background)
    if turn.parts:
        return captions.of_composed(dice, turn.parts, actor, extras, split.wordings)
    mark = None if GROUP_OF[turn.action].name == "split" else other
    return captions.of_action(dice, turn.action, actor, mark, extras, split.wordings,
                              exact=split.labels == "combination")


def label_names(split_name):
    """The closed label list of a split, or None where labels are free sentences."""
    split = splits.SPLITS[split_name]
    if split.labels == "action":
        return [captions.action_name(action) for group in split.groups
                for action in group.actions]
    if split.labels == "composed":
        held = "held_out_composed" in split.kinds
        composed = splits.HELD_OUT_COMPOSED if held else splits.SEEN_COMPOSED
        return [captions.composed_name(parts) for parts in composed]
    if split.labels == "combination":
        return [captions.article(f"{colour} {shape} ") + captions.action_name(action)
                for colour, shape, group_names in splits.ZERO_SHOT_LOOKS
                for name in group_names for action in splits.group_named(name).actions]
    return None
