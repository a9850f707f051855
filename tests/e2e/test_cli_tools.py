"""The program itself, and init, inspect, tokenize, preprocess, forward, health."""

import http.server
import json
import threading

import numpy
import pytest
from cli_support import (ROOT, SHARED, json_lines, m2clip, make_clip, read_safetensors,
                         write_safetensors)

FIXTURES = ROOT / "tests" / "fixtures"
COMMANDS = ["serve", "classify", "zeroshot", "embed", "inspect", "tokenize", "preprocess", "forward",
            "bench", "init", "health", "eval"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    assert m2clip("init", "--arch", "tiny", "-o", folder).returncode == 0
    return folder


def test_help_and_version():
    version = m2clip("--version")
    assert version.returncode == 0 and version.stdout.startswith("m2clip ")
    overview = m2clip("--help")
    assert overview.returncode == 0
    for command in COMMANDS:
        assert f"  {command} " in overview.stdout
        page = m2clip(command, "--help")
        assert page.returncode == 0 and page.stdout.startswith(f"usage: m2clip {command}")
        assert page.stderr == ""


def test_no_command_or_a_wrong_one_is_wrong_usage():
    assert m2clip().returncode == 2
    wrong = m2clip("clasify")
    assert wrong.returncode == 2 and "clasify" in wrong.stderr and wrong.stdout == ""


def test_init_is_deterministic(model, tmp_path):
    assert m2clip("init", "--arch", "tiny", "-o", tmp_path / "again").returncode == 0
    assert m2clip("init", "--arch", "tiny", "--seed", "1", "-o", tmp_path / "other").returncode == 0
    first = (model / "model.safetensors").read_bytes()
    assert first == (tmp_path / "again" / "model.safetensors").read_bytes()
    assert first != (tmp_path / "other" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("arguments", [
    [], ["--arch", "tiny"], ["--arch", "huge", "-o", "x"], ["--arch", "tiny", "-o", "x", "more"],
    ["--arch", "tiny", "--classes", "0", "-o", "x"], ["--arch", "tiny", "--seed", "-1", "-o", "x"],
])
def test_init_refuses_wrong_usage(arguments, tmp_path):
    result = m2clip("init", *arguments, cwd=tmp_path)
    assert result.returncode == 2 and list(tmp_path.iterdir()) == []


def test_init_reports_an_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("")
    result = m2clip("init", "--arch", "tiny", "-o", tmp_path / "file" / "model")
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1


def test_inspect_tells_the_folder_in_both_forms(model):
    page = m2clip("inspect", model)
    assert page.returncode == 0
    for word in ("vision", "tuned", "F16", "bicubic", "GFLOP", "f32", "int8", "set default"):
        assert word in page.stdout
    facts = json.loads(m2clip("inspect", model, "--json").stdout)
    assert facts["parameters"]["total"] > facts["parameters"]["tuned"] > 0
    assert [s["name"] for s in facts["sets"]] == ["base", "default"]
    default = facts["sets"][1]
    assert default["default"] and default["vc_head"] and default["classes"] == 400
    assert default["preprocessing"]["resize"] == {"value": "bicubic", "from": "default"}
    assert facts["sets"][0]["preprocessing"]["resize"]["value"] == "bicubic-antialias"
    memory = facts["memory_bytes"]
    assert memory["f32"] > memory["bf16"] > memory["int8"] > 0


def test_inspect_lists_unused_tensors():
    facts = json.loads(m2clip("inspect", FIXTURES / "tiny-clip-hf", "--json").stdout)
    assert facts["architecture"]["form"] == "huggingface"
    assert any("position_ids" in name for name in facts["unused_tensors"])
    assert facts["sets"][0]["vc_head"] is False and facts["tokenizer"] is False


def test_inspect_refuses_what_is_no_model(tmp_path):
    assert m2clip("inspect").returncode == 2
    assert m2clip("inspect", tmp_path, "--format", "csv").returncode == 2
    result = m2clip("inspect", tmp_path)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1


def test_tokenize_gives_a_line_a_line(model):
    result = m2clip("tokenize", "--model", model, stdin="a dog\n\nA  DOG\nend")
    lines = json_lines(result)
    assert result.returncode == 0 and len(lines) == 4
    assert lines[0] == lines[2] != [] and lines[1] == []
    assert all(isinstance(token, int) for line in lines for token in line)


def test_tokenize_keeps_line_numbers_over_bad_text(model):
    result = m2clip("tokenize", "--model", model, stdin=b"a\n\xff\xfe\nb\n" + b"word " * 3000)
    lines = json_lines(result)
    assert result.returncode == 1 and len(lines) == 4 and lines[1] is None
    assert len(lines[3]) >= 3000 and b"line 2" in result.stderr


def test_tokenize_needs_a_tokenizer():
    result = m2clip("tokenize", "--model", FIXTURES / "tiny-premlp", stdin="a\n")
    assert result.returncode == 1 and "tokenizer" in result.stderr
    assert m2clip("tokenize", stdin="a\n").returncode == 2


def test_preprocess_writes_views_spatial_outermost(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", seconds=2, size="200x100")
    out = tmp_path / "out.safetensors"
    result = m2clip("preprocess", clip, "-o", out, "--frames", "2", "--stride", "4", "--views",
                    "2x3", "--size", "64")
    assert result.returncode == 0, result.stderr
    views = read_safetensors(out)["input"]
    assert views.shape == (6, 3, 2, 64, 64) and numpy.isfinite(views).all()
    # v = b * A + a: neighbours differ in time, distant ones in place.
    single = tmp_path / "single.safetensors"
    assert m2clip("preprocess", clip, "-o", single, "--frames", "2", "--stride", "4", "--views",
                  "2x1", "--size", "64").returncode == 0
    centre = read_safetensors(single)["input"]
    assert numpy.array_equal(views[2:4], centre)


def test_preprocess_defaults_and_resize_modes(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", size="320x240")
    plain, smooth = tmp_path / "plain", tmp_path / "smooth"
    assert m2clip("preprocess", clip, "-o", plain).returncode == 0
    assert m2clip("preprocess", clip, "-o", smooth, "--resize", "bicubic-antialias").returncode == 0
    first, second = (read_safetensors(path)["input"] for path in (plain, smooth))
    assert first.shape == second.shape == (1, 3, 8, 224, 224)
    assert not numpy.array_equal(first, second)
    # The two see the same picture, sharper or softer at its edges.
    assert numpy.abs(first - second).mean() < 0.2


@pytest.mark.parametrize("arguments", [
    [], ["clip.mp4"], ["clip.mp4", "-o", "x", "--size", "0"],
    ["clip.mp4", "-o", "x", "--resize", "nearest"], ["clip.mp4", "-o", "x", "--views", "3x1"],
    ["clip.mp4", "-o", "x", "--frames", "65"], ["a.mp4", "b.mp4", "-o", "x"],
])
def test_preprocess_refuses_wrong_usage(arguments, tmp_path):
    result = m2clip("preprocess", *arguments, cwd=tmp_path)
    assert result.returncode == 2 and not (tmp_path / "x").exists()


def test_preprocess_agrees_with_the_authors(tmp_path):
    goldens = SHARED / "fixtures" / "preprocess"
    if not goldens.is_dir():
        pytest.skip("the shared goldens are not here")
    protocols = {"uniform8x1x1": [], "dense8s16x3x4": ["--stride", "16", "--views", "3x4"]}
    for golden in sorted(goldens.glob("*.preprocess.safetensors")):
        name = golden.name[: -len(".preprocess.safetensors")]
        (video,) = [path for path in (SHARED / "videos").iterdir() if path.stem == name]
        expected = read_any(golden)
        for protocol, options in protocols.items():
            out = tmp_path / "out"
            assert m2clip("preprocess", video, "-o", out, *options).returncode == 0
            views = read_safetensors(out)["input"]
            flat = views.reshape(views.shape[0], -1)[:, ::61]
            delta = numpy.abs(flat - expected[f"{protocol}.every61st"])
            assert delta.max() <= 5e-4 and delta.mean() <= 2e-5


def read_any(path):
    import struct
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    dtypes = {"F32": numpy.float32, "I64": numpy.int64, "I32": numpy.int32}
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            tensors[name] = numpy.frombuffer(data[8 + length + begin : 8 + length + end],
                                             dtype=dtypes[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def forward(tmp_path, tensors, fixture="tiny-premlp", *arguments):
    source, out = tmp_path / "in.safetensors", tmp_path / "out.safetensors"
    write_safetensors(source, tensors)
    result = m2clip("forward", "--model", FIXTURES / fixture, source, "-o", out, *arguments)
    return result, read_safetensors(out) if result.returncode == 0 else None


def pixels(clips=2, frames=3, side=64):
    values = numpy.random.default_rng(1).standard_normal((clips, 3, frames, side, side))
    return values.astype(numpy.float32)


def tokens(rows=2):
    values = numpy.zeros((rows, 77), dtype=numpy.int32)
    for row in range(rows):
        values[row, : 4 + row] = [254, *range(5, 7 + row), 255]
    return values


def test_forward_writes_what_the_input_allows(tmp_path):
    _, video = forward(tmp_path, {"input": pixels()})
    assert set(video) == {"frames", "video", "vc_logits", "vc_probs"}
    _, text = forward(tmp_path, {"tokens": tokens()})
    assert set(text) == {"text"}
    _, both = forward(tmp_path, {"input": pixels(), "tokens": tokens()})
    assert set(both) == set(video) | set(text) | {"cosine", "zeroshot_probs", "cmlm_logits"}
    assert numpy.allclose(both["zeroshot_probs"].sum(axis=1), 1, atol=1e-5)
    assert both["cmlm_logits"].shape[:2] == (2, 77)
    _, fewer = forward(tmp_path, {"input": pixels(), "tokens": tokens(1)})
    assert "cmlm_logits" not in fewer and fewer["cosine"].shape == (2, 1)


def test_forward_taps_leave_results_alone(tmp_path):
    _, plain = forward(tmp_path, {"input": pixels(), "tokens": tokens()})
    _, tapped = forward(tmp_path, {"input": pixels(), "tokens": tokens()}, "tiny-premlp", "--taps")
    assert {n for n in tapped if n not in plain} == {
        "visual.block.0", "visual.block.1", "text.block.0", "text.block.1"}
    assert tapped["visual.block.0"].shape == (6, 17, 128)
    assert tapped["text.block.1"].shape == (2, 77, 64)
    for name, values in plain.items():
        assert numpy.abs(values - tapped[name]).max() <= 1e-4 * numpy.abs(values).max()


def test_forward_of_clips_alone_equals_clips_together(tmp_path):
    _, together = forward(tmp_path, {"input": pixels()})
    _, second = forward(tmp_path, {"input": pixels()[1:]})
    assert numpy.allclose(together["video"][1:], second["video"], atol=1e-5)


@pytest.mark.parametrize("tensors", [
    {"other": numpy.zeros(3, numpy.float32)},
    {"input": numpy.zeros((1, 3, 2, 32, 32), numpy.float32)},
    {"input": numpy.zeros((1, 1, 2, 64, 64), numpy.float32)},
    {"input": numpy.zeros((3, 2, 64, 64), numpy.float32)},
    {"input": numpy.zeros((0, 3, 2, 64, 64), numpy.float32)},
    {"tokens": numpy.zeros((1, 76), numpy.int32)},
    {"tokens": numpy.full((1, 77), 256, numpy.int32)},
    {"tokens": numpy.full((1, 77), -1, numpy.int32)},
    {"tokens": numpy.zeros((1, 77), numpy.float32)},
])
def test_forward_refuses_wrong_tensors(tmp_path, tensors):
    result, _ = forward(tmp_path, tensors)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1


def test_forward_reports_files(tmp_path):
    out = tmp_path / "out"
    arguments = ["forward", "--model", FIXTURES / "tiny-premlp"]
    assert m2clip(*arguments, tmp_path / "missing", "-o", out).returncode == 1
    (tmp_path / "broken").write_bytes(b"\xff" * 100)
    assert m2clip(*arguments, tmp_path / "broken", "-o", out).returncode == 1
    assert m2clip(*arguments, tmp_path / "broken").returncode == 2
    assert not out.exists()


@pytest.fixture
def server():
    class Handler(http.server.BaseHTTPRequestHandler):
        status = 200
        paths = []

        def do_GET(self):
            self.paths.append(self.path)
            self.send_response(self.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listener.server_address[1]}", Handler
    listener.shutdown()
    thread.join()
    listener.server_close()


def test_health_follows_readyz(server):
    url, handler = server
    assert m2clip("health", "--url", url).returncode == 0
    assert m2clip("health", env={"M2CLIP_URL": url + "/", "http_proxy": "http://127.0.0.1:1"}
                  ).returncode == 0
    assert handler.paths == ["/readyz", "/readyz"]
    handler.status = 503
    unready = m2clip("health", "--url", url)
    assert unready.returncode == 1 and "503" in unready.stderr


def test_health_without_a_server_or_with_a_wrong_url():
    assert m2clip("health", "--url", "http://127.0.0.1:1").returncode == 1
    assert m2clip("health", "--url", "file:///etc/hostname").returncode == 1
    assert m2clip("health", "more").returncode == 2
    assert m2clip("health", "--url", "").returncode == 2
