"""POST /v1/fill-mask: the words that a video suggests, as the command line says them."""

import json

import pytest
from cli_support import m2clip
from test_openapi import checked

TEXT = "a [MASK] is [MASK]."


def ask(server, status=200, **options):
    reply = server.post("/v1/fill-mask", **options)
    assert checked("POST", "/v1/fill-mask", reply).status_code == status, reply.text
    return reply.json()


def raw(server, clip, status=200, **options):
    return ask(server, status, data=clip, params=options, headers={"Content-Type": "video/mp4"})


def test_forms_and_the_command_line_agree(server, tiny_model, clip, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    line = m2clip("fill-mask", "--json", "--precision", "f32", "--backend", "openblas", "--model", tiny_model,
                  "--text", TEXT, "--top-k", "3", path)
    expected = json.loads(line.stdout)["masks"]
    answer = raw(server, clip, text=TEXT, top_k=3)
    form = ask(server, files={"video": ("clip", clip, "video/mp4")}, data={"text": TEXT, "top_k": 3})
    by_id = ask(server, json={"video_id": answer["video"]["id"], "text": TEXT, "top_k": 3})
    assert by_id["cache"]["video"] is True and by_id["timing_ms"]["decode"] == 0 < by_id["timing_ms"]["text"]
    for found in (answer, form, by_id):
        assert [mask["position"] for mask in found["masks"]] == [mask["position"] for mask in expected]
        for mask, wanted in zip(found["masks"], expected, strict=True):
            assert [p["label"] for p in mask["predictions"]] == [p["label"] for p in wanted["predictions"]]
            assert [p["score"] for p in mask["predictions"]] == pytest.approx(
                [p["score"] for p in wanted["predictions"]], abs=2e-6)
            assert all(p["similarity"] is None and p["label_id"] is None for p in mask["predictions"])


def test_scores_are_a_share_of_all_words(server, clip):
    masks = raw(server, clip, text="[MASK]", top_k=0, views="1x3")["masks"]
    assert sum(p["score"] for p in masks[0]["predictions"]) == pytest.approx(1, abs=1e-4)
    bound = masks[0]["predictions"][1]["score"] - 1e-6
    some = raw(server, clip, text="[MASK]", top_k=0, views="1x3", min_score=bound)["masks"][0]["predictions"]
    assert some == masks[0]["predictions"][:len(some)] and 2 <= len(some) < len(masks[0]["predictions"])


def test_several_videos_each_with_the_text(server, clip):
    name = raw(server, clip, text="[MASK]")["video"]["id"]
    answer = ask(server, json={"text": "[MASK]", "inputs": [{"video_id": name}, {"video_id": "0" * 64}]})
    assert len(answer["results"][0]["masks"]) == 1
    assert answer["results"][1]["error"]["code"] == "video_not_kept"


def test_what_is_refused(server, clip):
    for options in ({}, {"text": "no mask"}, {"text": "[MASK] " + "very long " * 90}):
        assert raw(server, clip, 400, **options)["field"] == "text"
    assert raw(server, clip, 409, model="base", text="[MASK]")["code"] == "no_cmlm_head"
    assert ask(server, 400, json={"text": "[MASK]"})["field"] == "video"
    assert raw(server, b"no video", 422, text="[MASK]")["code"] == "undecodable_video"
    cut = raw(server, clip, text="[MASK] " + "very long " * 90, truncate="true")
    assert [mask["position"] for mask in cut["masks"]] == [1]
