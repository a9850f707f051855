"""The demo world's generator: what a seed fixes, what opposites share, what training never sees."""

import csv
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORLD = ROOT / "tools" / "demo_world"
sys.path.insert(0, str(WORLD))

import captions  # noqa: E402
import clips  # noqa: E402
from dice import Dice  # noqa: E402
import encode  # noqa: E402
import names  # noqa: E402
import phrases  # noqa: E402
from shapes import SHAPES  # noqa: E402
import splits  # noqa: E402

TRAINING = ("train", "pretrain", "composed", "still")
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")


def drawn(clip, count=8, side=64):
    return clip.frames(count, side, side)


def thrown(split, count, seed=11):
    return [clips.throw(seed, split, index) for index in range(count)]


def digest(frames):
    return hashlib.sha256(numpy.ascontiguousarray(frames).tobytes()).hexdigest()[:16]


# Determinism


def test_a_seed_gives_the_same_pixels_on_every_machine():
    found = {(split, index): digest(drawn(clips.throw(7, split, index)))
             for split, index in PIXELS}
    assert found == PIXELS


def test_a_clip_does_not_depend_on_the_ones_made_before_it():
    alone = clips.throw(3, "train", 41)
    among = thrown("train", 42, seed=3)[41]
    assert alone.facts() == among.facts()
    assert numpy.array_equal(drawn(alone), drawn(among))


def test_seeds_splits_and_numbers_give_different_clips():
    seen = {digest(drawn(clips.throw(seed, split, index)))
            for seed in (1, 2) for split in ("train", "validation", "test")
            for index in range(6)}
    assert len(seen) == 36


def test_dice_streams_are_fixed():
    dice = Dice(1, "name")
    assert [dice.below(1000) for _ in range(6)] == DICE
    assert list(dice.noise_bytes(5)) == NOISE
    assert dice.noise_bytes(13)[:5].tolist() == NOISE


# Opposites


def test_opposites_are_the_same_frames_backwards():
    found = set()
    for pair in range(13):
        first, second = (clips.throw(5, "train", 2 * pair + member) for member in (0, 1))
        if not first.reversible:
            continue
        assert second.action == names.opposite(first.action) != first.action
        assert first.backwards != second.backwards
        assert numpy.array_equal(drawn(first), drawn(second)[::-1])
        assert not numpy.array_equal(drawn(first), drawn(second))
        found.add(frozenset((first.action, second.action)))
    assert found == {frozenset(pair) for pair in names.OPPOSITES}


def test_composed_actions_run_backwards_as_their_opposites_in_the_other_order():
    for pair in range(30):
        first, second = (clips.throw(5, "composed", 2 * pair + member) for member in (0, 1))
        if first.action == second.action:
            continue
        parts = tuple(first.action.split("_then_"))
        assert second.action == "_then_".join(names.reversed_parts(parts))
        assert numpy.array_equal(drawn(first), drawn(second)[::-1])


def watched(clip):
    """The actor's and the other's states in the order in which the clip shows them."""
    times = (numpy.arange(16) + 0.5) / 16
    order = slice(None, None, -1) if clip.backwards else slice(None)
    shown = {}
    for name, state in clip.scene.states(times).items():
        shown[name] = {part: getattr(state, part)[order]
                       for part in ("x", "y", "radius", "angle", "alpha")}
    return shown


def went(values):
    return values[-1] - values[0]


def turned(centre, shown):
    """How far `shown` went around `centre`: positive is clockwise, as y points down."""
    angles = numpy.unwrap(numpy.arctan2(shown["y"] - centre["y"], shown["x"] - centre["x"]))
    return went(angles)


def gap(shown):
    return numpy.hypot(shown["actor"]["x"] - shown["other"]["x"],
                       shown["actor"]["y"] - shown["other"]["y"])


HAPPENS = {
    "move_left": lambda s: went(s["actor"]["x"]) < -0.3,
    "move_right": lambda s: went(s["actor"]["x"]) > 0.3,
    "move_up": lambda s: went(s["actor"]["y"]) < -0.3,
    "move_down": lambda s: went(s["actor"]["y"]) > 0.3,
    "move_upper_left": lambda s: went(s["actor"]["x"]) < -0.2 and went(s["actor"]["y"]) < -0.2,
    "move_lower_right": lambda s: went(s["actor"]["x"]) > 0.2 and went(s["actor"]["y"]) > 0.2,
    "move_upper_right": lambda s: went(s["actor"]["x"]) > 0.2 and went(s["actor"]["y"]) < -0.2,
    "move_lower_left": lambda s: went(s["actor"]["x"]) < -0.2 and went(s["actor"]["y"]) > 0.2,
    "orbit_clockwise": lambda s: turned(s["other"], s["actor"]) > 3.0,
    "orbit_counterclockwise": lambda s: turned(s["other"], s["actor"]) < -3.0,
    "approach": lambda s: went(gap(s)) < -0.25 and went(s["other"]["x"]) == 0.0,
    "retreat": lambda s: went(gap(s)) > 0.25 and went(s["other"]["x"]) == 0.0,
    "meet": lambda s: went(gap(s)) < -0.25 and went(s["other"]["x"]) != 0.0,
    "part": lambda s: went(gap(s)) > 0.25 and went(s["other"]["x"]) != 0.0,
    "collide": lambda s: gap(s).min() < min(gap(s)[0], gap(s)[-1]) - 0.2,
    "grow": lambda s: s["actor"]["radius"][-1] > 1.6 * s["actor"]["radius"][0],
    "shrink": lambda s: s["actor"]["radius"][0] > 1.6 * s["actor"]["radius"][-1],
    "spin_clockwise": lambda s: went(s["actor"]["angle"]) > 1.0,
    "spin_counterclockwise": lambda s: went(s["actor"]["angle"]) < -1.0,
    "appear": lambda s: went(s["actor"]["alpha"]) == 1.0,
    "disappear": lambda s: went(s["actor"]["alpha"]) == -1.0,
    "fade_in": lambda s: went(s["actor"]["alpha"]) > 0.8,
    "fade_out": lambda s: went(s["actor"]["alpha"]) < -0.8,
    "bounce": lambda s: numpy.ptp(s["actor"]["y"]) > 0.25 and abs(went(s["actor"]["y"])) < 0.25,
    "shake": lambda s: 0.15 < numpy.ptp(s["actor"]["x"]) < 0.3,
    "swap": lambda s: abs(s["actor"]["x"][0] - s["other"]["x"][-1]) < 0.1
    and abs(s["actor"]["y"][0] - s["other"]["y"][-1]) < 0.1,
}


def test_every_action_does_what_its_name_says():
    assert set(HAPPENS) == set(names.ACTIONS)
    for clip in thrown("train", 4 * len(names.ACTIONS)):
        assert HAPPENS[clip.action](watched(clip)), (clip.index, clip.action)


def test_figures_are_large_enough_and_stay_in_the_middle_square():
    for split in splits.SPLITS:
        for clip in thrown(split, 60):
            for name, shown in watched(clip).items():
                assert shown["radius"].min() >= 1 / 12, (split, clip.index, name)
                reach = numpy.maximum(numpy.abs(shown["x"]), numpy.abs(shown["y"]))
                assert (reach + 0.8 * shown["radius"]).max() <= 0.5, (split, clip.index, name)


def test_a_turn_can_be_seen_and_its_direction_told_from_frame_to_frame():
    for clip in thrown("train", 260) + thrown("composed", 120):
        times = (numpy.arange(8) + 0.5) / 8
        steps = numpy.abs(numpy.diff(clip.scene.states(times)["actor"].angle))
        if "spin" in clip.action:
            assert clip.scene.cast.actor.shaded
            assert 20 < numpy.degrees(steps.max()) < 120


def test_pixels_of_a_clip_that_moves_left_move_left():
    clip = next(clip for clip in thrown("train", 26) if clip.action == "move_left")
    actor = clip.scene.cast.actor
    near = numpy.abs(drawn(clip).astype(int) - actor.rgb.astype(int)).sum(axis=3) < 90
    columns = [numpy.flatnonzero(frame.any(axis=0)).mean() for frame in near[[0, 7]]]
    assert columns[1] < columns[0] - 3


def test_a_still_clip_stands_still():
    for clip in thrown("still", 10):
        clip.scene.noise = 0.0
        frames = drawn(clip)
        assert (frames == frames[:1]).all()


# What training may see


def combinations(clip):
    """(colour, shape, group) of each figure that acts."""
    groups = [names.GROUP_OF[part] for part in clip.action.split("_then_")
              if part in names.GROUP_OF]
    cast = [clip.scene.cast.actor, clip.scene.cast.other][:clip.actors]
    return {(figure.colour, figure.shape, group) for figure in cast for group in groups
            if group in names.GROUPS}


@pytest.mark.parametrize("split", TRAINING + ("validation", "test", "test-composed"))
def test_held_out_combinations_are_not_shown(split):
    for clip in thrown(split, 250):
        for colour, shape, group in combinations(clip):
            assert not splits.combination_is_held_out(colour, shape, group), clip.caption


def test_held_out_combinations_are_shown_where_they_belong():
    labels = set(clips.label_names("test-combinations"))
    shown = thrown("test-combinations", 64)
    assert {clip.label for clip in shown} == labels and len(labels) >= 20
    for clip in shown:
        assert all(splits.combination_is_held_out(*found) for found in combinations(clip))
        assert clip.label == clip.sentence


def test_each_two_of_colour_shape_and_action_are_met_in_training():
    met = set()
    for colour in names.COLOURS:
        for shape in SHAPES:
            for group in names.GROUPS:
                if splits.combination_is_held_out(colour, shape, group):
                    continue
                met.update(((colour, shape), (colour, group.name), (shape, group.name)))
    for colour in names.COLOURS:
        assert all((colour, shape) in met for shape in SHAPES)
        assert all((colour, group.name) in met for group in names.GROUPS)
    assert all((shape, group.name) in met for shape in SHAPES for group in names.GROUPS)


def test_composed_actions_of_the_test_are_new_but_their_parts_are_not():
    held, seen = splits.HELD_OUT_COMPOSED, splits.SEEN_COMPOSED
    assert len(held) >= 20 and not set(held) & set(seen)
    assert {names.reversed_parts(parts) for parts in held} == set(held)
    for place in (0, 1):
        assert {parts[place] for parts in held} <= {parts[place] for parts in seen}
    shown = {clip.action for clip in thrown("composed", 200) + thrown("pretrain", 200)}
    assert not shown & {"_then_".join(parts) for parts in held}
    assert ({clip.action for clip in thrown("test-composed", 60)}
            == {"_then_".join(parts) for parts in held})


def test_few_shot_actions_are_in_no_other_split():
    for split in TRAINING + ("validation", "test"):
        assert not {clip.action for clip in thrown(split, 60)} & set(names.NEW_ACTIONS)
    assert {clip.action for clip in thrown("few-shot", 8)} == set(names.NEW_ACTIONS)


def said(table):
    return {re.sub(r"\{other\}", "@", text) for found in table.values() for pair in found
            for text in pair}


@functools.lru_cache(maxsize=None)
def patterns():
    nouns = [word for words in captions.SHAPE_WORDS.values() for word in words]
    nouns += captions.GENERAL
    other = rf"(?:an?|another) (?:\w+ ){{0,2}}?(?:{'|'.join(nouns)})"
    return {text: re.compile(r"\b" + re.escape(text).replace("@", other) + r"\b")
            for text in said(phrases.SEEN) | said(phrases.HELD_OUT)}


def wordings_of(caption):
    """The phrases of a caption, as long as can be read."""
    matches = [(found.start(), found.end(), text) for text, pattern in patterns().items()
               for found in pattern.finditer(caption)]
    return {text for start, end, text in matches
            if not any((a, b) != (start, end) and a <= start and end <= b
                       for a, b, _ in matches)}


@pytest.mark.parametrize("split", TRAINING + ("validation",))
def test_held_out_wordings_are_not_used(split):
    only_held = said(phrases.HELD_OUT) - said(phrases.SEEN)
    for clip in thrown(split, 300):
        assert not wordings_of(clip.caption) & only_held, clip.caption
        for opening in ("in this video", "in this clip we see", "this is a clip of"):
            assert opening not in clip.caption
        assert not (clip.caption.startswith("here is") and " that " in clip.caption)


def test_test_captions_use_held_out_wordings_alone():
    only_held = said(phrases.HELD_OUT) - said(phrases.SEEN)
    for clip in thrown("test", 200):
        assert wordings_of(clip.caption) & only_held, clip.caption


def test_every_class_has_an_unseen_wording_of_words_that_training_knows():
    known = {word for clip in thrown("pretrain", 2500) for word in clip.caption.split()}
    for action in names.ACTIONS:
        assert phrases.HELD_OUT[action], action
    for clip in thrown("test", 200) + thrown("test-combinations", 64):
        assert set(clip.caption.split()) <= known, set(clip.caption.split()) - known


def test_the_vocabulary_is_small_and_complete():
    words = captions.vocabulary()
    assert len(words) <= 300
    for split in splits.SPLITS:
        for clip in thrown(split, 150):
            assert set(clip.caption.split()) <= set(words)
            assert set(clip.label.split()) <= set(words)
            assert "{" not in clip.caption + clip.label + clip.sentence


def test_classes_are_balanced():
    actions = [clip.action for clip in thrown("train", 3 * len(names.ACTIONS))]
    assert {actions.count(action) for action in names.ACTIONS} == {3}


# Files


def run(*arguments):
    return subprocess.run([sys.executable, str(WORLD / "make.py"), *map(str, arguments)],
                          capture_output=True, text=True, timeout=60)


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg")
    folder = tmp_path_factory.mktemp("videos")
    done = run("--seed", 9, "--split", "test", "--count", 18, "-o", folder, "--jobs", 2)
    assert done.returncode == 0, done.stderr
    return folder


def test_lists_agree_with_the_videos(videos):
    labels = rows_of(videos / "labels.csv")
    assert [int(row["id"]) for row in labels] == list(range(len(names.ACTIONS)))
    known = {row["name"] for row in labels}
    listed = rows_of(videos / "list.csv")
    facts = [json.loads(line) for line in (videos / "captions.jsonl").read_text().splitlines()]
    assert [row["path"] for row in listed] == [fact["path"] for fact in facts]
    assert {row["path"] for row in listed} == {f"videos/{path.name}"
                                               for path in (videos / "videos").iterdir()}
    assert all(row["label"] in known and row["split"] == "test" for row in listed)
    reworded = rows_of(videos / "labels_unseen_words.csv")
    assert len(reworded) == len(labels)
    assert not {row["name"] for row in reworded} & known


def test_pairs_name_opposite_clips(videos):
    facts = {fact["path"]: fact for fact in map(
        json.loads, (videos / "captions.jsonl").read_text().splitlines())}
    pairs = json.loads((videos / "pairs.json").read_text())
    assert [tuple(pair) for pair in pairs["actions"]] == list(names.OPPOSITES)
    assert len(pairs["clips"]) >= 6
    for first, second in pairs["clips"]:
        assert facts[second]["action"] == names.opposite(facts[first]["action"])


def test_every_video_decodes_with_the_frames_that_it_should_have(videos):
    for line in (videos / "captions.jsonl").read_text().splitlines():
        fact = json.loads(line)
        probe = subprocess.run(
            ["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames",
             "-show_entries", "stream=width,height,nb_read_frames", "-of", "csv=p=0",
             str(videos / fact["path"])], capture_output=True, text=True, check=True)
        assert probe.stderr == ""
        assert probe.stdout.strip().strip(",") == \
            f"{fact['width']},{fact['height']},{fact['frames']}", fact["path"]


def test_the_program_preprocesses_every_format(videos, tmp_path):
    binary = os.environ.get("M2CLIP_BIN")
    if not binary:
        pytest.skip("M2CLIP_BIN is not set")
    for line in (videos / "captions.jsonl").read_text().splitlines()[:14]:
        fact = json.loads(line)
        clip = clips.throw(9, "test", int(fact["path"][-10:].split(".")[0].split("-")[-1]))
        out = tmp_path / "input.safetensors"
        subprocess.run([binary, "preprocess", str(videos / fact["path"]), "-o", str(out),
                        "--size", "64", "--frames", "8"], check=True, timeout=60)
        shown, wanted = pixels_of(out), drawn(clip).astype(float)
        # Another size, a lossy encoder and chroma at half the size lie between the two.
        assert numpy.abs(shown - wanted).mean() < 14.0, fact["path"]
        if fact["reversible"] and not fact["still"]:
            backwards = numpy.abs(shown - wanted[::-1]).mean()
            assert numpy.abs(shown - wanted).mean() < backwards


def pixels_of(path):
    """`input` of a safetensors file as [T,H,W,3] in 0..255."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    entry = json.loads(data[8:8 + size])["input"]
    begin, end = (8 + size + offset for offset in entry["data_offsets"])
    tensor = numpy.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])[0]
    tensor = tensor.transpose(1, 2, 3, 0)
    return (tensor * [0.26862954, 0.26130258, 0.27577711]
            + [0.48145466, 0.4578275, 0.40821073]) * 255.0


def shard_of(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header, tensors = json.loads(data[8:8 + size]), {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        kind = {"U8": numpy.uint8, "I64": "<i8"}[entry["dtype"]]
        tensors[name] = numpy.frombuffer(data[begin:end], kind).reshape(entry["shape"])
    return tensors


def test_shards_hold_the_frames_and_labels_of_their_clips(tmp_path):
    done = run("--seed", 9, "--count", 30, "--start", 4, "-o", tmp_path, "--raw", "--size", 48)
    assert done.returncode == 0, done.stderr
    shard = shard_of(tmp_path / "raw" / "train-000004.safetensors")
    assert shard["frames"].shape == (30, 8, 48, 48, 3)
    labels = [row["name"] for row in rows_of(tmp_path / "labels.csv")]
    for index in (0, 17, 29):
        clip = clips.throw(9, "train", 4 + index)
        assert numpy.array_equal(shard["frames"][index], drawn(clip, side=48))
        assert labels[shard["labels"][index]] == clip.label


def test_sentence_labels_and_one_frame_shards(tmp_path):
    done = run("--split", "still", "--count", 12, "-o", tmp_path, "--raw", "--frames", 1)
    assert done.returncode == 0, done.stderr
    shard = shard_of(tmp_path / "raw" / "still-000000.safetensors")
    assert shard["frames"].shape == (12, 1, 64, 64, 3)
    labels = [row["name"] for row in rows_of(tmp_path / "labels.csv")]
    assert labels == sorted(set(labels))
    assert shard["labels"].min() >= 0


@needs_ffmpeg
def test_a_missing_encoder_is_replaced(monkeypatch):
    monkeypatch.setattr(encode, "_encoders", lambda: {"mpeg4"})
    assert {encode.choose(Dice("format", index)).encoder for index in range(30)} == {"mpeg4"}


def test_failures_are_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("--count", 2, "-o", tmp_path / "file")
    assert done.returncode == 1
    assert done.stderr.startswith("make.py: ") and "Traceback" not in done.stderr
    assert run("--count", 0, "-o", tmp_path).returncode == 2
    assert run("--count", 1, "--size", "33", "-o", tmp_path).returncode == 2


# A change of the generator changes these; nothing else may.
PIXELS = {
    ("train", 0): "3807b699e3edb23c",
    ("train", 1): "ede68cbd3ea1e702",
    ("train", 14): "4a3ab33c432caeff",
    ("validation", 9): "00564df55c2c6927",
    ("test", 20): "2cff9d0092e5a752",
    ("pretrain", 5): "7f906bdd5693c083",
    ("still", 3): "3a40d1c7618b294e",
    ("composed", 8): "98020acee8d120b0",
    ("test-combinations", 6): "a0e30db97f4b3f20",
    ("test-composed", 2): "113578cadc5a32db",
    ("few-shot", 7): "4d89b234f58515cd",
}
DICE = [435, 623, 865, 25, 616, 535]
NOISE = [10, 5, 31, 151, 43]
