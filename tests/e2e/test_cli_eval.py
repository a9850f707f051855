"""eval: figures of a labelled set, by a model and by a server, resumed and with broken clips."""

import csv
import http.server
import json
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree

import pytest
from cli_support import ROOT, m2clip
from server_support import Server

CLIPS = 8
HEADS = ("vc", "zeroshot")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Clips of the demo world: list.csv and labels.csv."""
    folder = tmp_path_factory.mktemp("world")
    subprocess.run([sys.executable, str(ROOT / "tools" / "demo_world" / "make.py"), "--split",
                    "train", "--count", str(CLIPS), "--size", "64", "-o", str(folder)],
                   check=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory, world):
    """A model with random weights whose classes are the world's."""
    folder = tmp_path_factory.mktemp("model")
    with open(world / "labels.csv", newline="", encoding="utf-8") as rows:
        count = len(list(csv.reader(rows))) - 1
    result = m2clip("init", "--arch", "tiny", "--seed", "3", "--classes", count, "-o", folder)
    assert result.returncode == 0, result.stderr
    shutil.copy(world / "labels.csv", folder / "labels.csv")
    return folder


def evaluate(*arguments, **options):
    return m2clip("eval", *arguments, **options)


def figures_of(result):
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)


def results_of(folder):
    """The clips' results by item, the last of each."""
    lines = (folder / "clips.jsonl").read_text(encoding="utf-8").splitlines()
    assert list(json.loads(lines[0])) == ["evaluation"]
    return {row["item"]: row for row in map(json.loads, lines[1:])}


def recount(rows, head):
    """Top-1, top-5 and mean class accuracy from the clips' results."""
    rows = [row for row in rows if "error" not in row]
    right = [row[head]["top"][0] == row["label"] for row in rows]
    assert right == [row[head]["rank"] == 0 for row in rows]
    top5 = [row["label"] in row[head]["top"] for row in rows]
    of_class = {}
    for row, good in zip(rows, right):
        of_class.setdefault(row["label"], []).append(good)
    recalls = [sum(goods) / len(goods) for goods in of_class.values()]
    return sum(right) / len(rows), sum(top5) / len(rows), sum(recalls) / len(recalls)


def without_times(figures):
    return {name: value for name, value in figures.items() if name != "throughput"}


@pytest.fixture(scope="module")
def first(tmp_path_factory, model, world):
    """A whole evaluation with its folder."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    result = evaluate("--model", model, "--data", world / "list.csv", "-o", folder, "--json")
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return folder, figures_of(result)


def test_figures_are_those_of_the_clips(first):
    folder, figures = first
    rows = results_of(folder)
    assert sorted(rows) == list(range(CLIPS))
    assert figures["clips"] == CLIPS and figures["failed"] == 0
    for head in HEADS:
        top1, top5, mean_class = recount(rows.values(), head)
        assert figures[head]["clips"] == CLIPS
        assert figures[head]["top1"] == pytest.approx(top1, abs=1e-6)
        assert figures[head]["top5"] == pytest.approx(top5, abs=1e-6)
        assert figures[head]["mean_class"] == pytest.approx(mean_class, abs=1e-6)
    assert figures["throughput"]["clips_per_s"] > 0


def test_clips_are_judged_as_classify_and_zeroshot_do(first, model, world):
    folder, _ = first
    for head, command in zip(HEADS, ("classify", "zeroshot")):
        paths = {row["path"]: row for row in results_of(folder).values()}
        result = m2clip(command, "--model", model, "--json", "--top-k", "5", *paths)
        assert result.returncode == 0, result.stderr
        for answer in map(json.loads, result.stdout.splitlines()):
            best = [prediction["index"] for prediction in answer["predictions"]]
            assert paths[answer["input"]][head]["top"] == best


def test_the_folder_holds_tables_and_matrices(first):
    folder, figures = first
    assert json.loads((folder / "figures.json").read_text()) == figures
    rows = results_of(folder).values()
    for head in HEADS:
        with open(folder / f"confusion_{head}.csv", newline="", encoding="utf-8") as table:
            header, *matrix = list(csv.reader(table))
        assert [row[0] for row in matrix] == header[1:] and len(matrix) == figures["labels"]
        expected = [[0] * len(matrix) for _ in matrix]
        for row in rows:
            expected[row["label"]][row[head]["top"][0]] += 1
        assert [[int(cell) for cell in row[1:]] for row in matrix] == expected
        picture = xml.etree.ElementTree.parse(folder / f"confusion_{head}.svg").getroot()
        assert picture.tag == "{http://www.w3.org/2000/svg}svg"
        cells = [e for e in picture.iter() if e.tag.endswith("rect") and "fill-opacity" in e.attrib]
        assert len(cells) == sum(count > 0 for row in expected for count in row)
    with open(folder / "classes.csv", newline="", encoding="utf-8") as table:
        classes = list(csv.DictReader(table))
    assert len(classes) == 2 * figures["labels"]
    assert sum(int(row["clips"]) for row in classes) == 2 * CLIPS


def test_a_killed_run_goes_on_to_the_same_figures(first, model, world, tmp_path):
    folder, figures = first
    again = tmp_path / "again"
    again.mkdir()
    lines = (folder / "clips.jsonl").read_text().splitlines(keepends=True)
    kept = "".join(lines[:4])
    (again / "clips.jsonl").write_text(kept + lines[4][:20])
    result = evaluate("--model", model, "--data", world / "list.csv", "-o", again, "--json",
                      "--resume")
    assert without_times(figures_of(result)) == without_times(figures)
    text = (again / "clips.jsonl").read_text()
    assert text.startswith(kept) and len(text.splitlines()) == CLIPS + 1
    whole = evaluate("--model", model, "--data", world / "list.csv", "-o", again, "--json",
                     "--resume")
    assert without_times(figures_of(whole)) == without_times(figures)
    assert (again / "clips.jsonl").read_text() == text


def test_results_of_something_else_are_not_mixed_in(first, model, world):
    folder, _ = first
    before = (folder / "clips.jsonl").read_text()
    arguments = ("--model", model, "--data", world / "list.csv", "-o", folder)
    assert evaluate(*arguments).returncode == 2
    result = evaluate(*arguments, "--resume", "--frames", "4")
    assert result.returncode == 2 and "another evaluation" in result.stderr
    assert (folder / "clips.jsonl").read_text() == before


def test_broken_clips_and_lines_are_told_and_counted(model, world, tmp_path):
    with open(world / "list.csv", newline="", encoding="utf-8") as rows:
        clips = list(csv.DictReader(rows))[:2]
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    listing = tmp_path / "list.csv"
    listing.write_text("path,label\n"
                       f"{world / clips[0]['path']},{clips[0]['label']}\n"
                       "broken.mp4,0\n"
                       f"{world / clips[1]['path']},no such label\n"
                       f"{world / clips[1]['path']},{clips[1]['label']}\n")
    folder = tmp_path / "out"
    result = evaluate("--model", model, "--data", listing, "-o", folder, "--json")
    figures = figures_of(result)
    assert result.returncode == 1
    assert (figures["clips"], figures["failed"], figures["skipped_lines"]) == (2, 1, 1)
    told = result.stderr.splitlines()
    assert any("line 3: " in line and "broken.mp4" in line for line in told), told
    assert any("line 4: " in line and "no such label" in line for line in told), told
    failed = [row for row in results_of(folder).values() if "error" in row]
    assert [row["line"] for row in failed] == [3]
    assert failed[0]["error"]["code"] == "undecodable_video"


def test_other_labels_are_judged_by_zero_shot_alone(model, world, tmp_path):
    with open(world / "list.csv", newline="", encoding="utf-8") as rows:
        clips = list(csv.DictReader(rows))[:3]
    (tmp_path / "labels.txt").write_text("cartwheel\nbrush hair\n")
    (tmp_path / "list.txt").write_text(
        "".join(f"{world / clip['path']} {i % 2}\n" for i, clip in enumerate(clips)))
    result = evaluate("--model", model, "--data", tmp_path / "list.txt", "--json",
                      "--labels-file", tmp_path / "labels.txt", "--views", "1x3")
    figures = figures_of(result)
    assert result.returncode == 0 and figures["vc"] is None and figures["labels"] == 2
    assert figures["zeroshot"]["clips"] == 3
    assert [row["label"] for row in figures["zeroshot"]["classes"]] == ["cartwheel", "brush hair"]


def test_a_server_is_judged_like_its_model(first, model, world, tmp_path):
    local = first[1]
    server = Server(tmp_path, model)
    try:
        result = evaluate("--url", server.url, "--data", world / "list.csv", "--labels-file",
                          world / "labels.csv", "--json", "-o", tmp_path / "out")
    finally:
        server.stop()
    figures = figures_of(result)
    assert result.returncode == 0, result.stderr
    assert figures["url"] == server.url and figures["throughput"]["answer_ms"] > 0
    for head in HEADS:
        assert figures[head] == local[head]


def test_a_server_that_is_not_there_ends_the_run(world, tmp_path):
    result = evaluate("--url", "http://127.0.0.1:1", "--data", world / "list.csv",
                      "--labels-file", world / "labels.csv")
    assert result.returncode == 1 and result.stdout == ""
    assert "no answer" in result.stderr


@pytest.mark.parametrize("arguments, told", [
    ((), "--data"),
    (("--data", "x", "--resume"), "--resume"),
    (("--data", "x", "--url", "http://127.0.0.1:1", "--model", "y"), "--url"),
    (("--data", "x", "clip.mp4"), "--data"),
])
def test_wrong_usage_is_told(arguments, told):
    result = evaluate(*arguments)
    assert result.returncode == 2 and told in result.stderr


def test_the_table_names_heads_and_classes(model, world):
    result = evaluate("--model", model, "--data", world / "list.csv", "--split", "train")
    assert result.returncode == 0, result.stderr
    assert "zeroshot" in result.stdout and "mistaken for" in result.stdout
    assert f"{CLIPS} clips evaluated" in result.stdout
    none = evaluate("--model", model, "--data", world / "list.csv", "--split", "test")
    assert none.returncode == 2 and "split" in none.stderr


def test_a_folder_a_class_is_read_with_the_model_s_labels(model, world, tmp_path):
    with open(world / "list.csv", newline="", encoding="utf-8") as rows:
        clips = list(csv.DictReader(rows))[:3]
    for clip in clips:
        (tmp_path / clip["label"]).mkdir(exist_ok=True)
        shutil.copy(world / clip["path"], tmp_path / clip["label"])
    figures = figures_of(evaluate("--model", model, "--data", tmp_path, "--json"))
    seen = {row["label"]: row["clips"] for row in figures["vc"]["classes"] if row["clips"]}
    assert seen == {clip["label"]: sum(other["label"] == clip["label"] for other in clips)
                    for clip in clips}


def counts_by_label(head):
    return {row["label"]: [row[name] for name in ("clips", "right", "top5", "predicted")]
            for row in head["classes"]}


def test_labels_in_another_order_change_no_figure(first, model, world, tmp_path):
    with open(world / "labels.csv", newline="", encoding="utf-8") as rows:
        names = [row["name"] for row in csv.DictReader(rows)]
    (tmp_path / "labels.txt").write_text("".join(name + "\n" for name in reversed(names)))
    figures = figures_of(evaluate("--model", model, "--data", world / "list.csv", "--json",
                                  "--labels-file", tmp_path / "labels.txt"))
    for head in HEADS:
        assert counts_by_label(figures[head]) == counts_by_label(first[1][head])
        for name in ("top1", "top5", "mean_class"):
            assert figures[head][name] == pytest.approx(first[1][head][name], abs=1e-9)


def test_a_part_of_a_video_is_judged_as_such(model, world, tmp_path):
    with open(world / "list.csv", newline="", encoding="utf-8") as rows:
        clip = next(csv.DictReader(rows))
    path, folder = world / clip["path"], tmp_path / "out"
    (tmp_path / "list.csv").write_text("path,label,start_s,end_s\n"
                                       f"{path},{clip['label']},,\n"
                                       f"{path},{clip['label']},0.5,0.9\n")
    arguments = ("--data", tmp_path / "list.csv", "--labels-file", world / "labels.csv")
    assert evaluate("--model", model, *arguments, "-o", folder).returncode == 0
    server = Server(tmp_path, model)
    try:
        assert evaluate("--url", server.url, *arguments, "-o", tmp_path / "remote").returncode == 0
    finally:
        server.stop()
    remote = results_of(tmp_path / "remote")
    for item, row in results_of(folder).items():
        assert all(row[head] == remote[item][head] for head in HEADS)
    part = m2clip("zeroshot", "--model", model, "--json", "--start-s", "0.5", "--end-s", "0.9",
                  "--top-k", "5", path)
    best = [prediction["index"] for prediction in json.loads(part.stdout)["predictions"]]
    assert results_of(folder)[1]["zeroshot"]["top"] == best


class ScriptedServer:
    """Answers posts by a script of (status, body), the last one again and again."""

    def __init__(self, *script):
        self.script, self.seen = list(script), []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.seen.append((self.path, dict(self.headers), body))
                status, text = owner.script.pop(0) if len(owner.script) > 1 else owner.script[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.http = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def one_clip(tmp_path):
    """A list with two labels and a file that nobody decodes."""
    (tmp_path / "a.mp4").write_bytes(b"bytes of a clip")
    (tmp_path / "list.csv").write_text("path,label\na.mp4,walk\n")
    (tmp_path / "labels.txt").write_text("run\nwalk\n")
    return ("--data", tmp_path / "list.csv", "--labels-file", tmp_path / "labels.txt", "--json")


def answer(*names):
    return 200, json.dumps({"predictions": [{"label": name, "score": 0.5} for name in names]})


def problem(status, code, **members):
    return status, json.dumps({"code": code, "detail": "so it is", **members})


def test_a_busy_server_is_asked_again(one_clip):
    busy = problem(503, "queue_full", retry_after_ms=1)
    with ScriptedServer(busy, busy, answer("walk", "run"), answer("run", "walk")) as server:
        result = evaluate("--url", server.url + "/", *one_clip, "--frames", "4", "--views", "1x3",
                          "--api-key", "secret")
        figures = figures_of(result)
    assert result.returncode == 0, result.stderr
    assert (figures["vc"]["top1"], figures["zeroshot"]["top1"]) == (1.0, 0.0)
    assert figures["zeroshot"]["classes"][1]["mistaken_for"] == "run"
    paths = [path for path, _, _ in server.seen]
    assert paths == ["/v1/classify"] * 3 + ["/v1/zeroshot"]
    for _, headers, body in server.seen:
        assert headers["Authorization"] == "Bearer secret"
        assert b"bytes of a clip" in body and b'name="frames"\r\n\r\n4\r\n' in body
        assert b'name="views"\r\n\r\n1x3\r\n' in body and b'name="stride"' not in body
    assert b'name="labels"\r\n\r\nrun\r\n' in server.seen[3][2]
    assert b'name="labels"' not in server.seen[0][2]


def test_a_head_that_the_server_lacks_is_left_out(one_clip):
    with ScriptedServer(problem(409, "no_vc_head"), answer("walk", "run")) as server:
        figures = figures_of(evaluate("--url", server.url, *one_clip))
    assert figures["vc"] is None and figures["zeroshot"]["top1"] == 1.0
    with ScriptedServer(answer("fly", "swim"), answer("walk", "run")) as server:
        figures = figures_of(evaluate("--url", server.url, *one_clip))
    assert figures["vc"] is None and figures["zeroshot"]["clips"] == 1


@pytest.mark.parametrize("reply, code", [
    (problem(401, "unauthorized"), 1),
    (problem(400, "invalid_request"), 2),
    ((502, "<html>a proxy</html>"), 1),
])
def test_what_no_clip_can_change_ends_the_run(one_clip, reply, code):
    with ScriptedServer(reply) as server:
        result = evaluate("--url", server.url, *one_clip)
    assert result.returncode == code and result.stdout == ""
    assert str(reply[0]) in result.stderr and len(server.seen) == 1


def test_a_server_that_changes_its_classes_ends_the_run(one_clip, tmp_path):
    (tmp_path / "list.csv").write_text("path,label\na.mp4,walk\na.mp4,run\n")
    script = [answer("walk", "run"), answer("walk", "run"), answer("fly", "swim")]
    with ScriptedServer(*script) as server:
        result = evaluate("--url", server.url, *one_clip)
    assert result.returncode == 1 and "no longer" in result.stderr


def test_a_server_with_neither_head_is_told(one_clip):
    with ScriptedServer(answer("fly", "swim")) as server:
        result = evaluate("--url", server.url, *one_clip)
    assert result.returncode == 2 and "nothing to evaluate" in result.stderr
