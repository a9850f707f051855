"""classify, zeroshot and embed: answers, forms, inputs, failures."""

import csv
import io
import json
import math
import os
import pty
import subprocess

import pytest
from cli_support import binary, clean_environment, json_lines, m2clip, make_clip

ANSWER = ["id", "model", "model_version", "precision", "warnings", "predictions", "video",
          "sampling", "timing_ms", "cache"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    result = m2clip("init", "--arch", "tiny", "--seed", "3", "--classes", "7", "-o", folder)
    assert result.returncode == 0, result.stderr
    names = ["arm wrestling", 'say "hi", twice', "c", "d", "e", "f", "g"]
    (folder / "labels.csv").write_text("".join(name + "\n" for name in names))
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    (folder / "inner").mkdir()
    make_clip(folder / "b.mp4")
    make_clip(folder / "a.mkv", source="smptebars")
    make_clip(folder / "inner" / "c.avi", rate=5)
    (folder / "notes.txt").write_text("no video")
    (folder / ".hidden.mp4").write_bytes(b"no video")
    return folder


def classify(model, *arguments, **options):
    return m2clip("classify", "--model", model, *arguments, **options)


def test_a_json_line_is_the_answer_plus_input(model, clips):
    result = classify(model, "--json", clips / "b.mp4")
    assert result.returncode == 0 and result.stderr == ""
    (answer,) = json_lines(result)
    assert list(answer) == ["input"] + ANSWER
    assert answer["input"] == str(clips / "b.mp4")
    assert answer["model"] == "default" and len(answer["model_version"]) == 12
    assert len(answer["predictions"]) == 5
    assert [*answer["predictions"][0]] == ["label", "label_id", "index", "score", "similarity"]
    assert all(p["similarity"] is None and p["label_id"] is None for p in answer["predictions"])
    assert answer["video"]["codec"] == "mpeg4" and answer["video"]["frames"] == 10
    assert answer["sampling"]["stride"] == "uniform" and answer["sampling"]["views"] == "1x1"
    assert len(answer["sampling"]["frame_indices"]) == 1
    assert len(answer["sampling"]["frame_indices"][0]) == answer["sampling"]["frames"] == 8
    assert answer["timing_ms"]["total"] >= answer["timing_ms"]["encode"] > 0


def test_all_classes_sum_to_one_and_fall(model, clips):
    (answer,) = json_lines(classify(model, "--json", "--top-k", "0", clips / "b.mp4"))
    scores = [p["score"] for p in answer["predictions"]]
    assert len(scores) == 7 and math.isclose(sum(scores), 1, abs_tol=1e-5)
    assert scores == sorted(scores, reverse=True)


def test_minima_leave_unknown(model, clips):
    (answer,) = json_lines(classify(model, "--json", "--min-score", "1", clips / "b.mp4"))
    assert answer["predictions"] == [] and answer["unknown"] is True


def test_views_and_stride_reach_the_answer(model, clips):
    (answer,) = json_lines(classify(model, "--json", "--frames", "4", "--stride", "2", "--views",
                                    "3x3", clips / "b.mp4"))
    assert answer["sampling"]["stride"] == 2 and answer["sampling"]["views"] == "3x3"
    rows = answer["sampling"]["frame_indices"]
    assert len(rows) == 3 and all(len(row) == 4 for row in rows)
    assert rows[0] == [0, 2, 4, 6]


def test_times_as_seconds_or_clock(model, clips):
    (plain,) = json_lines(classify(model, "--json", "--start-s", "0.5", clips / "b.mp4"))
    (clock,) = json_lines(classify(model, "--json", "--start-s", "0:00.5", clips / "b.mp4"))
    assert plain["sampling"] == clock["sampling"]
    assert plain["sampling"]["frame_times_s"][0][0] >= 0.5
    late = classify(model, "--json", "--start-s", "1:30", clips / "b.mp4")
    assert late.returncode == 1
    assert json_lines(late)[0]["error"]["code"] == "no_video"


def test_folders_are_walked_in_order(model, clips):
    answers = json_lines(classify(model, "--json", clips))
    assert [a["input"] for a in answers] == [str(clips / n) for n in ("a.mkv", "b.mp4",
                                                                      "inner/c.avi")]


def test_lists_and_stdin(model, clips, tmp_path):
    names = tmp_path / "list"
    names.write_text(f"{clips / 'b.mp4'}\r\n\n{clips / 'inner'}\n")
    answers = json_lines(classify(model, "--json", f"@{names}"))
    assert [a["input"] for a in answers] == [str(clips / "b.mp4"), str(clips / "inner/c.avi")]
    piped = classify(model, "--json", "-", stdin=(clips / "b.mp4").read_bytes())
    (from_stdin,) = json_lines(piped)
    assert from_stdin["input"] == "-"
    assert from_stdin["predictions"] == answers[0]["predictions"]
    assert from_stdin["video"] == answers[0]["video"]


def test_the_rest_goes_on_after_a_failure(model, clips, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no video at all")
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    result = classify(model, "--json", broken, tmp_path / "missing.mp4", empty,
                      "http://127.0.0.1:9/a.mp4", clips / "b.mp4")
    assert result.returncode == 1
    lines = json_lines(result)
    codes = [line.get("error", {}).get("code") for line in lines]
    assert codes[0] in ("undecodable_video", "unsupported_codec")
    assert codes[1] == "internal" and codes[3] == "url_fetch_disabled" and codes[4] is None
    assert codes[2] in ("undecodable_video", "no_video", "unsupported_codec")
    assert list(lines[0]) == ["input", "error"]
    assert list(lines[0]["error"])[:7] == ["type", "title", "status", "code", "detail",
                                           "request_id", "field"]
    sentences = result.stderr.splitlines()
    assert len(sentences) == 4
    assert "missing.mp4" in sentences[1] and "No such file" in sentences[1]


def test_one_failure_is_one_sentence(model, tmp_path):
    result = classify(model, tmp_path / "missing.mp4")
    assert result.returncode == 1 and result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_an_empty_folder_and_a_missing_list_fail(model, tmp_path):
    for word in (tmp_path, f"@{tmp_path / 'nothing'}"):
        result = classify(model, word)
        assert result.returncode == 1 and len(result.stderr.splitlines()) == 1


def test_csv_quotes_and_counts(model, clips):
    result = classify(model, "--format", "csv", "--top-k", "0", clips / "b.mp4", clips / "a.mkv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) == 14
    assert 'say "hi", twice' in [row["label"] for row in rows]
    assert rows[0]["kind"] == "prediction" and rows[0]["rank"] == "1" and rows[0]["error"] == ""
    assert math.isclose(sum(float(row["score"]) for row in rows), 2, abs_tol=1e-4)


def test_csv_tells_failures(model, clips, tmp_path):
    result = classify(model, "--format=csv", tmp_path / "missing.mp4", clips / "b.mp4")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert result.returncode == 1 and rows[0]["error"] == "internal" and len(rows) == 6


def test_tables_go_to_a_file(model, clips, tmp_path):
    out = tmp_path / "out.txt"
    result = classify(model, "-o", out, clips / "b.mp4")
    assert result.returncode == 0 and result.stdout == "" and result.stderr == ""
    assert len(out.read_text().splitlines()) == 6
    unwritable = classify(model, "-o", tmp_path / "no" / "folder", clips / "b.mp4")
    assert unwritable.returncode == 1 and "No such file" in unwritable.stderr


def test_a_full_disk_is_a_failure(model, clips):
    result = classify(model, "-o", "/dev/full", clips / "b.mp4")
    assert result.returncode == 1 and "No space left" in result.stderr


def test_zeroshot_scores_labels_and_background(model, clips):
    result = m2clip("zeroshot", "--model", model, "--json", "--label", "a dog", "--label",
                    "eine Katze 🐈", "--background", "noise", "--classes", clips / "b.mp4")
    (answer,) = json_lines(result)
    assert sorted(p["label"] for p in answer["predictions"]) == ["a dog", "eine Katze 🐈"]
    total = sum(p["score"] for p in answer["predictions"]) + answer["other"]
    assert math.isclose(total, 1, abs_tol=1e-5)
    assert all(-1 <= p["similarity"] <= 1 for p in answer["predictions"])
    assert len(answer["classes"]) == 7
    assert answer["cache"] == {"video": False, "labels_hit": 0, "labels_miss": 3}


def test_zeroshot_defaults_to_the_sets_labels(model, clips):
    (answer,) = json_lines(m2clip("zeroshot", "--model", model, "--json", clips / "b.mp4"))
    assert len(answer["predictions"]) == 7 and "other" not in answer


def test_labels_come_from_files_in_both_forms(model, clips, tmp_path):
    lines, table = tmp_path / "lines.txt", tmp_path / "labels.csv"
    lines.write_text("a dog, running\na cat\n")
    table.write_text('id,name\n1,a cat\n0,"a dog, running"\n')
    answers = [json_lines(m2clip("zeroshot", "--model", model, "--json", "--labels-file", path,
                                 clips / "b.mp4"))[0] for path in (lines, table)]
    assert answers[0]["predictions"] == answers[1]["predictions"]
    assert {p["label"]: p["index"] for p in answers[0]["predictions"]} == {"a dog, running": 0,
                                                                           "a cat": 1}


def test_templates_change_the_vectors(model, clips):
    runs = []
    for extra in ([], ["--templates", "A video of {}"], ["--templates", "a photo of {}",
                                                         "--templates", "{}"]):
        result = m2clip("zeroshot", "--model", model, "--json", "--label", "dog", "--label",
                        "cat", *extra, clips / "b.mp4")
        runs.append(json_lines(result)[0]["predictions"])
    assert runs[0] == runs[1] != runs[2]


def test_embed_gives_unit_vectors(model, clips):
    result = m2clip("embed", "--model", model, "--json", "--text", "a dog", "--text", "a cat",
                    clips / "b.mp4")
    (answer,) = json_lines(result)
    assert [(e["type"], e["index"], e["text"]) for e in answer["embeddings"]] == [
        ("video", 0, None), ("text", 0, "a dog"), ("text", 1, "a cat")]
    for embedding in answer["embeddings"]:
        assert len(embedding["vector"]) == answer["dim"]
        assert math.isclose(sum(v * v for v in embedding["vector"]), 1, abs_tol=1e-5)


def test_embed_of_texts_alone_has_no_video(model):
    (answer,) = json_lines(m2clip("embed", "--model", model, "--json", "--text", "a dog"))
    assert answer["video"] is None and answer["sampling"] is None
    assert "input" not in answer and len(answer["embeddings"]) == 1
    nothing = m2clip("embed", "--model", model, "--json")
    assert nothing.returncode == 2


def test_similarity_is_the_cosine_of_embeddings(model, clips):
    (zero,) = json_lines(m2clip("zeroshot", "--model", model, "--json", "--label", "a dog",
                                "--templates", "{}", clips / "b.mp4"))
    (embed,) = json_lines(m2clip("embed", "--model", model, "--json", "--text", "a dog",
                                 clips / "b.mp4"))
    video, text = (e["vector"] for e in embed["embeddings"])
    cosine = sum(a * b for a, b in zip(video, text))
    assert math.isclose(cosine, zero["predictions"][0]["similarity"], abs_tol=1e-5)


def test_embed_csv_has_a_column_a_value(model, clips, tmp_path):
    result = m2clip("embed", "--model", model, "--format", "csv", "--text", "x, y",
                    tmp_path / "missing.mp4", clips / "b.mp4")
    rows = list(csv.reader(io.StringIO(result.stdout)))
    assert rows[0][:6] == ["input", "type", "index", "text", "error", "v0"]
    assert [row[:2] for row in rows[2:]] == [[str(clips / "b.mp4"), "video"],
                                             [str(clips / "b.mp4"), "text"]]
    assert rows[1][4] == "internal"
    assert all(len(row) == len(rows[0]) for row in rows[2:])


@pytest.mark.parametrize("arguments, field", [
    (["--top-k", "1001"], "top_k"), (["--top-k", "5.0"], "top_k"), (["--top-k", ""], "top_k"),
    (["--frames", "0"], "frames"), (["--stride", "fast"], "stride"), (["--views", "2x2"], "views"),
    (["--views", "3x1"], "views"), (["--views", "3x1", "--stride", "uniform"], "views"),
    (["--start-s", "-1"], "start_s"), (["--start-s", "1:75"], "start_s"),
    (["--start-s", "2", "--end-s", "1"], "end_s"), (["--timeout-ms", "0"], "timeout_ms"),
    (["--min-score", "2"], "min_score"), (["--top-k", "1", "--top-k", "2"], "--top-k"),
    (["--label", "dog"], "--label"), (["--no-such"], "--no-such"), (["-q"], "-q"),
    (["--format", "xml"], "--format"), (["--threads", "0"], "--threads"),
    (["--threads", "two"], "--threads"), (["--precision", "f64"], "f32"),
    (["--cpu-level", "mmx"], "avx2"), (["--json=maybe"], "--json"), (["--model"], "--model"),
])
def test_wrong_usage_exits_two(model, clips, arguments, field):
    result = classify(model, clips / "b.mp4", *arguments)
    assert result.returncode == 2, result.stderr
    assert result.stdout == "" and field in result.stderr


@pytest.mark.parametrize("arguments, text", [
    (["--label", "dog", "--label", "dog"], "labels[0]"), (["--label", " "], "blank"),
    (["--label", "x" * 257], "257"), (["--label", "dog", "--templates", "none"], "templates[0]"),
    (["--label", "dog " * 60], "labels[0]"),
])
def test_bad_labels_exit_two(model, clips, arguments, text):
    result = m2clip("zeroshot", "--model", model, *arguments, clips / "b.mp4")
    assert result.returncode == 2 and text in result.stderr


def test_long_labels_may_be_truncated(model, clips):
    result = m2clip("zeroshot", "--model", model, "--json", "--truncate", "--label", "dog " * 60,
                    clips / "b.mp4")
    assert result.returncode == 0, result.stderr


def test_a_set_that_is_not_there_fails(model, clips):
    result = classify(model, "--adapter", "nobody", clips / "b.mp4")
    assert result.returncode == 1 and "adapter set" in result.stderr
    base = classify(model, "--adapter", "base", clips / "b.mp4")
    assert base.returncode == 1 and "classification head" in base.stderr


def test_no_input_and_no_model_are_wrong_usage(model, clips):
    assert classify(model).returncode == 2
    assert m2clip("classify", clips / "b.mp4").returncode == 2


def test_flag_beats_environment_beats_default(model, clips):
    clip = clips / "b.mp4"
    env = {"M2CLIP_MODEL": str(model), "M2CLIP_TOP_K": "3", "M2CLIP_JSON": "1"}
    (answer,) = json_lines(m2clip("classify", clip, env=env))
    assert len(answer["predictions"]) == 3
    (answer,) = json_lines(m2clip("classify", "--top-k", "2", clip, env=env))
    assert len(answer["predictions"]) == 2
    table = m2clip("classify", "--json=false", clip, env=env)
    assert not table.stdout.startswith("{")
    wrong = m2clip("classify", clip, env={**env, "M2CLIP_TOP_K": "many"})
    assert wrong.returncode == 2 and "top_k" in wrong.stderr


def test_unknown_variables_are_warned_of(model, clips):
    env = {"M2CLIP_TOPK": "3", "M2CLIP_SERVICE_HOST": "10.0.0.1", "M2CLIP_PORT": "tcp://10.0.0.1",
           "M2CLIP_PORT_8080_TCP_ADDR": "10.0.0.1", "M2CLIP_ARCH": "tiny"}
    result = classify(model, "--json", clips / "b.mp4", env=env)
    assert result.returncode == 0
    (warning,) = result.stderr.splitlines()
    assert "M2CLIP_TOPK" in warning and "M2CLIP_TOP_K" in warning


def test_threads_do_not_change_the_answer(model, clips):
    scores = []
    for threads in ("1", "2", "3"):
        (answer,) = json_lines(classify(model, "--json", "--threads", threads, clips / "b.mp4"))
        scores.append([p["score"] for p in answer["predictions"]])
    for other in scores[1:]:
        assert all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(scores[0], other))


def test_a_spent_timeout_is_a_deadline(model, tmp_path):
    clip = make_clip(tmp_path / "long.mp4", seconds=20, size="640x480", rate=30)
    result = classify(model, "--json", "--timeout-ms", "1", clip)
    assert result.returncode == 1
    assert json.loads(result.stdout)["error"]["code"] == "deadline"


def read_terminal(arguments):
    """Runs the program with a terminal as stderr; what it shows there, and stdout."""
    try:
        controller, terminal = pty.openpty()
    except OSError:
        pytest.skip("there is no pseudo terminal here")
    try:
        result = subprocess.run([binary(), *map(str, arguments)], stdout=subprocess.PIPE,
                                stderr=terminal, env=clean_environment(), timeout=120, check=False)
        os.close(terminal)
        terminal = None
        shown = b""
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
        return shown.decode(), result
    finally:
        os.close(controller)
        if terminal is not None:
            os.close(terminal)


def test_progress_is_shown_on_a_terminal_only(model, clips):
    shown, result = read_terminal(["classify", "--model", model, "--json", clips])
    assert result.returncode == 0 and "[2/3]" in shown
    assert len(result.stdout.splitlines()) == 3
    assert classify(model, "--json", clips).stderr == ""
    shown, _ = read_terminal(["classify", "--model", model, "--json", clips / "b.mp4"])
    assert shown == ""
