"""timeline and fill-mask on the command line: segments, words, forms and failures."""

import csv
import io
import re
import shutil
import subprocess

import pytest
from cli_support import (binary, clean_environment, json_lines, keeps_memory, m2clip,
                         make_clip)

ANSWER = ["id", "model", "model_version", "precision", "warnings", "segments", "video", "sampling",
          "timing_ms", "cache"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    result = m2clip("init", "--arch", "tiny", "--seed", "3", "--classes", "7", "-o", folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """12 seconds: four of one picture, four of another, four of the first again."""
    folder = tmp_path_factory.mktemp("film")
    parts = "testsrc=d=4:s=160x120:r=10[a];color=white:d=4:s=160x120:r=10[b];" \
            "testsrc=d=4:s=160x120:r=10[c];[a][b][c]concat=n=3"
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-filter_complex", parts,
                    "-c:v", "mpeg4", folder / "film.mp4"], check=True, timeout=60)
    return folder / "film.mp4"


def timeline(model, *arguments, **options):
    return m2clip("timeline", "--model", model, *arguments, **options)


# Every class of seven is above 0.05 somewhere and none needs to be above 0.5: a random model.
LOW = ["--threshold", "0.12", "--threshold-end", "0.1", "--min-segment-s", "0"]


def answer_of(model, *arguments):
    result = timeline(model, "--json", *arguments)
    assert result.returncode == 0, result.stderr
    (answer,) = json_lines(result)
    return answer


def test_the_answer_has_segments_in_order(model, film):
    answer = answer_of(model, *LOW, film)
    assert list(answer) == ["input"] + ANSWER
    segments = answer["segments"]
    assert segments
    assert [*segments[0]] == ["start_s", "end_s", "label", "index", "score", "similarity", "peak_s"]
    assert [s["start_s"] for s in segments] == sorted(s["start_s"] for s in segments)
    for segment in segments:
        assert 0 <= segment["start_s"] <= segment["peak_s"] <= segment["end_s"] <= 12
        assert segment["label"] == f"class_{segment['index']}" and segment["similarity"] is None
        assert segment["score"] >= 0.12
    assert answer["video"]["duration_s"] == 12.0 and answer["video"]["frames"] == 120
    assert answer["sampling"]["frames"] == 8 and answer["sampling"]["frame_indices"] == []


def test_a_window_is_the_clip_of_its_range(model, film):
    """One window over the whole: its segments are the classes of that clip."""
    answer = answer_of(model, *LOW, "--window-s", 12, "--hop-s", 12, film)
    result = m2clip("classify", "--model", model, "--json", "--top-k", 0, film)
    (whole,) = json_lines(result)
    expected = {p["index"]: p["score"] for p in whole["predictions"] if p["score"] >= 0.12}
    assert {s["index"]: s["score"] for s in answer["segments"]} == pytest.approx(expected, rel=1e-4)
    assert all(s["start_s"] == 0 and s["end_s"] == 12 for s in answer["segments"])


def test_windows_agree_with_classify_on_their_ranges(model, film):
    """Hop = window and no merging: votes are the clips' own scores."""
    answer = answer_of(model, *LOW, "--merge-gap-s", 0, "--window-s", 3, "--hop-s", 3, film)
    peaks = {}
    for segment in answer["segments"]:
        peaks[(segment["index"], segment["peak_s"])] = segment["score"]
    found = 0
    for start in (0, 3, 6, 9):
        result = m2clip("classify", "--model", model, "--json", "--top-k", 0, "--start-s", start,
                        "--end-s", start + 3, film)
        (clip,) = json_lines(result)
        for prediction in clip["predictions"]:
            score = peaks.get((prediction["index"], start + 1.5))
            if score is not None:
                assert score == pytest.approx(prediction["score"], rel=1e-4)
                found += 1
    assert found == len(peaks) > 0


def test_labels_are_looked_for_by_text(model, film):
    answer = answer_of(model, *LOW, "--label", "a cat", "--label", "a dog, running", film)
    assert {s["label"] for s in answer["segments"]} <= {"a cat", "a dog, running"}
    assert answer["segments"] and all(-1 <= s["similarity"] <= 1 for s in answer["segments"])
    assert answer["cache"]["labels_miss"] == 2


def test_a_range_bounds_the_windows(model, film):
    answer = answer_of(model, *LOW, "--start-s", "0:04", "--end-s", 8, film)
    assert all(4 <= s["start_s"] and s["end_s"] <= 8 for s in answer["segments"])


def test_all_forms_agree(model, film, tmp_path):
    segments = answer_of(model, *LOW, film)["segments"]
    rows = list(csv.DictReader(io.StringIO(timeline(model, *LOW, "--format", "csv", film).stdout)))
    assert [(float(r["start_s"]), float(r["end_s"]), r["label"]) for r in rows] == [
        (s["start_s"], s["end_s"], s["label"]) for s in segments]
    output = tmp_path / "film.vtt"
    result = timeline(model, *LOW, "--format", "vtt", "-o", output, film)
    assert result.returncode == 0 and result.stdout == ""
    cues = output.read_text().split("\n\n")
    assert cues[0] == "WEBVTT" and len(cues) == 1 + len(segments)
    first = segments[0]
    assert re.match(r"00:00:\d\d\.\d{3} --> 00:00:\d\d\.\d{3}\n", cues[1])
    assert cues[1].split("\n")[1] == f"{first['label']} {first['score']:.2f}"
    table = timeline(model, *LOW, film).stdout.splitlines()
    assert len(table) == 1 + len(segments) and first["label"] in table[1]


def test_wrong_usage_is_named(model, film):
    for arguments, word in ((["--hop-s", "0.01"], "hop_s"),
                            (["--window-s", "60", "--hop-s", "1"], "hop_s"),
                            (["--threshold", "0.2"], "threshold_end"),
                            (["--format", "vtt", film], "vtt"),
                            (["--top-k", "3"], "--top-k")):
        result = timeline(model, *arguments, film)
        assert result.returncode == 2 and word in result.stderr, (arguments, result.stderr)
    result = m2clip("classify", "--model", model, "--format", "vtt", film)
    assert result.returncode == 2 and "--format" in result.stderr


def test_a_broken_video_fails_alone(model, film, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    result = timeline(model, *LOW, "--json", broken, film)
    assert result.returncode == 1 and str(broken) in result.stderr
    bad, good = json_lines(result)
    assert bad["input"] == str(broken) and bad["error"]["code"] == "undecodable_video"
    assert good["segments"] == answer_of(model, *LOW, film)["segments"]


def fill_mask(model, *arguments):
    return m2clip("fill-mask", "--model", model, *arguments)


def test_masks_get_words(model, film):
    result = fill_mask(model, "--json", "--text", "a [MASK] is [MASK].", film)
    assert result.returncode == 0, result.stderr
    (answer,) = json_lines(result)
    assert list(answer) == ["input"] + [("masks" if k == "segments" else k) for k in ANSWER]
    masks = answer["masks"]
    assert len(masks) == 2 and 0 < masks[0]["position"] < masks[1]["position"] < 77
    for mask in masks:
        assert len(mask["predictions"]) == 5
        scores = [p["score"] for p in mask["predictions"]]
        assert scores == sorted(scores, reverse=True)
        assert all(p["label"] == f"word_{p['index']}" and p["similarity"] is None
                   for p in mask["predictions"])
    (whole,) = json_lines(fill_mask(model, "--json", "--top-k", 0, "--text", "[MASK]", film))
    assert sum(p["score"] for p in whole["masks"][0]["predictions"]) == pytest.approx(1, abs=1e-3)


def test_words_have_the_folders_names(model, film, tmp_path):
    named = tmp_path / "named"
    shutil.copytree(model, named)
    count = 500
    (named / "cmlm_words.txt").write_text("".join(f"w{i} {i}\n" for i in range(count)))
    (answer,) = json_lines(fill_mask(named, "--json", "--text", "[MASK]", film))
    assert all(p["label"] == f"w{p['index']}" for p in answer["masks"][0]["predictions"])


def test_mask_forms_and_failures(model, film):
    text = fill_mask(model, "--format", "csv", "--text", "a [MASK]", film).stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["rank"] for r in rows] == ["1", "2", "3", "4", "5"]
    assert "[MASK] at" in fill_mask(model, "--text", "a [MASK]", film).stdout
    for arguments, word in (([], "text"), (["--text", "no mask"], "[MASK]"),
                            (["--text", "a " * 90 + "[MASK]"], "text")):
        result = fill_mask(model, *arguments, film)
        assert result.returncode == 2 and word in result.stderr, result.stderr
    result = fill_mask(model, "--adapter", "base", "--text", "[MASK]", film)
    assert result.returncode == 1 and "masked-language head" in result.stderr


def test_a_long_video_needs_no_more_memory(model, tmp_path):
    """The same window count apart, ten times the length takes about the same memory."""
    def peak_kb(seconds):
        clip = make_clip(tmp_path / f"{seconds}.mp4", seconds=seconds, size="320x240", rate=10)
        script = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
                  "stdout=subprocess.DEVNULL); "
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        result = subprocess.run(["/usr/bin/python3", "-c", script, binary(), "timeline", "--model",
                                 str(model), "--json", "--threads", "1", str(clip)],
                                env=clean_environment(), capture_output=True, text=True, check=True,
                                timeout=120)
        return int(result.stdout)

    short, long = peak_kb(20), peak_kb(200)
    assert keeps_memory() or long < short + 24 * 1024, (short, long)
