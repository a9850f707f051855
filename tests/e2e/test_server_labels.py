"""Label vectors are encoded once: however many ask at a time, whatever becomes of who asked first."""

import concurrent.futures
import socket

import pytest
from server_support import without_times


PATIENT = ("--max-queue-ms", "3600000")  # what waits together may be more than a client would wait for


def good(reply):
    assert reply.status_code == 200, reply.text
    return reply.json()


def ask(server, clip, labels, **options):
    return good(server.post_json("/v1/zeroshot", clip, labels=labels, top_k=0, **options))


def by_index(answer):
    return [p["similarity"] for p in sorted(answer["predictions"], key=lambda p: p["index"])]


def together(count, call):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_many_requests_for_new_labels_encode_each_once(start, tiny_model, clip):
    server = start(tiny_model, *PATIENT)
    labels = [f"a thing number {i}" for i in range(300)]
    answers = together(40, lambda _: ask(server, clip, labels))
    assert sum(answer["cache"]["labels_miss"] for answer in answers) == 300
    assert all(a["cache"]["labels_miss"] + a["cache"]["labels_hit"] == 300 for a in answers)
    assert all(a["predictions"] == answers[0]["predictions"] for a in answers)


def test_lists_that_overlap_share_what_is_common(start, tiny_model, clip):
    server = start(tiny_model, *PATIENT)
    lists = [[f"label {i}" for i in range(k, k + 200)] for k in range(0, 100, 10)]
    answers = together(len(lists), lambda k: ask(server, clip, lists[k]))
    assert sum(answer["cache"]["labels_miss"] for answer in answers) == 290
    alone = start(tiny_model, *PATIENT)
    for labels, answer in zip(lists, answers, strict=True):
        expected = by_index(ask(alone, clip, labels))  # to what another batch of products may change
        assert by_index(answer) == pytest.approx(expected, abs=2e-6)


def test_a_bad_text_fails_its_own_requests_alone(start, tiny_model, clip):
    server = start(tiny_model, *PATIENT)
    fine = [f"fine {i}" for i in range(100)]
    long = "very long " * 25

    def one(k):
        labels = fine + ([long] if k % 2 else [])
        return server.post_json("/v1/zeroshot", clip, labels=labels)

    replies = together(20, one)
    for k, reply in enumerate(replies):
        if k % 2:
            assert reply.status_code == 400 and reply.json()["field"] == "labels[100]", reply.text
        else:
            good(reply)


def test_clients_that_leave_do_not_take_the_others_along(start, tiny_model, clip):
    server = start(tiny_model, *PATIENT)
    labels = [f"left behind {i}" for i in range(400)]
    query = "&".join(f"labels={label.replace(' ', '%20')}" for label in labels)
    head = (f"POST /v1/zeroshot?{query} HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
            f"Content-Length: {len(clip)}\r\n\r\n")
    leavers = [socket.create_connection(server.address) for _ in range(10)]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        for leaver in leavers:
            leaver.sendall(head.encode() + clip)
        stayers = [pool.submit(ask, server, clip, labels) for _ in range(10)]
        for leaver in leavers:
            leaver.close()
        answers = [stayer.result() for stayer in stayers]
    assert all(a["predictions"] == answers[0]["predictions"] for a in answers)
    assert ask(server, clip, labels)["cache"]["labels_hit"] == 400


def test_a_list_asked_for_again_is_known_whole(start, tiny_model, clip):
    server = start(tiny_model, *PATIENT)
    labels = [{"name": f"n{i}", "texts": [f"text {i}", f"words {i}"], "id": str(i)} for i in range(50)]
    first = ask(server, clip, labels, background=["nothing", "noise"])
    assert first["cache"]["labels_miss"] == 52
    renamed = [{**label, "name": label["name"] + "x", "id": "7"} for label in labels]
    second = ask(server, clip, renamed, background=["nothing", "noise"])
    assert second["cache"]["labels_hit"] == 52 and second["timing_ms"]["text"] == 0
    assert [p["score"] for p in first["predictions"]] == [p["score"] for p in second["predictions"]]
    assert all(p["label"].endswith("x") and p["label_id"] == "7" for p in second["predictions"])
    swapped = ask(server, clip, labels, background=["noise", "nothing"])
    assert swapped["cache"]["labels_hit"] == 52
    assert swapped["other"] == pytest.approx(first["other"], abs=1e-6)


def test_no_memory_for_labels_is_only_slower(start, tiny_model, clip):
    server = start(tiny_model, *PATIENT, "--label-cache-bytes", "0")
    labels = ["a", "b", "c"]
    first, second = ask(server, clip, labels), ask(server, clip, labels)
    assert first["cache"]["labels_miss"] == second["cache"]["labels_miss"] == 3
    assert without_times(first) == without_times(second)
