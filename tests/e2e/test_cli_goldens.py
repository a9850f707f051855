"""Whole folders against the authors' numbers, where the shared files are."""

import json
import shutil

import pytest
from cli_support import ROOT, SHARED, json_lines, m2clip

pytestmark = pytest.mark.skipif(not (SHARED / "fixtures" / "e2e").is_dir(),
                                reason="the shared goldens are not here")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    for name in ("config.json", "labels.csv", "model.safetensors"):
        shutil.copy(SHARED / "fixtures" / "e2e" / name, folder)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(SHARED / "clip-tokenizer" / name, folder)
    return folder


def cases():
    path = SHARED / "fixtures" / "e2e" / "expected.json"
    return json.loads(path.read_text()) if path.is_file() else []


def case_name(case):
    return f"{case['video']}-{len(case['options'])}" if isinstance(case, dict) else "none"


def flags(options):
    return [word for name, value in options.items()
            for word in ("--" + name.replace("_", "-"), str(value))]


def run(command, model, case, *extra):
    result = m2clip(command, "--model", model, "--precision", "f32", "--json",
                    SHARED / "videos" / case["video"], *flags(case["options"]), *extra)
    assert result.returncode == 0, result.stderr
    return json_lines(result)[0]


@pytest.mark.parametrize("case", cases(), ids=case_name)
def test_classify_agrees_with_the_authors(model, case):
    answer = run("classify", model, case)
    for found, expected in zip(answer["predictions"], case["classify"], strict=True):
        assert (found["label"], found["index"]) == (expected["label"], expected["index"])
        assert abs(found["score"] - expected["score"]) <= 2e-3


@pytest.mark.parametrize("form", ["zeroshot", "zeroshot_ensemble"])
@pytest.mark.parametrize("case", cases(), ids=case_name)
def test_zeroshot_agrees_with_the_authors(model, case, form):
    expected = case[form]
    extra = [word for label in expected["labels"] for word in ("--label", label)]
    extra += [word for text in expected["templates"] for word in ("--templates", text)]
    answer = run("zeroshot", model, case, *extra)
    assert len(answer["predictions"]) == len(expected["labels"])
    for found in answer["predictions"]:
        assert found["label"] == expected["labels"][found["index"]]
        assert abs(found["score"] - expected["score"][found["index"]]) <= 2e-3
        assert abs(found["similarity"] - expected["similarity"][found["index"]]) <= 1e-3


def test_tokenize_agrees_with_clip():
    rows = [json.loads(line) for line in
            (ROOT / "tests" / "fixtures" / "tokenizer" / "golden.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["kind"] in ("plain", "prompt") and "\n" not in row["text"]]
    result = m2clip("tokenize", "--model", SHARED / "clip-tokenizer",
                    stdin="".join(row["text"] + "\n" for row in rows))
    assert result.returncode == 0 and len(rows) > 100
    assert json_lines(result) == [row["ids"] for row in rows]
