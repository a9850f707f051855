"""Metrics that a strict reader takes and that add up; traces in, out and in the log; a log that
nobody reads."""

import json
import math
import os
import re
import subprocess
import time

import contract
import pytest
import requests
from cli_support import binary, clean_environment
from server_support import TIMEOUT_S

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
VALUE = re.compile(r"[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN")


def parse_labels(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, text
        assert match[1] not in labels, text
        labels[match[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
        at = match.end()
        if at < len(text):
            assert text[at] == ",", text
            at += 1
            assert at < len(text), text
    return labels


def parse_sample(line):
    match = re.fullmatch(r"([^{ ]+)(?:\{(.*)\})? ([^ ]+)", line)
    assert match and NAME.fullmatch(match[1]) and VALUE.fullmatch(match[3]), line
    return match[1], parse_labels(match[2] or ""), float(match[3])


def family_of(name, types):
    if name in types and types[name] != "histogram":
        return name
    base = re.fullmatch(r"(.*)_(?:bucket|sum|count)", name)
    assert base and types.get(base[1]) == "histogram", f"{name} belongs to no family"
    return base[1]


def check_histogram(samples):
    counts = [(float(labels["le"]), value) for name, labels, value in samples
              if name.endswith("_bucket")]
    assert [upper for upper, _ in counts] == sorted({upper for upper, _ in counts})
    assert [value for _, value in counts] == sorted(value for _, value in counts)
    assert counts[-1][0] == math.inf
    (total,) = [value for name, _, value in samples if name.endswith("_count")]
    (_,) = [value for name, _, value in samples if name.endswith("_sum")]
    assert total == counts[-1][1]


def parse(text):
    """Prometheus text format 0.0.4, with no mercy: {(name, labels): value}."""
    types, helps, groups, order, samples = {}, {}, {}, [], {}
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# "):
            _, kind, name, rest = line.split(" ", 3)
            assert NAME.fullmatch(name) and rest and name.startswith("m2clip_"), line
            target = {"HELP": helps, "TYPE": types}[kind]
            assert name not in target and name not in groups, line
            target[name] = rest
            continue
        name, labels, value = parse_sample(line)
        family = family_of(name, types)
        assert family in helps, line
        if family not in groups:
            order.append(family)
        assert order[-1] == family, f"samples of {family} are not together"
        key = (name, tuple(sorted(labels.items())))
        assert key not in samples, f"{line} comes twice"
        samples[key] = value
        groups.setdefault(family, []).append((name, labels, value))
    for name, kind in types.items():
        assert kind in ("counter", "gauge", "histogram")
        assert (kind == "counter") == name.endswith("_total"), name
        if kind == "counter":
            assert all(value >= 0 for _, _, value in groups.get(name, [])), name
        if kind == "histogram":
            check_histogram(groups[name])
    return samples


def scrape(server):
    reply = server.get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    contract.check("GET", "/metrics", 200, reply.headers["Content-Type"], reply.text)
    return parse(reply.text)


def total(samples, name, **labels):
    return sum(value for (found, pairs), value in samples.items()
               if found == name and set(labels.items()) <= set(pairs))


def balance(samples):
    ended = sum(total(samples, f"m2clip_requests_{outcome}_total")
                for outcome in ("answered", "expired", "gone"))
    under_way = total(samples, "m2clip_requests_under_way")
    assert total(samples, "m2clip_requests_accepted_total") == ended + under_way
    return under_way


def settled(server, timeout_s=10):
    """Metrics once nothing but the scrape itself is under way."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        samples = scrape(server)
        if balance(samples) == 1:
            return samples
        time.sleep(0.02)
    raise AssertionError("requests stay under way")


def rise(before, after, name, **labels):
    return total(after, name, **labels) - total(before, name, **labels)


def test_every_request_is_counted_once_by_its_outcome(start, tiny_model, clip):
    server = start(tiny_model)
    before = settled(server)
    assert server.post_raw("/v1/classify", clip).status_code == 200
    assert server.post_raw("/v1/classify", clip).status_code == 200
    assert server.post_raw("/v1/classify", b"no video at all").status_code == 422
    assert server.post_raw("/v1/classify?nonsense=1", clip).status_code == 400
    assert server.post_raw("/v1/classify", clip, content_type="text/plain").status_code == 415
    assert server.get("/nowhere").status_code == 404
    with server.connect() as leaver:
        leaver.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                       b"Content-Length: 1000\r\n\r\nsome")
        end = time.monotonic() + 10
        while balance(scrape(server)) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        samples = scrape(server)
        assert balance(samples) == 2
        assert total(samples, "m2clip_connections", listener="main") == 2
        assert total(samples, "m2clip_body_memory_bytes") >= 1000
    after = settled(server)
    route = {"route": "/v1/classify", "method": "POST"}
    assert rise(before, after, "m2clip_requests_total", code="200", **route) == 2
    assert rise(before, after, "m2clip_requests_total", code="422", **route) == 1
    assert rise(before, after, "m2clip_requests_total", code="400", **route) == 1
    assert rise(before, after, "m2clip_requests_total", code="415", **route) == 1
    assert rise(before, after, "m2clip_requests_total", code="none", **route) == 1
    assert rise(before, after, "m2clip_requests_total", code="404", route="") == 1
    assert rise(before, after, "m2clip_requests_gone_total", during="receiving") == 1
    assert rise(before, after, "m2clip_requests_refused_total", reason="route_not_found") == 1
    assert rise(before, after, "m2clip_requests_refused_total",
                reason="unsupported_media_type") == 1
    assert rise(before, after, "m2clip_problems_total", reason="undecodable_video") == 1
    scrapes = rise(before, after, "m2clip_requests_total", route="/metrics")
    assert rise(before, after, "m2clip_requests_answered_total") == 4 + scrapes
    assert rise(before, after, "m2clip_request_total_seconds_count") == 5
    assert rise(before, after, "m2clip_request_decode_seconds_count") >= 2
    assert server.stop() == 0


def test_the_process_the_model_and_the_caches_are_shown(start, tiny_model, clip):
    server = start(tiny_model)
    (model,) = [m for m in server.get("/v1/models").json()["models"] if m["default"]]
    samples = scrape(server)
    assert total(samples, "m2clip_model_info", set=model["name"], version=model["version"],
                 precision=model["precision"]) == 1
    assert total(samples, "m2clip_resident_bytes") == pytest.approx(server.rss_kib() * 1024, rel=0.2)
    assert 3 < total(samples, "m2clip_open_fds") < 200
    assert total(samples, "m2clip_threads") > 2
    assert abs(total(samples, "m2clip_start_time_seconds") - time.time()) < 600
    for name in ("m2clip_cache_hits_total", "m2clip_cache_bytes", "m2clip_cache_evictions_total"):
        for cache in ("labels", "videos"):
            assert (name, (("cache", cache),)) in samples
    assert server.stop() == 0


def test_probes_do_not_show_in_the_times_of_requests(server):
    before = settled(server)
    for _ in range(5):
        assert server.get("/healthz").status_code == 200
    after = settled(server)
    assert rise(before, after, "m2clip_requests_total", route="/healthz", code="200") == 5
    assert rise(before, after, "m2clip_request_total_seconds_count") == 0


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_callers_trace_is_followed(server, clip):
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": "traced"}
    reply = server.post_raw("/v1/classify", clip, headers=headers)
    version, trace, span, flags = reply.headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert re.fullmatch(r"[0-9a-f]{16}", span) and span != SPAN
    line = server.request_log("traced")
    assert (line["trace_id"], line["span_id"], line["parent_id"]) == (TRACE, span, SPAN)
    (model,) = [m for m in server.get("/v1/models").json()["models"] if m["default"]]
    assert (line["model"], line["model_version"]) == (model["name"], model["version"])
    assert line["outcome"] == "answered" and line["status"] == 200
    assert set(line["ms"]) >= {"receive", "queue", "decode", "encode", "total"}


def test_refusals_are_traced_too(server):
    for path, status in (("/nowhere", 404), ("/v1/classify", 405)):
        reply = server.get(path, headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
        assert reply.status_code == status
        assert reply.headers["traceparent"].startswith(f"00-{TRACE}-")
        line = server.request_log(reply.headers["X-Request-Id"])
        assert (line["trace_id"], line["parent_id"]) == (TRACE, SPAN)
        assert line["outcome"] == "refused"


@pytest.mark.parametrize("header", [
    None, "", f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", f"ff-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}-1",
])
def test_without_a_good_traceparent_a_trace_begins(server, header):
    headers = {} if header is None else {"traceparent": header}
    reply = server.get("/v1/models", headers=headers)
    match = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", reply.headers["traceparent"])
    assert match and match[1].upper() != TRACE.upper()
    line = server.request_log(reply.headers["X-Request-Id"])
    assert (line["trace_id"], line["span_id"]) == (match[1], match[2])
    assert "parent_id" not in line


def start_with_log(model, log, *wrapper):
    """A server whose log goes to the descriptor `log`; the process and its URL."""
    process = subprocess.Popen([*wrapper, binary(), "serve", "--model", str(model), "--listen",
                                "127.0.0.1:0", "--threads", "1", "--backend", "openblas"],
                               stdout=subprocess.PIPE, stderr=log, env=clean_environment())
    line = process.stdout.readline().decode()
    assert line.startswith("listening on "), line
    return process, line.split()[-1]


def stop(process):
    process.terminate()
    try:
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def ask_often(url, count):
    """Requests with long ids, so that the log fills up fast; how many were answered."""
    session, headers = requests.Session(), {"X-Request-Id": "x" * 64}
    with session:
        return sum(session.get(url + "/v1/models", headers=headers, timeout=TIMEOUT_S).ok
                   for _ in range(count))


def dropped(url):
    samples = parse(requests.get(url + "/metrics", timeout=TIMEOUT_S).text)
    return total(samples, "m2clip_log_lines_dropped_total")


def test_without_stderr_no_other_file_gets_the_log(tiny_model, clip):
    process, url = start_with_log(tiny_model, None, "sh", "-c", 'exec "$0" "$@" 2>&-')
    try:
        assert os.readlink(f"/proc/{process.pid}/fd/2") == "/dev/null"
        reply = requests.post(url + "/v1/classify", data=clip, timeout=TIMEOUT_S,
                              headers={"Content-Type": "video/mp4"})
        assert reply.ok
        assert dropped(url) == 0
    finally:
        stop(process)


def test_a_log_whose_reader_has_gone_costs_lines_alone(tiny_model):
    reading, writing = os.pipe()
    process, url = start_with_log(tiny_model, writing)
    os.close(writing)
    os.close(reading)
    try:
        assert ask_often(url, 20) == 20
        end = time.monotonic() + 10
        while dropped(url) < 20 and time.monotonic() < end:
            time.sleep(0.02)
        assert dropped(url) >= 20
    finally:
        stop(process)


def test_a_log_that_is_not_read_costs_lines_alone_and_says_so(tiny_model):
    reading, writing = os.pipe()
    process, url = start_with_log(tiny_model, writing)
    os.close(writing)
    try:
        # A pipe holds 64 KiB, the log's own buffer 1 MiB; a line has some 500 bytes.
        for _ in range(20):
            assert ask_often(url, 250) == 250
            if dropped(url) > 0:
                break
        lost = dropped(url)
        assert lost > 0
        text, told = b"", 0
        os.set_blocking(reading, False)
        end = time.monotonic() + 20
        while told < lost and time.monotonic() < end:
            try:
                text += os.read(reading, 1 << 20)
            except BlockingIOError:
                ask_often(url, 1)
            told = max(json.loads(line).get("lines_dropped", 0)
                       for line in text.split(b"\n")[:-1] or [b"{}"])
        assert told >= lost
    finally:
        os.close(reading)
        stop(process)
