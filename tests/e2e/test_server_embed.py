"""POST /v1/embed: a video, texts, or both, in every form."""

import json

import numpy
import pytest
from cli_support import m2clip
from test_openapi import checked


def good(server, **options):
    reply = server.post("/v1/embed", **options)
    assert checked("POST", "/v1/embed", reply).status_code == 200, reply.text
    return reply.json()


def refused(server, status, code, field=None, **options):
    reply = checked("POST", "/v1/embed", server.post("/v1/embed", **options))
    assert (reply.status_code, reply.json()["code"], reply.json()["field"]) == (status, code, field), reply.text


def vectors(answer):
    return numpy.array([e["vector"] for e in answer["embeddings"]])


def test_texts_alone_need_no_video(server):
    texts = ["a cat", "a dog", "a cat"]
    answer = good(server, json={"texts": texts})
    assert answer["video"] is None and answer["sampling"] is None
    assert [(e["type"], e["index"], e["text"]) for e in answer["embeddings"]] == [
        ("text", i, text) for i, text in enumerate(texts)]
    found = vectors(answer)
    assert found.shape == (3, answer["dim"])
    assert numpy.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert (found[0] == found[2]).all() and not (found[0] == found[1]).all()
    by_query = good(server, params={"texts": texts})
    assert (vectors(by_query) == found).all() and by_query["cache"]["labels_hit"] == 3


def test_the_three_forms_and_the_command_line_agree(server, tiny_model, clip, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    line = m2clip("embed", "--json", "--precision", "f32", "--backend", "openblas", "--model", tiny_model,
                  "--text", "a cat", "--frames", "4", path)
    expected = vectors(json.loads(line.stdout))
    options = {"frames": 4, "texts": ["a cat"]}
    raw = good(server, data=clip, params=options, headers={"Content-Type": "video/mp4"})
    form = good(server, files={"video": ("clip", clip, "video/mp4")}, data=options)
    by_id = good(server, json={"video_id": raw["video"]["id"], **options})
    for answer in (raw, form, by_id):
        assert [e["type"] for e in answer["embeddings"]] == ["video", "text"]
        assert vectors(answer) == pytest.approx(expected, abs=2e-6)
    alone = good(server, json={"video_id": raw["video"]["id"], "frames": 4})
    assert [(e["type"], e["index"], e["text"]) for e in alone["embeddings"]] == [("video", 0, None)]
    assert alone["cache"] == {"video": True, "labels_hit": 0, "labels_miss": 0}


def test_similarity_in_zeroshot_is_the_product_of_embeddings(server, clip):
    answer = good(server, files={"video": ("clip", clip, "video/mp4")},
                  data={"texts": ["A video of a", "A video of b"]})
    video, *texts = vectors(answer)
    scored = server.post_form("/v1/zeroshot", clip, labels=["a", "b"]).json()["predictions"]
    for prediction in scored:
        assert prediction["similarity"] == pytest.approx(float(video @ texts[prediction["index"]]), abs=1e-5)


def test_templates_average_their_sentences(server):
    parts = vectors(good(server, json={"texts": ["see a cat", "look: a cat"]}))
    mean = vectors(good(server, json={"texts": ["a cat"], "templates": ["see {}", "look: {}"]}))[0]
    expected = parts.sum(axis=0)
    assert mean == pytest.approx(expected / numpy.linalg.norm(expected), abs=1e-5)


def test_several_inputs_each_with_the_texts(server, clip):
    name = server.post_raw("/v1/embed", clip).json()["video"]["id"]
    answer = good(server, json={"inputs": [{"video_id": name}, {"video_id": "0" * 64}], "texts": ["x"]})
    first, second = answer["results"]
    assert [e["type"] for e in first["embeddings"]] == ["video", "text"]
    assert second["error"]["code"] == "video_not_kept"


def test_what_is_refused(server, clip):
    refused(server, 400, "invalid_request", "video", json={})
    refused(server, 400, "invalid_request", "video", params={"frames": 4})
    refused(server, 400, "invalid_request", "texts[1]", json={"texts": ["fine", "very long " * 40]})
    refused(server, 400, "invalid_request", "texts[0]", json={"texts": [" "]})
    refused(server, 400, "invalid_request", "texts", json={"texts": []})
    refused(server, 400, "invalid_request", "labels", json={"texts": ["a"], "labels": ["b"]})
    refused(server, 404, "model_not_found", "model", json={"texts": ["a"], "model": "none"})
    cut = good(server, json={"texts": ["very long " * 40], "truncate": True})
    assert len(cut["embeddings"]) == 1
    refused(server, 422, "undecodable_video", data=b"no video", headers={"Content-Type": "video/mp4"})
