"""Three forms of one request, all options, and the numbers that the command line gives."""

import base64
import hashlib
import json

import pytest
from cli_support import SHARED, m2clip
from server_support import Server, make_e2e_model, without_times

FORMS = ["raw", "form", "json"]


def ask(server, form, route, clip, **options):
    """The same request in one of the three forms."""
    if form == "raw":
        return server.post_raw(f"/v1/{route}", clip, params=options)
    if form == "form":
        return server.post_form(f"/v1/{route}", clip, **options)
    return server.post_json(f"/v1/{route}", clip, **options)


ALONE = {"Cache-Control": "no-store"}  # each answer from a run of its own


def good(reply):
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("form", FORMS)
def test_forms_give_the_answer_of_the_command_line(server, tiny_model, clip, tmp_path, form):
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    common = ["--json", "--precision", "f32", "--backend", "openblas", "--model", tiny_model, "--top-k", "0"]
    line = m2clip("classify", *common, "--frames", "4", "--stride", "3", "--views", "2x3", path)
    expected = json.loads(line.stdout)
    answer = good(ask(server, form, "classify", clip, top_k=0, frames=4, stride=3, views="2x3"))
    assert_same(answer, expected)
    line = m2clip("zeroshot", *common, "--label", "a cat", "--label", "a dog", path)
    expected = json.loads(line.stdout)
    answer = good(ask(server, form, "zeroshot", clip, top_k=0, labels=["a cat", "a dog"]))
    assert_same(answer, expected)


def assert_same(answer, expected):
    """Numbers to what another batch of the same float32 products may change."""
    left, right = without_times(answer), without_times(expected)
    for mine, theirs in zip(left.pop("predictions"), right.pop("predictions"), strict=True):
        for key in ("score", "similarity"):
            assert mine.pop(key) == pytest.approx(theirs.pop(key), abs=2e-6)
        assert mine == theirs
    assert left == right


def test_members_come_in_the_documented_order(server, clip):
    answer = good(server.post_raw("/v1/classify", clip, headers=ALONE))
    assert list(answer) == ["id", "model", "model_version", "precision", "warnings", "predictions",
                            "video", "sampling", "timing_ms", "cache"]
    assert answer["video"]["id"] == hashlib.sha256(clip).hexdigest()
    assert answer["video"] == good(server.post_json("/v1/classify", clip))["video"]
    assert answer["timing_ms"]["total"] >= answer["timing_ms"]["encode"] > 0
    assert len(answer["predictions"]) == 5


def test_top_k_keeps_the_head_of_the_list(server, clip):
    everything = good(server.post_raw("/v1/classify?top_k=0", clip))["predictions"]
    assert len(everything) == 7 and sum(p["score"] for p in everything) == pytest.approx(1, abs=1e-5)
    for count in (1, 3, 7, 1000):
        some = good(server.post_raw(f"/v1/classify?top_k={count}", clip))["predictions"]
        assert some == everything[:count]


def test_labels_show_names_and_keep_the_clients_ids(server, clip):
    labels = ["\N{SNOWMAN}", "\u05e9\u05dc\u05d5\u05dd", {"name": "goal", "texts": ["a goal", "scoring"], "id": "17"}]
    answer = good(server.post_json("/v1/zeroshot", clip, labels=labels, top_k=0))
    by_index = sorted(answer["predictions"], key=lambda p: p["index"])
    assert [p["label"] for p in by_index] == ["\N{SNOWMAN}", "\u05e9\u05dc\u05d5\u05dd", "goal"]
    assert [p["label_id"] for p in by_index] == [None, None, "17"]
    assert all(-1.001 <= p["similarity"] <= 1.001 for p in by_index)


def test_sets_labels_are_the_default_and_are_remembered(start, tiny_model, clip):
    server = start(tiny_model)
    first = good(server.post_raw("/v1/zeroshot", clip))
    assert first["cache"] == {"video": False, "labels_hit": 0, "labels_miss": 7}
    second = good(server.post_raw("/v1/zeroshot", clip))
    assert second["cache"] == {"video": True, "labels_hit": 7, "labels_miss": 0}
    assert second["timing_ms"]["text"] == 0
    assert first["predictions"] == second["predictions"]
    third = good(server.post_raw("/v1/zeroshot?labels=running&labels=new&background=sitting%20down", clip))
    assert third["cache"] == {"video": True, "labels_hit": 2, "labels_miss": 1}
    fourth = good(server.post_raw("/v1/zeroshot?labels=running&templates=see:%20{}", clip))
    assert fourth["cache"] == {"video": True, "labels_hit": 0, "labels_miss": 1}


def test_thousand_labels_are_encoded_in_portions(server, clip):
    labels = [f"label number {i}" for i in range(1000)]
    answer = good(server.post_json("/v1/zeroshot", clip, labels=labels, top_k=1000))
    assert len(answer["predictions"]) == 1000
    assert answer["cache"]["labels_miss"] == 1000
    again = good(server.post_json("/v1/zeroshot", clip, labels=labels, top_k=1000))
    assert again["cache"]["labels_hit"] == 1000
    assert again["predictions"] == answer["predictions"]


def test_background_takes_its_share_and_is_not_listed(server, clip):
    plain = good(server.post_json("/v1/zeroshot", clip, labels=["a", "b"]))
    assert "other" not in plain
    assert sum(p["score"] for p in plain["predictions"]) == pytest.approx(1, abs=1e-5)
    shared = good(server.post_json("/v1/zeroshot", clip, labels=["a", "b"], background=["c"]))
    total = sum(p["score"] for p in shared["predictions"]) + shared["other"]
    assert total == pytest.approx(1, abs=1e-5) and 0 < shared["other"] < 1
    assert {p["label"] for p in shared["predictions"]} == {"a", "b"}


def test_classes_join_a_zero_shot_answer(server, clip):
    answer = good(server.post_json("/v1/zeroshot", clip, labels=["a"], classes=True, top_k=3))
    assert len(answer["classes"]) == 3
    trained = good(server.post_raw("/v1/classify?top_k=3", clip))["predictions"]
    assert answer["classes"] == trained


def test_minima_drop_and_say_unknown(server, clip):
    everything = good(server.post_raw("/v1/classify?top_k=0", clip))["predictions"]
    bound = everything[2]["score"] - 1e-6  # answers are rounded
    some = good(server.post_raw(f"/v1/classify?top_k=0&min_score={bound}", clip))
    assert some["predictions"] == everything[:3] and "unknown" not in some
    nothing = good(server.post_raw("/v1/classify?min_score=1", clip))
    assert nothing["predictions"] == [] and nothing["unknown"] is True
    similar = good(server.post_raw("/v1/zeroshot?min_similarity=1&labels=x", clip))
    assert similar["predictions"] == [] and similar["unknown"] is True


def test_time_range_moves_the_sampling(server, clip):
    answer = good(server.post_raw("/v1/classify?start_s=1&end_s=1.5&frames=2", clip))
    times = answer["sampling"]["frame_times_s"][0]
    assert all(1 <= t < 1.5 for t in times) and len(times) == 2


def test_sets_are_chosen_by_name(server, clip):
    base = good(server.post_raw("/v1/zeroshot?model=base&labels=x", clip))
    default = good(server.post_raw("/v1/zeroshot?model=default&labels=x", clip))
    assert (base["model"], default["model"]) == ("base", "default")
    assert base["model_version"] != default["model_version"]
    reply = server.post_raw("/v1/classify?model=base", clip)
    assert reply.status_code == 409 and reply.json()["code"] == "no_vc_head"


def test_several_inputs_are_answered_in_order(server, clip):
    encoded = base64.b64encode(clip).decode()
    bad = base64.b64encode(b"no video at all").decode()
    reply = server.post_json("/v1/zeroshot", labels=["a", "b"], inputs=[
        {"video": encoded}, {"url": "http://example/x.mp4"}, {"video": bad}, {"video_id": "x"},
        {"video": encoded}])
    results = good(reply)["results"]
    assert [r.get("error", {}).get("code") for r in results] == [
        None, "url_fetch_disabled", results[2]["error"]["code"], "video_not_kept", None]
    assert results[2]["error"]["status"] == 422
    assert without_times(results[0]) == without_times(results[4])
    single = good(server.post_json("/v1/zeroshot", clip, labels=["a", "b"]))
    assert without_times(single) == without_times(results[0])


def test_request_ids_are_kept_answered_and_logged(server, clip):
    reply = server.post_raw("/v1/classify", clip, headers={"X-Request-Id": "my-id.1_x", **ALONE})
    assert reply.headers["X-Request-Id"] == "my-id.1_x" == good(reply)["id"]
    line = server.request_log("my-id.1_x")
    assert (line["route"], line["status"], line["outcome"]) == ("/v1/classify", 200, "answered")
    assert line["ms"]["decode"] > 0 and line["ms"]["encode"] > 0 and line["model"] == "default"
    made = server.post_raw("/v1/classify", b"x", headers={"X-Request-Id": "not an id"})
    assert made.json()["request_id"] == made.headers["X-Request-Id"] != "not an id"
    line = server.request_log(made.json()["request_id"])
    assert line["code"] == made.json()["code"] and line["status"] == made.status_code


def test_models_lists_sets_and_limits(server):
    listed = good(server.get("/v1/models"))
    assert [(m["name"], m["default"]) for m in listed["models"]] == [("base", False), ("default", True)]
    assert listed["models"][1]["heads"] == ["vc", "contrastive", "cmlm"]
    assert listed["limits"]["max_body_bytes"] == 512 << 20
    assert listed["limits"]["max_labels"] == 1000


# ---- the authors' numbers ----


@pytest.fixture(scope="module")
def e2e(tmp_path_factory):
    folder = make_e2e_model(tmp_path_factory.mktemp("e2e"))
    if folder is None:
        pytest.skip("skipped: ../shared with the e2e fixture is not there")
    running = Server(tmp_path_factory.mktemp("server"), folder, "--precision", "f32")
    yield running
    assert running.stop() == 0


def e2e_cases():
    path = SHARED / "fixtures" / "e2e" / "expected.json"
    cases = json.loads(path.read_text()) if path.is_file() else [None]
    return [pytest.param(case, form, id=f"{case['video']}-{case['options'].get('views', '1x1')}-{form}" if case else form)
            for case in cases for form in FORMS]


@pytest.mark.parametrize("case,form", e2e_cases())
def test_e2e_fixture_matches_the_authors_code(e2e, case, form):
    video = (SHARED / "videos" / case["video"]).read_bytes()
    answer = good(ask(e2e, form, "classify", video, **case["options"]))
    assert [p["index"] for p in answer["predictions"]] == [p["index"] for p in case["classify"]]
    assert [p["label"] for p in answer["predictions"]] == [p["label"] for p in case["classify"]]
    for mine, theirs in zip(answer["predictions"], case["classify"], strict=True):
        assert mine["score"] == pytest.approx(theirs["score"], abs=2e-3)
    for name in ("zeroshot", "zeroshot_ensemble"):
        wanted = case.get(name)
        if not wanted:
            continue
        answer = good(ask(e2e, form, "zeroshot", video, labels=wanted["labels"],
                          templates=wanted["templates"], **case["options"]))
        found = sorted(answer["predictions"], key=lambda p: p["index"])
        for mine, score, similarity in zip(found, wanted["score"], wanted["similarity"], strict=True):
            assert mine["score"] == pytest.approx(score, abs=2e-3)
            assert mine["similarity"] == pytest.approx(similarity, abs=1e-3)
        order = sorted(range(len(found)), key=lambda i: -wanted["score"][i])[:5]
        assert [p["index"] for p in answer["predictions"][:5]] == order
