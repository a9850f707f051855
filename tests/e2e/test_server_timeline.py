"""/v1/timeline: one answer in four forms, streams that come as they are made, ends of all kinds."""

import json
import re
import subprocess
import threading
import time

import contract
import pytest
from cli_support import keeps_memory, m2clip, make_clip
from server_support import without_times

NDJSON, EVENTS, VTT = "application/x-ndjson", "text/event-stream", "text/vtt"
# A random model's scores: low thresholds make segments that come and go.
LOW = {"threshold": 0.2, "threshold_end": 0.18, "min_segment_s": 0}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Three minutes of pictures that change every few seconds."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    parts = [f"{source}=d=6:s=64x48:r=8" for source in
             ("testsrc", "smptebars", "testsrc2", "color=white", "rgbtestsrc")] * 6
    graph = ";".join(f"{part},format=yuv420p,setsar=1[p{i}]" for i, part in enumerate(parts))
    graph = graph.replace("color=white=", "color=c=white:")
    graph += ";" + "".join(f"[p{i}]" for i in range(len(parts))) + f"concat=n={len(parts)}"
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-filter_complex", graph,
                    "-c:v", "mpeg4", "-g", "24", path], check=True, timeout=120)
    return path


def ask(server, body, accept=None, stream=False, **options):
    headers = {"Content-Type": "video/mp4", **({"Accept": accept} if accept else {})}
    return server.session.post(server.url + "/v1/timeline", data=body, params={**LOW, **options},
                               headers=headers, stream=stream, timeout=120)


def parse_events(text):
    """Server-sent events as (name, object)."""
    events = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            fields = dict(line.split(": ", 1) for line in lines)
            events.append((fields["event"], json.loads(fields["data"])))
    return events


def check_events(events):
    for event in events:
        contract.validate(event, {"$ref": "#/components/schemas/TimelineEvent"})
    assert events[0]["type"] == "start"
    assert [e["type"] for e in events].count("start") == 1
    ends = [e for e in events if e["type"] in ("done", "error")]
    assert len(ends) == 1 and events[-1] is ends[0]


def in_order(segments):
    return sorted(segments, key=lambda s: (s["start_s"], s["end_s"], s["index"]))


def same(one, other):
    """The same segments. Scores differ in their last digits by how windows shared a pass, and so
    does which of equal windows is the best."""
    assert len(one) == len(other)
    for a, b in zip(one, other):
        for key in ("start_s", "end_s", "label", "index"):
            assert a[key] == b[key], (key, a, b)
        assert a["start_s"] <= a["peak_s"] <= a["end_s"]
        assert a["score"] == pytest.approx(b["score"], abs=1e-4)
        assert (a["similarity"] is None) == (b["similarity"] is None)
    return True


def test_all_forms_agree(server, film):
    body = film.read_bytes()
    reply = ask(server, body)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "application/json"
    answer = reply.json()
    contract.check("POST", "/v1/timeline", 200, "application/json", answer)
    segments = answer["segments"]
    assert len(segments) > 5 and segments == in_order(segments)
    assert answer["video"]["duration_s"] == 180.0

    reply = ask(server, body, NDJSON)
    assert reply.headers["Content-Type"] == NDJSON
    lines = [json.loads(line) for line in reply.text.splitlines()]
    check_events(lines)
    told = [{k: v for k, v in e.items() if k != "type"} for e in lines if e["type"] == "segment"]
    assert same(in_order(told), segments)
    windows = [e for e in lines if e["type"] == "window"]
    assert [w["index"] for w in windows] == list(range(lines[0]["windows"])) == list(range(89))
    done = lines[-1]
    assert done["type"] == "done" and done["segment_count"] == len(segments)
    for key in ("model", "model_version", "video", "sampling", "warnings", "precision"):
        assert done[key] == answer[key]

    reply = ask(server, body, EVENTS)
    assert reply.headers["Content-Type"] == EVENTS and reply.headers["Cache-Control"] == "no-store"
    events = parse_events(reply.text)
    assert all(name == event["type"] for name, event in events)
    check_events([event for _, event in events])
    assert same(*(in_order(e for e in told if e["type"] == "segment")
                  for told in ((e for _, e in events), lines)))
    assert without_times(events[0][1]) == without_times(lines[0])

    reply = ask(server, body, VTT)
    assert reply.headers["Content-Type"].startswith(VTT)
    contract.check("POST", "/v1/timeline", 200, VTT, reply.text)
    cues = reply.text.strip().split("\n\n")[1:]
    for cue, segment in zip(cues, segments, strict=True):
        label, score = cue.split("\n")[1].rsplit(" ", 1)
        assert label == segment["label"] and abs(float(score) - segment["score"]) < 0.0052
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{3} --> \d\d:\d\d:\d\d\.\d{3}\n", c) for c in cues)


def test_the_command_line_gives_the_same(server, tiny_model, film):
    options = [f"--{k.replace('_', '-')}={v}" for k, v in LOW.items()]
    result = m2clip("timeline", "--model", tiny_model, "--precision", "f32", "--backend",
                    "openblas", "--json", *options, film)
    own = json.loads(result.stdout)
    answer = ask(server, film.read_bytes()).json()
    assert [(s["start_s"], s["end_s"], s["label"]) for s in own["segments"]] == [
        (s["start_s"], s["end_s"], s["label"]) for s in answer["segments"]]


def test_windows_are_clips(server, film):
    """A window's predictions are those of classify on its range."""
    body = film.read_bytes()
    lines = [json.loads(line) for line in ask(server, body, NDJSON, end_s=20).text.splitlines()]
    for window in [e for e in lines if e["type"] == "window"][::3]:
        clip = server.post_raw(f"/v1/classify?start_s={window['start_s']}&end_s={window['end_s']}",
                               body).json()
        for a, b in zip(window["predictions"], clip["predictions"]):
            assert a["label"] == b["label"] and a["score"] == pytest.approx(b["score"], abs=1e-5)


def test_labels_and_forms_of_bodies(server, film):
    body = film.read_bytes()
    labels = ["a cat", "a dog", "rain"]
    one = ask(server, body, labels=labels, end_s=30).json()
    assert {s["label"] for s in one["segments"]} <= set(labels) and one["segments"]
    assert all(s["similarity"] is not None for s in one["segments"])
    assert one["cache"]["labels_hit"] + one["cache"]["labels_miss"] == 3
    form = server.post("/v1/timeline", files={"video": ("f", body, "video/mp4")},
                       data={**LOW, "labels": labels, "end_s": 30}).json()
    assert same(form["segments"], one["segments"])
    member = server.post_json("/v1/timeline", body, **LOW, labels=labels, end_s=30).json()
    assert same(member["segments"], one["segments"])


def test_accept_is_weighed(server, film):
    body = film.read_bytes()
    for accept, expected in (("*/*", "application/json"), ("image/png", "application/json"),
                             (f"{EVENTS};q=0.4, {NDJSON};q=0.8", NDJSON),
                             (f"text/html, {EVENTS}", EVENTS), (f"{VTT};q=0, */*;q=0.1",
                                                               "application/json")):
        reply = ask(server, body, accept, end_s=6)
        assert reply.headers["Content-Type"] == expected, accept


def test_what_fails_before_the_first_window_has_a_status(server, film, clip):
    body = film.read_bytes()
    for accept in (None, NDJSON, EVENTS, VTT):
        for reply, status, field in (
            (ask(server, b"no video", accept), 422, None),
            (ask(server, body, accept, hop_s=0.01), 400, "hop_s"),
            (ask(server, body, accept, window_s=100), 400, "hop_s"),
            (ask(server, body, accept, threshold_end=0.9), 400, "threshold_end"),
            (ask(server, body, accept, top_k=3), 400, "top_k"),
            (ask(server, body, accept, start_s=900), 422, None),
            (ask(server, body, accept, model="none"), 404, "model"),
            (ask(server, clip, accept, timeout_ms=1), 504, None),
        ):
            assert reply.status_code == status, (accept, reply.text)
            problem = reply.json()
            contract.check("POST", "/v1/timeline", status, reply.headers["Content-Type"], problem)
            assert problem["field"] == field
    for members, field in (({"video_id": "x"}, "video_id"),
                           ({"inputs": [{"video": "AAAA"}]}, "inputs")):
        reply = server.post_json("/v1/timeline", **members)
        assert reply.status_code == 400 and reply.json()["field"] == field
    assert server.post_json("/v1/timeline", url="http://example/").status_code == 403


def test_segments_come_as_they_are_made(start, tiny_model, tmp_path):
    """The first events are there while most of the film is not yet looked at, and a clip sent
    meanwhile is answered before the film is."""
    server = start(tiny_model)
    film = make_clip(tmp_path / "long.mp4", seconds=600, size="64x48", rate=5)
    clip = make_clip(tmp_path / "clip.mp4", seconds=1).read_bytes()
    reply = ask(server, film.read_bytes(), NDJSON, stream=True, hop_s=1, window_s=2)
    lines = reply.iter_lines()
    assert json.loads(next(lines))["type"] == "start"
    assert json.loads(next(lines))["type"] == "window"
    between = server.session.__class__().post(
        server.url + "/v1/classify", data=clip, headers={"Content-Type": "video/mp4"}, timeout=60)
    assert between.status_code == 200
    rest = [json.loads(line) for line in lines]
    assert rest[-1]["type"] == "done"
    assert server.request_log(rest[-1]["id"])["ms"]["encode"] > 0
    log = [line["route"] for line in server.log_lines() if line["event"] == "request"]
    assert log == ["/v1/classify", "/v1/timeline"]


def test_memory_does_not_grow_with_length(start, tiny_model, tmp_path):
    server = start(tiny_model)
    short = make_clip(tmp_path / "short.mp4", seconds=100, size="64x48", rate=5).read_bytes()
    long = make_clip(tmp_path / "long.mp4", seconds=1000, size="64x48", rate=5).read_bytes()

    def peak_kib(body):
        reply = ask(server, body, NDJSON, stream=True)
        return max(server.rss_kib() for _ in reply.iter_lines())

    peak_kib(short)
    first, second = peak_kib(short), peak_kib(long)
    assert keeps_memory() or second < first + 32 * 1024, (first, second)


def wait_until(condition, timeout_s=10):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_client_that_leaves_frees_its_work(start, tiny_model, tmp_path):
    server = start(tiny_model)
    film = make_clip(tmp_path / "long.mp4", seconds=1200, size="64x48", rate=5).read_bytes()
    for _ in range(3):
        reply = ask(server, film, NDJSON, stream=True, hop_s=0.25)
        next(reply.iter_lines())
        reply.close()
    assert wait_until(lambda: sum(line["event"] == "request" and line["outcome"] == "gone"
                                  for line in server.log_lines()) == 3)
    # Its threads are at rest again: a film and a clip are answered, and no time is spent beside.
    assert ask(server, film, end_s=10).status_code == 200
    ticks = server.cpu_ticks()
    time.sleep(0.5)
    assert server.cpu_ticks() - ticks < 20


def test_a_slow_reader_holds_the_work_up(start, tiny_model, tmp_path):
    """Unread events stay few, whatever the film's length; read at last, all are there."""
    server = start(tiny_model)
    film = make_clip(tmp_path / "long.mp4", seconds=300, size="64x48", rate=5).read_bytes()
    reply = ask(server, film, NDJSON, stream=True, hop_s=0.1, window_s=1, frames=1)
    time.sleep(2)
    lines = [json.loads(line) for line in reply.iter_lines()]
    check_events([lines[0], *lines[-1:]])
    windows = [e["index"] for e in lines if e["type"] == "window"]
    assert windows == list(range(lines[0]["windows"]))


def test_the_deadline_counts_between_windows(start, tiny_model, tmp_path):
    """A stream may take longer than timeout_ms; an answer in one piece may not."""
    server = start(tiny_model)
    film = make_clip(tmp_path / "long.mp4", seconds=120, size="64x48", rate=5).read_bytes()
    options = {"hop_s": 0.3, "window_s": 3, "timeout_ms": 1000}
    whole = ask(server, film, **options)
    assert whole.status_code == 504 and whole.json()["code"] == "deadline"
    lines = [json.loads(line) for line in ask(server, film, NDJSON, **options).text.splitlines()]
    check_events(lines)
    assert lines[-1]["type"] == "done" and lines[-1]["timing_ms"]["total"] > 1000


def test_a_drain_ends_streams_with_one_error(start, tiny_model, tmp_path):
    server = start(tiny_model, "--drain-s", 20)
    film = make_clip(tmp_path / "long.mp4", seconds=1200, size="64x48", rate=5).read_bytes()
    replies, begun = {}, threading.Semaphore(0)

    def follow(accept):
        reply = ask(server, film, accept, stream=True, hop_s=0.1, window_s=3)
        begun.release()
        replies[accept] = reply.text

    threads = [threading.Thread(target=follow, args=(a,)) for a in (NDJSON, EVENTS)]
    for thread in threads:
        thread.start()
    for _ in threads:  # both streams have begun: their headers are here
        assert begun.acquire(timeout=30)
    assert server.stop() == 0
    for thread in threads:
        thread.join()
    for events in ([json.loads(line) for line in replies[NDJSON].splitlines()],
                   [event for _, event in parse_events(replies[EVENTS])]):
        check_events(events)
        assert events[-1]["type"] == "error" and events[-1]["error"]["code"] == "draining"
