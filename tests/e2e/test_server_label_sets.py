"""Stored label sets: put, got, listed, forgotten, conditional on ETags, kept over restarts, read-only from a folder."""

import concurrent.futures
import json
import time

import pytest
from test_openapi import checked

CATS = {"labels": ["a cat", {"name": "big cat", "texts": ["a lion", "a tiger"], "id": "9"}],
        "templates": ["see {}", "a film of {}"]}
DOGS = {"labels": ["a dog"]}
PATH = "/v1/label-sets/{name}"


def call(server, method, name, status, body=None, **headers):
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    reply = server.session.request(method, f"{server.url}/v1/label-sets/{name}", json=body, headers=headers, timeout=60)
    assert checked(method, PATH, reply).status_code == status, reply.text
    return reply


def put(server, name, body, status=201, **headers):
    return call(server, "PUT", name, status, body, **headers)


def refused(reply, code, field=None):
    assert (reply.json()["code"], reply.json()["field"]) == (code, field), reply.text


def names(server):
    reply = checked("GET", "/v1/label-sets", server.get("/v1/label-sets"))
    return [entry["name"] for entry in reply.json()["label_sets"]]


def ask(server, clip, **options):
    reply = server.post_json("/v1/zeroshot", clip, top_k=0, **options)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_set_is_stored_encoded_and_asked_by_name(start, tiny_model, clip):
    server = start(tiny_model)
    stored = put(server, "cats", CATS)
    assert stored.json()["cache"] == {"labels_hit": 0, "labels_miss": 2}
    assert stored.headers["ETag"] == stored.json()["etag"]
    by_name = ask(server, clip, label_set="cats")
    assert by_name["cache"]["labels_hit"] == 2 and by_name["timing_ms"]["text"] == 0
    inline = ask(server, clip, **CATS)
    assert by_name["predictions"] == inline["predictions"]
    assert {p["label"]: p["label_id"] for p in by_name["predictions"]} == {"a cat": None, "big cat": "9"}
    other = ask(server, clip, label_set="cats", templates=["{}"], background=["nothing"])
    assert other["cache"]["labels_miss"] == 3 and "other" in other


def test_sets_are_listed_got_and_forgotten(start, tiny_model):
    server = start(tiny_model)
    assert names(server) == []
    put(server, "dogs", DOGS)
    etag = put(server, "cats", CATS).headers["ETag"]
    assert names(server) == ["cats", "dogs"]
    got = call(server, "GET", "cats", 200)
    assert got.headers["ETag"] == etag
    assert {key: got.json()[key] for key in CATS} == CATS
    assert (got.json()["label_count"], got.json()["template_count"], got.json()["read_only"]) == (2, 2, False)
    assert "templates" not in call(server, "GET", "dogs", 200).json()
    call(server, "DELETE", "cats", 204)
    refused(call(server, "GET", "cats", 404), "label_set_not_found")
    refused(call(server, "DELETE", "cats", 404), "label_set_not_found")
    assert names(server) == ["dogs"]


def test_tags_make_requests_conditional(start, tiny_model):
    server = start(tiny_model)
    refused(put(server, "x", CATS, 412, If_Match="*"), "etag_mismatch")
    first = put(server, "x", CATS, 201, If_None_Match="*").headers["ETag"]
    refused(put(server, "x", DOGS, 412, If_None_Match="*"), "etag_mismatch")
    assert put(server, "x", CATS, 200).headers["ETag"] == first
    call(server, "GET", "x", 304, If_None_Match=first)
    call(server, "GET", "x", 304, If_None_Match=f'"other", W/{first}')
    call(server, "GET", "x", 200, If_None_Match='"other"')
    second = put(server, "x", DOGS, 200, If_Match=f'"other", {first}').headers["ETag"]
    assert second != first
    refused(put(server, "x", CATS, 412, If_Match=first), "etag_mismatch")
    refused(put(server, "x", CATS, 412, If_Match=f"W/{second}"), "etag_mismatch")
    refused(call(server, "DELETE", "x", 412, If_Match=first), "etag_mismatch")
    call(server, "DELETE", "x", 204, If_Match=second)


def test_one_of_many_conditional_writers_wins(start, tiny_model):
    server = start(tiny_model)
    first = put(server, "x", DOGS).headers["ETag"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda i: server.session.put(
            f"{server.url}/v1/label-sets/x", json={"labels": [f"writer {i}"]}, headers={"If-Match": first}, timeout=60),
            range(8)))
    assert sorted(reply.status_code for reply in replies) == [200] + [412] * 7


@pytest.mark.parametrize("body,field", [
    ({}, "labels"), ({"labels": []}, "labels"), ({"labels": ["a", "a"]}, "labels[1]"), ({"labels": "a"}, "labels"),
    ({"labels": ["a"], "x": 1}, "x"), ({"labels": ["a"], "templates": ["none"]}, "templates[0]"),
    ({"labels": ["a"], "templates": []}, "templates"), ({"labels": ["a"], "templates": [1]}, "templates[0]"),
    ({"labels": ["fine", "very long " * 25]}, "labels[1]"), ({"labels": [f"{i}" for i in range(10001)]}, "labels"),
])
def test_what_is_no_set_is_refused_and_nothing_is_stored(server, body, field):
    refused(put(server, "bad", body, 400), "invalid_request", field)
    assert "bad" not in names(server)


def test_names_and_media_are_judged(server):
    for name in ("a%20b", "x" * 65, "..", "%C3%A4"):
        reply = server.session.put(f"{server.url}/v1/label-sets/{name}", json=DOGS, timeout=10)
        assert reply.status_code in (400, 404), (name, reply.text)
    reply = server.session.put(f"{server.url}/v1/label-sets/x", data=b"{}", headers={"Content-Type": "text/plain"}, timeout=10)
    assert checked("PUT", PATH, reply).status_code == 415
    reply = server.session.put(f"{server.url}/v1/label-sets/x", data=b"{", headers={"Content-Type": "application/json"}, timeout=10)
    assert checked("PUT", PATH, reply).status_code == 400
    reply = server.post_json("/v1/zeroshot?labels=x", video_id="0" * 64, label_set="none")
    refused(reply, "invalid_request", "label_set")


def test_an_unknown_set_is_a_404_that_names_it(server, clip):
    reply = checked("POST", "/v1/zeroshot", server.post_raw("/v1/zeroshot?label_set=none", clip))
    assert reply.status_code == 404
    refused(reply, "label_set_not_found", "label_set")


def test_ten_thousand_labels_stay_with_the_set(start, tiny_model, clip):
    server = start(tiny_model, "--max-queue-ms", "3600000")
    labels = [f"thing number {i}" for i in range(10000)]
    assert put(server, "many", {"labels": labels}).json()["cache"]["labels_miss"] == 10000
    answer = ask(server, clip, label_set="many")
    assert answer["cache"]["labels_hit"] == 10000 and len(answer["predictions"]) == 10000
    refused(checked("POST", "/v1/zeroshot", server.post_json("/v1/zeroshot", clip, labels=labels[:1001])),
            "invalid_request", "labels")


def test_vectors_of_all_sets_are_bounded(start, tiny_model):
    server = start(tiny_model, "--label-cache-bytes", "100000")
    refused(put(server, "many", {"labels": [f"thing {i}" for i in range(5000)]}, 413), "too_large")
    put(server, "few", DOGS)
    assert names(server) == ["few"]


# ---- over restarts and replicas ----


def test_sets_outlive_the_server_in_its_cache_folder(start, tiny_model, clip, tmp_path):
    server = start(tiny_model, "--cache-dir", tmp_path / "cache")
    etag = put(server, "cats", CATS).headers["ETag"]
    put(server, "dogs", DOGS)
    call(server, "DELETE", "dogs", 204)
    before = ask(server, clip, label_set="cats")
    assert server.stop() == 0
    assert json.loads((tmp_path / "cache" / "label-sets" / "cats.json").read_text()) == CATS
    server = start(tiny_model, "--cache-dir", tmp_path / "cache")
    assert names(server) == ["cats"]
    assert call(server, "GET", "cats", 200).headers["ETag"] == etag
    after = ask(server, clip, label_set="cats")
    assert after["cache"]["labels_hit"] == 2 and after["predictions"] == before["predictions"]


def test_a_folder_that_cannot_be_written_is_storage(start, tiny_model, tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "label-sets").write_text("in the way")
    server = start(tiny_model, "--cache-dir", folder)
    refused(put(server, "cats", CATS, 503), "storage")
    assert names(server) == []


def test_read_only_sets_are_the_same_everywhere(start, tiny_model, clip, tmp_path):
    folder = tmp_path / "sets"
    folder.mkdir()
    (folder / "cats.json").write_text(json.dumps(CATS))
    (folder / "bad.json").write_text('{"labels": []}')
    (folder / "no name!.json").write_text(json.dumps(DOGS))
    (folder / "notes.txt").write_text("not a set")
    servers = [start(tiny_model, "--label-sets-dir", folder) for _ in range(2)]
    tags = [call(server, "GET", "cats", 200).headers["ETag"] for server in servers]
    assert tags[0] == tags[1]
    server = servers[0]
    assert names(server) == ["cats"]
    assert call(server, "GET", "cats", 200).json()["read_only"] is True
    refused(put(server, "cats", DOGS, 409), "read_only")
    refused(call(server, "DELETE", "cats", 409), "read_only")
    put(server, "dogs", DOGS)
    assert ask(server, clip, label_set="cats")["predictions"] == ask(servers[1], clip, label_set="cats")["predictions"]
    assert any(line["event"] == "cache_trouble" for line in server.log_lines())


def test_a_reload_reads_the_folder_anew_and_encodes_for_the_new_model(start, tiny_model, clip, tmp_path):
    folder = tmp_path / "sets"
    folder.mkdir()
    (folder / "pets.json").write_text(json.dumps(CATS))
    server = start(tiny_model, "--label-sets-dir", folder)
    put(server, "own", DOGS)
    ask(server, clip, label_set="pets")
    (folder / "pets.json").write_text(json.dumps(DOGS))
    (folder / "more.json").write_text(json.dumps(CATS))
    reply = checked("POST", "/v1/models/reload", server.post("/v1/models/reload"))
    assert reply.status_code == 200
    for _ in range(200):
        if names(server) == ["more", "own", "pets"]:
            break
    assert names(server) == ["more", "own", "pets"]
    answer = ask(server, clip, label_set="pets")
    assert [p["label"] for p in answer["predictions"]] == ["a dog"]
    (folder / "more.json").unlink()
    assert server.post("/v1/models/reload").status_code == 200
    for _ in range(200):
        if names(server) == ["own", "pets"]:
            break
    assert names(server) == ["own", "pets"]


def test_a_put_under_way_is_answered_when_the_server_drains(start, tiny_model):
    server = start(tiny_model, "--drain-s", "0", "--max-queue-ms", "3600000")
    labels = [f"thing number {i} " + "very " * 20 for i in range(10000)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        puts = [pool.submit(server.session.put, f"{server.url}/v1/label-sets/x{i}", json={"labels": labels}, timeout=60)
                for i in range(2)]
        time.sleep(0.6)
        assert server.stop() == 0
        for asked in puts:
            reply = asked.result()
            assert reply.status_code == 503 and reply.json()["code"] == "draining" or reply.status_code == 201
