"""What is kept of videos: asked again without bytes, shared while it is made, forgotten on request, scoped to
keys, and left alone where the client forbids storing."""

import concurrent.futures
import shutil
import signal
import socket
import time

import pytest
from cli_support import m2clip, make_clip
from server_support import Server
from test_openapi import checked

ANSWERS = ("predictions", "video", "sampling", "model_version")


def good(reply):
    assert reply.status_code == 200, reply.text
    return reply.json()


def problem(reply, status, code):
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    return reply.json()


def same(left, right):
    return all(left[key] == right[key] for key in ANSWERS)


def test_second_upload_costs_no_run(start, tiny_model, clip):
    server = start(tiny_model)
    first = good(server.post_raw("/v1/classify", clip))
    second = good(server.post_raw("/v1/classify", clip))
    assert (first["cache"]["video"], second["cache"]["video"]) == (False, True)
    assert second["timing_ms"]["decode"] == second["timing_ms"]["encode"] == 0
    assert same(first, second)
    zeroshot = good(server.post_form("/v1/zeroshot", clip, labels=["a", "b"]))
    assert zeroshot["cache"]["video"] is True
    other = good(server.post_raw("/v1/classify?frames=4", clip))
    assert other["cache"]["video"] is False
    assert good(server.post_raw("/v1/classify?model=default&frames=4", clip))["cache"]["video"] is True


def test_video_id_stands_for_the_bytes(start, tiny_model, clip):
    server = start(tiny_model)
    first = good(server.post_raw("/v1/zeroshot?labels=a&labels=b&views=2x3&stride=2", clip))
    name = first["video"]["id"]
    again = good(server.post_json("/v1/zeroshot", video_id=name, labels=["a", "b"], views="2x3", stride=2))
    assert same(first, again) and again["cache"] == {"video": True, "labels_hit": 2, "labels_miss": 0}
    classes = good(server.post_json("/v1/classify", video_id=name, views="2x3", stride=2))
    expected = good(server.post_raw("/v1/classify?views=2x3&stride=2", clip))
    assert same(classes, expected)
    problem(server.post_json("/v1/classify", video_id=name), 404, "video_not_kept")
    problem(server.post_json("/v1/zeroshot?model=base", video_id=name, views="2x3", stride=2), 404, "video_not_kept")
    problem(server.post_json("/v1/classify", video_id="no such"), 404, "video_not_kept")
    results = good(server.post_json("/v1/classify", views="2x3", stride=2,
                                    inputs=[{"video_id": name}, {"video_id": "0" * 64}]))["results"]
    assert same(results[0], expected) and results[1]["error"]["code"] == "video_not_kept"


def test_identical_uploads_in_flight_share_one_run(start, tiny_model, tmp_path):
    server = start(tiny_model, "--max-queue-ms", "3600000")
    clip = make_clip(tmp_path / "long.mp4", seconds=20).read_bytes()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(server.post_raw, "/v1/classify?views=10x4&stride=8", clip) for _ in range(16)]
        answers = [good(reply.result()) for reply in asked]
    assert [answer["cache"]["video"] for answer in answers].count(False) == 1
    assert all(same(answer, answers[0]) for answer in answers)


def test_a_run_goes_on_when_who_asked_first_leaves(start, tiny_model, tmp_path):
    server = start(tiny_model, "--max-queue-ms", "3600000")
    clip = make_clip(tmp_path / "long.mp4", seconds=20).read_bytes()
    path = "/v1/classify?views=10x4&stride=8"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\nContent-Length: {len(clip)}\r\n\r\n"
    first = socket.create_connection(server.address)
    first.sendall(head.encode() + clip)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        others = [pool.submit(server.post_raw, path, clip) for _ in range(3)]
        time.sleep(0.02)
        first.close()
        answers = [good(reply.result()) for reply in others]
    assert all(same(answer, answers[0]) for answer in answers)
    assert good(server.post_raw(path, clip))["cache"]["video"] is True


def test_a_bad_video_fails_for_all_who_share_it(start, tiny_model):
    server = start(tiny_model, "--max-queue-ms", "3600000")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: server.post_raw("/v1/classify", b"not a video" * 1000), range(8)))
    assert all(reply.status_code == 422 for reply in replies)
    assert server.post_raw("/v1/classify", b"not a video" * 1000).status_code == 422


@pytest.mark.parametrize("value", ["no-store", "max-age=0, No-Store", "no-store ,x"])
def test_no_store_is_neither_read_nor_kept(start, tiny_model, clip, value):
    server = start(tiny_model)
    headers = {"Cache-Control": value}
    private = good(server.post_raw("/v1/classify", clip, headers=headers))
    assert private["cache"]["video"] is False
    problem(server.post_json("/v1/classify", video_id=private["video"]["id"]), 404, "video_not_kept")
    public = good(server.post_raw("/v1/classify", clip, headers={"Cache-Control": "no-cache, no-storex"}))
    assert public["cache"]["video"] is False
    assert good(server.post_raw("/v1/classify", clip, headers=headers))["cache"]["video"] is False
    assert good(server.post_raw("/v1/classify", clip))["cache"]["video"] is True
    reply = server.post("/v1/classify", json={"video_id": public["video"]["id"]}, headers=headers)
    problem(reply, 404, "video_not_kept")


def test_memory_for_videos_is_bounded(start, tiny_model, tmp_path):
    server = start(tiny_model, "--video-cache-bytes", "0")
    clip = make_clip(tmp_path / "a.mp4", seconds=1).read_bytes()
    for _ in range(2):
        assert good(server.post_raw("/v1/classify", clip))["cache"]["video"] is False
    server = start(tiny_model, "--video-cache-bytes", "12000")
    answers = [good(server.post_raw(f"/v1/classify?frames={n}", clip)) for n in range(1, 9)]
    name = answers[0]["video"]["id"]
    problem(server.post_json("/v1/classify", video_id=name, frames=1), 404, "video_not_kept")
    assert same(good(server.post_json("/v1/classify", video_id=name, frames=8)), answers[7])


# ---- over restarts ----


def labels_of(count):
    return [f"kept label {i}" for i in range(count)]


def test_label_vectors_outlive_the_server(start, tiny_model, clip, tmp_path):
    folder = tmp_path / "cache"
    server = start(tiny_model, "--cache-dir", folder)
    first = good(server.post_json("/v1/zeroshot", clip, labels=labels_of(300), top_k=0))
    assert first["cache"]["labels_miss"] == 300
    assert server.stop() == 0
    assert [file.name for file in folder.iterdir()] == ["labels.cache"]
    server = start(tiny_model, "--cache-dir", folder)
    second = good(server.post_json("/v1/zeroshot", clip, labels=labels_of(300), top_k=0))
    assert second["cache"] == {"video": False, "labels_hit": 300, "labels_miss": 0}
    assert second["predictions"] == first["predictions"]


def test_vectors_of_another_model_or_precision_are_not_taken(start, tiny_model, clip, tmp_path):
    folder = tmp_path / "cache"
    server = start(tiny_model, "--cache-dir", folder, "--precision", "f32")
    good(server.post_json("/v1/zeroshot", clip, labels=labels_of(3)))
    assert server.stop() == 0
    server = start(tiny_model, "--cache-dir", folder, "--precision", "f32")
    other = good(server.post_json("/v1/zeroshot?model=base", clip, labels=labels_of(3)))
    assert other["cache"]["labels_miss"] == 3
    assert server.stop() == 0
    server = Server(tmp_path, tiny_model, "--cache-dir", folder, "--precision", "bf16")
    assert good(server.post_json("/v1/zeroshot", clip, labels=labels_of(3)))["cache"]["labels_miss"] == 3
    assert server.stop() == 0
    server = start(tiny_model, "--cache-dir", folder, "--precision", "f32")
    assert good(server.post_json("/v1/zeroshot", clip, labels=labels_of(3)))["cache"]["labels_hit"] == 3


@pytest.mark.parametrize("damage", ["flip", "cut", "foreign", "empty", "folder"])
def test_a_damaged_file_is_logged_and_ignored(start, tiny_model, clip, tmp_path, damage):
    folder = tmp_path / "cache"
    server = start(tiny_model, "--cache-dir", folder)
    good(server.post_json("/v1/zeroshot", clip, labels=labels_of(3)))
    assert server.stop() == 0
    file = folder / "labels.cache"
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    file.write_bytes({"cut": content[:-5], "foreign": b"PK\x03\x04" * 100, "empty": b""}.get(damage, content))
    if damage == "folder":
        file.unlink()
        file.mkdir()
    server = start(tiny_model, "--cache-dir", folder)
    answer = good(server.post_json("/v1/zeroshot", clip, labels=labels_of(3)))
    assert answer["cache"]["labels_miss"] == 3
    assert [line["event"] for line in server.log_lines() if line["level"] == "warn"] == ["cache_trouble"]
    assert server.stop() == 0


def test_no_folder_is_worth_a_warning_not_the_service(start, tiny_model, clip):
    server = start(tiny_model, "--cache-dir", "/dev/null/x")
    good(server.post_json("/v1/zeroshot", clip, labels=["a"]))
    assert any(line["event"] == "cache_trouble" for line in server.log_lines())
    assert server.stop(signal.SIGTERM) == 0


# ---- looking at what is kept, and forgetting it ----


def kept(server, name, status=200, **headers):
    reply = server.get(f"/v1/videos/{name}", headers=headers)
    assert checked("GET", "/v1/videos/{id}", reply).status_code == status, reply.text
    return reply.json()


def forget(server, name, status=204, **headers):
    reply = server.session.delete(f"{server.url}/v1/videos/{name}", headers=headers, timeout=10)
    assert checked("DELETE", "/v1/videos/{id}", reply).status_code == status, reply.text


def test_what_is_kept_can_be_looked_at_and_forgotten(start, tiny_model, clip):
    server = start(tiny_model)
    first = good(server.post_raw("/v1/classify?frames=4", clip))
    name = first["video"]["id"]
    good(server.post_raw("/v1/embed?frames=2&stride=3&views=2x3&model=base", clip))
    found = kept(server, name)
    assert found["video"] == first["video"]
    by_model = {entry["model"]: entry for entry in found["kept"]}
    assert set(by_model) == {"default", "base"}
    assert by_model["default"]["sampling"] == first["sampling"]
    assert by_model["default"]["model_version"] == first["model_version"]
    assert (by_model["base"]["sampling"]["views"], by_model["base"]["sampling"]["stride"]) == ("2x3", 3)
    forget(server, name)
    assert kept(server, name, 404)["code"] == "video_not_kept"
    forget(server, name, 404)
    problem(server.post_json("/v1/classify", video_id=name, frames=4), 404, "video_not_kept")
    assert good(server.post_raw("/v1/classify?frames=4", clip))["cache"]["video"] is False


def test_what_is_forgotten_while_it_runs_is_not_kept(start, tiny_model, tmp_path):
    server = start(tiny_model)
    clip = make_clip(tmp_path / "long.mp4", seconds=20).read_bytes()
    path = "/v1/classify?views=10x4&stride=8"
    name = good(server.post_raw("/v1/classify", clip))["video"]["id"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.post_raw, path, clip)
        time.sleep(0.05)
        forget(server, name)
        good(asked.result())
    kept(server, name, 404)


def test_keys_do_not_see_each_others_videos(start, tiny_model, clip, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("alice:infer:alice-key-0123456789\nbob:infer:bob-key-0123456789\n")
    server = start(tiny_model, "--api-key-file", keys)
    alice, bob = {"X-API-Key": "alice-key-0123456789"}, {"X-API-Key": "bob-key-0123456789"}
    name = good(server.post_raw("/v1/classify", clip, headers=alice))["video"]["id"]
    by_id = {"json": {"video_id": name}}
    assert good(server.post("/v1/classify", headers=alice, **by_id))["cache"]["video"] is True
    problem(server.post("/v1/classify", headers=bob, **by_id), 404, "video_not_kept")
    kept(server, name, 404, **bob)
    forget(server, name, 404, **bob)
    assert good(server.post_raw("/v1/classify", clip, headers=bob))["cache"]["video"] is False
    forget(server, name, 204, **bob)
    assert len(kept(server, name, 200, **alice)["kept"]) == 1


def test_answers_after_a_reload_are_the_new_models(start, tiny_model, clip, tmp_path):
    folder = tmp_path / "served"
    shutil.copytree(tiny_model, folder)
    server = start(folder)
    first = good(server.post_json("/v1/zeroshot", clip, labels=["a", "b"]))
    other = tmp_path / "other"
    assert m2clip("init", "--arch", "tiny", "--seed", "77", "--classes", "7", "-o", other).returncode == 0
    (other / "model.safetensors").rename(folder / "model.safetensors")
    reply = checked("POST", "/v1/models/reload", server.post("/v1/models/reload"))
    assert reply.status_code == 200, reply.text
    assert first["model_version"] not in [model["version"] for model in reply.json()["models"]]
    problem(server.post_json("/v1/zeroshot", video_id=first["video"]["id"], labels=["a", "b"]), 404, "video_not_kept")
    second = good(server.post_json("/v1/zeroshot", clip, labels=["a", "b"]))
    assert second["model_version"] != first["model_version"]
    assert second["cache"] == {"video": False, "labels_hit": 0, "labels_miss": 2}


def test_a_model_that_does_not_load_changes_nothing(start, tiny_model, clip, tmp_path):
    folder = tmp_path / "served"
    shutil.copytree(tiny_model, folder)
    server = start(folder)
    first = good(server.post_raw("/v1/classify", clip))
    (folder / "new").write_bytes(b"no model")
    (folder / "new").rename(folder / "model.safetensors")
    reply = checked("POST", "/v1/models/reload", server.post("/v1/models/reload"))
    assert (reply.status_code, reply.json()["code"]) == (500, "internal")
    assert str(folder) not in reply.text
    assert same(good(server.post_raw("/v1/classify", clip)), first)
    assert any(line["event"] == "reload_failed" for line in server.log_lines())
