"""m2clip train: it learns, survives a kill to the bit, tells bad data by line, and what it writes is
served."""

import json
import re
import signal
import subprocess
import time

import pytest
from cli_support import ROOT, binary, clean_environment, json_lines, m2clip

CLASSES = ["it moves left", "it moves right"]
SIDES = {"it moves left": "48-t*40", "it moves right": "t*40"}


def move_clip(path, place, colour):
    """A square that moves on black; the same frames in another order for the other class."""
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i",
                    "color=black:s=64x48:r=10:d=1.2", "-f", "lavfi", "-i",
                    f"color={colour}:s=16x16:r=10:d=1.2", "-filter_complex",
                    f"[0][1]overlay=x={place}:y=16:shortest=1", "-c:v", "mpeg4", str(path)],
                   check=True, timeout=60)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    result = m2clip("init", "--arch", "tiny", "--seed", "5", "--classes", 2, "-o", folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder a class, four clips each."""
    folder = tmp_path_factory.mktemp("data")
    for label, place in SIDES.items():
        (folder / label).mkdir()
        for colour in ("red", "green", "blue", "white"):
            move_clip(folder / label / f"{colour}.mp4", place, colour)
    return folder


def options(base, data, *more):
    return ["train", "--model", base, "--data", data, "--threads", 2, "--frames", 4, "--batch", 3,
            "--seed", 11, "--val-share", 0.25, *more]


def losses(folder):
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows if row["event"] == "step"]


def test_it_learns_and_the_set_is_served(base, data):
    result = m2clip(*options(base, data, "--name", "sides", "--epochs", 12, "--lr", "0.003"))
    assert result.returncode == 0, result.stderr
    assert "memory" in result.stderr and "a step" in result.stderr
    assert "pass 12 of 12" in result.stdout and "VC top-1" in result.stdout
    run = base / "adapters" / ".sides.training"
    found = losses(run)
    assert len(found) == 12 * 2 and sum(found[-3:]) < 0.9 * sum(found[:3])
    assert "<svg" in (run / "curves.svg").read_text()
    made = base / "adapters" / "sides"
    assert json.loads((made / "preprocess.json").read_text())["frames"] == 4
    assert (made / "labels.csv").read_text().splitlines()[0] == "id,name"
    assert (made / "cmlm_words.txt").exists()
    answer = m2clip("classify", "--model", base, "--adapter", "sides", "--json",
                    data / CLASSES[0] / "red.mp4")
    assert answer.returncode == 0, answer.stderr
    (line,) = json_lines(answer)
    assert {p["label"] for p in line["predictions"]} == set(CLASSES)
    assert line["sampling"]["frames"] == 4


def test_a_killed_run_goes_on_to_the_same_bits(base, data, tmp_path):
    common = ("--epochs", 8, "--checkpoint-steps", 3)
    whole = m2clip(*options(base, data, "-o", tmp_path / "whole", *common))
    assert whole.returncode == 0, whole.stderr
    arguments = [binary(), *map(str, options(base, data, "-o", tmp_path / "parts", "--resume",
                                             *common))]
    log = tmp_path / ".parts.training" / "log.jsonl"
    for lines in (4, 11):
        process = subprocess.Popen(arguments, env=clean_environment(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if log.exists() and log.read_bytes().count(b"\n") >= lines:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
        process.wait(timeout=60)
    rest = subprocess.run(arguments, env=clean_environment(), capture_output=True, timeout=120,
                          check=False)
    assert rest.returncode == 0, rest.stderr
    for name in ("adapters.safetensors", "config.json", "labels.csv"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert losses(tmp_path / ".whole.training") == losses(tmp_path / ".parts.training")


def test_a_stopped_run_says_how_to_go_on(base, data, tmp_path):
    arguments = [binary(), *map(str, options(base, data, "-o", tmp_path / "set", "--epochs",
                                             100000))]
    log = tmp_path / ".set.training" / "log.jsonl"
    process = subprocess.Popen(arguments, env=clean_environment(), stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (log.exists() and log.stat().st_size > 0):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1 and "--resume" in told
    assert (tmp_path / ".set.training" / "checkpoint.safetensors").exists()
    assert not (tmp_path / "set").exists()
    other = m2clip(*options(base, data, "-o", tmp_path / "set", "--epochs", 3, "--resume"))
    assert other.returncode == 2 and "other options" in other.stderr


def test_bad_data_is_told_by_line(base, data, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    rows = ["path,label"] + [f"{data / label / colour}.mp4,{label}" for label in CLASSES
                             for colour in ("red", "green")]
    rows[2:2] = ["broken.mp4,0", f"{data / CLASSES[0] / 'red'}.mp4,7"]
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "labels.csv").write_text("id,name\n" + "".join(
        f"{i},{name}\n" for i, name in enumerate(CLASSES)))
    command = options(base, tmp_path / "list.csv", "--labels", tmp_path / "labels.csv",
                      "--dry-run")
    result = m2clip(*command)
    assert result.returncode == 0, result.stderr
    assert "line 3" in result.stderr and "line 4" in result.stderr
    counts = re.match(r"2 classes, (\d+) clips to train on, (\d+) to validate", result.stdout)
    assert int(counts[1]) + int(counts[2]) == 4
    assert "memory" in result.stdout
    strict = m2clip(*command, "--strict")
    assert strict.returncode != 0 and "line 4" in strict.stderr


def test_wrong_usage_is_told(base, data):
    for more, told in ((("--name", "../x"), "--name"), (("--name", "a", "-o", "b"), "places"),
                       (("--name", "a", "--losses", "cmc,nothing"), "nothing"),
                       (("--name", "a", "--lr", "fast"), "--lr")):
        result = m2clip(*options(base, data, *more))
        assert result.returncode == 2 and told in result.stderr, result.stderr


def test_losses_can_be_chosen(base, data, tmp_path):
    result = m2clip(*options(base, data, "-o", tmp_path / "set", "--epochs", 1, "--losses",
                             "vc=2,cmc", "--recompute"))
    assert result.returncode == 0, result.stderr
    row = json.loads((tmp_path / ".set.training" / "log.jsonl").read_text().splitlines()[0])
    assert "cmlm" not in row and abs(row["loss"] - 2 * row["vc"] - 0.5 * row["cmc"]) < 1e-9
    assert not (tmp_path / "set" / "cmlm_words.txt").exists()


def test_a_base_can_be_trained_whole(base, data, tmp_path):
    result = m2clip(*options(base, data, "-o", tmp_path / "model", "--epochs", 1, "--full"))
    assert result.returncode == 0, result.stderr
    answer = m2clip("zeroshot", "--model", tmp_path / "model", "--json", "--label", CLASSES[0],
                    "--label", CLASSES[1], data / CLASSES[0] / "red.mp4")
    assert answer.returncode == 0, answer.stderr
    (line,) = json_lines(answer)
    assert len(line["predictions"]) == 2 and "untrained_model" not in line["warnings"]
    named = m2clip(*options(base, data, "--name", "a", "--full"))
    assert named.returncode == 2 and "-o DIR" in named.stderr


def test_clips_of_the_demo_world_are_learned_from(base, tmp_path):
    made = subprocess.run(["/usr/bin/python3", str(ROOT / "tools" / "demo_world" / "make.py"),
                           "--count", "8", "--size", "64x64", "-o", str(tmp_path)],
                          capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 0, made.stderr
    result = m2clip(*options(base, tmp_path / "list.csv", "--labels",
                             tmp_path / "labels.csv", "-o", tmp_path / "set", "--epochs", 1))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "set" / "adapters.safetensors").exists()
