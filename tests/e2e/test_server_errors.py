"""Bad parameters, JSON, forms and media: a clear problem each, and the next good answer is unchanged."""

import base64
import json
import re
import subprocess

import pytest
from cli_support import make_clip
from server_support import without_times

PATH = "/v1/zeroshot?labels=a&labels=b"


@pytest.fixture(scope="module")
def reference(server, clip):
    return without_times(server.post_raw(PATH, clip).json())


@pytest.fixture
def unharmed(server, clip, reference):
    """After the test the server is the same process and gives the same numbers."""
    pid = server.process.pid
    yield
    assert server.process.poll() is None and server.process.pid == pid
    reply = server.post_raw(PATH, clip)
    assert reply.status_code == 200 and without_times(reply.json()) == reference


def problem(reply, status, code, field=None):
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    body = reply.json()
    assert (body["status"], body["code"]) == (status, code), body
    assert body["request_id"] == reply.headers["X-Request-Id"]
    if field is not None:
        assert body["field"] == field, body
    assert not re.search(r"/tmp|127\.0\.0\.1|libav|jansson|\b0x[0-9a-f]{4}", body["detail"])
    return body


# ---- options ----

QUERY = [
    ("top_k=-1", "top_k"), ("top_k=1001", "top_k"), ("top_k=2147483648", "top_k"),
    ("top_k=1.0", "top_k"), ("top_k=true", "top_k"), ("top_k=", "top_k"), ("top_k=1&top_k=2", "top_k"),
    ("frames=0", "frames"), ("frames=65", "frames"), ("frames=9007199254740993", "frames"),
    ("stride=257", "stride"), ("stride=fast", "stride"), ("stride=-1", "stride"),
    ("views=2x1", "views"), ("views=2x3&stride=uniform", "views"), ("views=11x1&stride=1", "views"),
    ("views=1x2", "views"), ("views=3", "views"), ("start_s=-1", "start_s"), ("start_s=nan", "start_s"),
    ("start_s=2&end_s=1", "end_s"), ("min_score=2", "min_score"), ("min_score=x", "min_score"),
    ("timeout_ms=0", "timeout_ms"), ("timeout_ms=300001", "timeout_ms"), ("nonsense=1", "nonsense"),
    ("Top_k=1", "Top_k"), ("window_s=4", "window_s"), ("video=AAAA", "video"), ("url=http://x/", "url"),
    ("labels=a&labels=a", "labels[1]"), ("labels=", "labels[0]"), ("labels=%20", "labels[0]"),
    ("labels=" + "x" * 257, "labels[0]"), ("templates=no+braces", "templates[0]"),
    ("labels=a&templates={}{}", "templates[0]"), ("labels=%ff", "labels[0]"),
    ("labels=a%00b", None), ("classes=maybe", "classes"), ("labels=a&label_set=b", "label_set"),
]


@pytest.mark.parametrize("query,field", QUERY)
def test_bad_options_are_400_with_their_field(server, clip, unharmed, query, field):
    problem(server.post_raw(f"/v1/zeroshot?{query}", clip), 400, "invalid_request", field)


@pytest.mark.parametrize("query", ["%zz=1", "top_k=%4", "=1", "&&=", "top_k"])
def test_broken_queries_are_400(server, clip, unharmed, query):
    problem(server.post_raw(f"/v1/classify?{query}", clip), 400, "invalid_request")


def test_options_of_other_routes_are_unknown(server, clip, unharmed):
    problem(server.post_raw("/v1/classify?labels=a", clip), 400, "invalid_request", "labels")
    problem(server.post_raw("/v1/classify?classes=true", clip), 400, "invalid_request", "classes")


def test_option_in_query_and_body_is_given_twice(server, clip, unharmed):
    problem(server.post_json("/v1/classify?top_k=1", clip, top_k=1), 400, "invalid_request", "top_k")
    problem(server.post_form("/v1/classify?top_k=1", clip, top_k=1), 400, "invalid_request", "top_k")


def test_label_counts_just_inside_and_just_outside(server, clip, unharmed):
    labels = [f"l{i}" for i in range(1001)]
    assert server.post_json("/v1/zeroshot", clip, labels=labels[:1000]).status_code == 200
    problem(server.post_json("/v1/zeroshot", clip, labels=labels), 400, "invalid_request", "labels")
    problem(server.post_json("/v1/zeroshot", clip, labels=[]), 400, "invalid_request", "labels")
    assert server.post_json("/v1/zeroshot", clip, labels=["x" * 256], truncate=True).status_code == 200


def test_text_too_long_for_the_model_names_its_label(server, clip, unharmed):
    long_text = " ".join("abcdefghij"[i % 10] for i in range(120))
    body = problem(server.post_json("/v1/zeroshot", clip, labels=["a", "b", long_text]), 400,
                   "invalid_request", "labels[2]")
    assert body["detail"]
    reply = server.post_json("/v1/zeroshot", clip, labels=["a", "b", long_text], truncate=True)
    assert reply.status_code == 200
    problem(server.post_json("/v1/zeroshot", clip, labels=["a"], background=["b", long_text]), 400,
            "invalid_request", "background[1]")


def test_names_that_are_not_there(server, clip, unharmed):
    problem(server.post_raw("/v1/classify?model=none", clip), 404, "model_not_found", "model")
    problem(server.post_raw("/v1/zeroshot?label_set=none", clip), 404, "label_set_not_found", "label_set")
    problem(server.post_json("/v1/classify", video_id="abc"), 404, "video_not_kept", "video_id")
    problem(server.post_json("/v1/classify", url="http://127.0.0.1/"), 403, "url_fetch_disabled", "url")
    problem(server.post("/v1/classify", files={"url": (None, "file:///etc/passwd")}), 403,
            "url_fetch_disabled", "url")


# ---- JSON ----

def nested(depth):
    return b'{"a":' * depth + b"1" + b"}" * depth


JSON_BODIES = [
    b"{", b"[]", b"1", b'"a"', b"null", b"{} x", b"{,}", b'{"top_k":1,}', b'{"a":NaN}', b'{"a":1e999}',
    b'{"top_k":9223372036854775808}', b"/* c */{}", b"\xef\xbb\xbf{}", b'{"a":"\xff"}', b'{"a":"\xc0\x80"}',
    b'{"a":"\\ud800"}', b'{"a":"\x00"}', b'{"a":"\\u0000"}', b'{"top_k":1,"top_k":2}', b"\x00", b"{}",
    nested(17), nested(2048), nested(2049), b"[" * 100000, b'{"video":"AAAA","url":"http://x/"}',
    b'{"video":"A"}', b'{"video":"AA=A"}', b'{"video":"AA A"}', b'{"video":""}', b'{"video":5}',
    b'{"url":null}', b'{"inputs":[]}', b'{"inputs":[{}]}', b'{"inputs":[{"video":"AAAA","url":"x"}]}',
    b'{"inputs":{"video":"AAAA"}}', b'{"inputs":[{"video":"AAAA"}],"video":"AAAA"}',
    b'{"inputs":[{"video":"AAAA","top_k":1}]}',
]


@pytest.mark.parametrize("body", JSON_BODIES, ids=lambda b: b[:30].decode("latin-1"))
def test_bad_json_is_400(server, unharmed, body):
    problem(server.post_raw("/v1/zeroshot", body, "application/json"), 400, "invalid_request")


@pytest.mark.parametrize("member,field", [
    ({"top_k": "5"}, "top_k"), ({"top_k": 1.0}, "top_k"), ({"top_k": True}, "top_k"), ({"top_k": None}, "top_k"),
    ({"top_k": [1]}, "top_k"), ({"labels": "a"}, "labels"), ({"labels": [1]}, "labels[0]"),
    ({"labels": [{}]}, None), ({"labels": [{"name": "a", "color": 1}]}, None), ({"classes": 1}, "classes"),
    ({"views": 1}, "views"), ({"stride": "5"}, "stride"), ({"timeout_ms": 2**53 + 1}, "timeout_ms"),
    ({"nonsense": None}, "nonsense"), ({"model": 5}, "model"), ({"model": ""}, "model"),
])
def test_bad_members_are_400_with_their_field(server, clip, unharmed, member, field):
    problem(server.post_json("/v1/zeroshot", clip, **member), 400, "invalid_request", field)


def test_json_sizes(server, clip, unharmed):
    padded = json.dumps({"video": base64.b64encode(clip).decode()}).encode()
    padded += b" " * (1024 * 1024 - 200 - len(padded))
    assert server.post_raw("/v1/classify", padded, "application/json").status_code == 200
    plain = b'{"url":"http://x/"' + b" " * (1024 * 1024) + b"}"
    problem(server.post_raw("/v1/classify", plain, "application/json"), 413, "too_large")
    hidden = b'{"video":"AAAA"' + b" " * (1024 * 1024 + 100) + b"}"
    problem(server.post_raw("/v1/classify", hidden, "application/json"), 413, "too_large")
    large = json.dumps({"video": base64.b64encode(bytes(3 << 20)).decode()})
    assert server.post_raw("/v1/classify", large, "application/json").status_code == 422
    problem(server.post_raw("/v1/classify", b"{" + b" " * (32 << 20), "application/json"), 413, "too_large")
    keys = "{" + ",".join(f'"k{i}":1' for i in range(60000)) + "}"
    problem(server.post_raw("/v1/classify", keys, "application/json"), 400, "invalid_request")


def test_content_types_and_codings(server, clip, unharmed):
    for content_type in ("text/plain", "application/json; charset=utf-16", "multipart/mixed; boundary=x",
                         "video", "application/x-www-form-urlencoded"):
        problem(server.post_raw("/v1/classify", clip, content_type), 415, "unsupported_media_type")
    problem(server.post("/v1/classify", data=clip), 415, "unsupported_media_type")
    for coding in ("gzip", "br", "deflate", "gzip, identity"):
        problem(server.post_raw("/v1/classify", clip, headers={"Content-Encoding": coding}), 415,
                "unsupported_media_type")


# ---- forms ----

def part(name, value, head=b"", disposition=b"form-data"):
    return (b"--B\r\nContent-Disposition: " + disposition + b'; name="' + name + b'"\r\n' + head +
            b"\r\n" + value + b"\r\n")


END = b"--B--\r\n"
FORM = "multipart/form-data; boundary=B"


@pytest.mark.parametrize("make", [
    lambda clip: b"", lambda clip: b"garbage", lambda clip: END, lambda clip: part(b"top_k", b"1") + END,
    lambda clip: part(b"video", clip), lambda clip: part(b"video", clip) * 2 + END,
    lambda clip: part(b"video", b"") + END, lambda clip: b"preamble\r\n" + part(b"video", clip) + END,
    lambda clip: (part(b"video", clip) + END).replace(b"\r\n", b"\n"),
    lambda clip: part(b"video", clip, b"X: " + b"y" * 65536 + b"\r\n") + END,
    lambda clip: part(b"video", clip, b"Content-Type: multipart/mixed; boundary=C\r\n") + END,
    lambda clip: part(b"video", clip, disposition=b"attachment") + END,
    lambda clip: b"".join(part(b"x%d" % i, b"1") for i in range(1001)) + END,
    lambda clip: b"".join(part(b"x", b"1") for i in range(5000)) + END,
    lambda clip: part(b"url", b"http://x/") + part(b"video", clip) + END,
    lambda clip: part(b"top_k", b"\xff") + part(b"video", clip) + END,
    lambda clip: part(b"n" * 64, b"1") + part(b"video", clip) + END,
], ids=range(17))
def test_bad_forms_are_400(server, clip, unharmed, make):
    problem(server.post_raw("/v1/classify", make(clip), FORM), 400, "invalid_request")


@pytest.mark.parametrize("boundary", ["", "; boundary=", '; boundary=""', "; boundary=" + "b" * 200,
                                      "; boundary=B; boundary=B"])
def test_bad_boundaries_are_400(server, clip, unharmed, boundary):
    body = part(b"video", clip) + END
    problem(server.post_raw("/v1/classify", body, "multipart/form-data" + boundary), 400, "invalid_request")


def test_good_forms_in_all_shapes(server, clip, unharmed):
    body = part(b"video", clip, b"Content-Type: video/mp4\r\n") + part(b"top_k", b"2") + END
    for content_type, text in ((FORM, body), ('multipart/form-data; boundary="B"', body),
                               (FORM, b"\r\n" + body), (FORM, body + b"epilogue"),
                               (FORM, body.replace(b'name="video"', b'name="video"; filename="../../etc/passwd"')),
                               (FORM, body.replace(b'name="video"', b"name=video; filename*=UTF-8''%2e"))):
        reply = server.post_raw("/v1/classify", text, content_type)
        assert reply.status_code == 200 and len(reply.json()["predictions"]) == 2


def test_fields_of_a_form_have_a_bound(server, clip, unharmed):
    body = part(b"labels", b"x" * (1024 * 1024 + 1)) + part(b"video", clip) + END
    problem(server.post_raw("/v1/zeroshot", body, FORM), 413, "too_large", "labels")


# ---- media ----

def ffmpeg(path, *arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *arguments, str(path)], check=True, timeout=120)
    return path.read_bytes()


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    tone = ("-f", "lavfi", "-i", "sine=duration=1")
    picture = ("-f", "lavfi", "-i", "testsrc=size=64x64", "-frames:v", "1")
    good = make_clip(folder / "good.mp4").read_bytes()
    files = {
        "zeros": bytes(4096),
        "text": b"just some words\n" * 100,
        "truncated": good[: len(good) // 3],
        "no_moov": good[:40] + bytes(len(good) - 40),
        "audio_only": ffmpeg(folder / "a.m4a", *tone),
        "wav": ffmpeg(folder / "a.wav", *tone),
        "png": ffmpeg(folder / "p.png", *picture),
        "jpeg": ffmpeg(folder / "p.jpg", *picture),
        "gif": ffmpeg(folder / "p.gif", *picture),
        "png_in_mov": ffmpeg(folder / "p.mov", *picture, "-c:v", "png"),
        "mjpeg_in_avi": ffmpeg(folder / "p.avi", *picture, "-c:v", "mjpeg"),
        "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n",
        "ffconcat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        "bomb": ffmpeg(folder / "bomb.mov", "-f", "lavfi", "-i", "color=size=8192x8192", "-frames:v", "1",
                       "-c:v", "png"),
        "large_frames": ffmpeg(folder / "large.mp4", "-f", "lavfi", "-i", "color=size=4200x4200", "-frames:v",
                               "1", "-c:v", "libx264"),
        "narrow": ffmpeg(folder / "narrow.mp4", "-f", "lavfi", "-i", "color=size=640x64", "-frames:v", "2",
                         "-c:v", "mpeg4"),
    }
    return files


@pytest.mark.parametrize("name,codes", [
    ("zeros", {"undecodable_video"}), ("text", {"undecodable_video"}),
    ("truncated", {"undecodable_video"}), ("no_moov", {"undecodable_video"}),
    ("audio_only", {"no_video"}), ("wav", {"unsupported_codec", "no_video"}),
    ("png", {"unsupported_codec"}), ("jpeg", {"unsupported_codec"}), ("gif", {"unsupported_codec"}),
    ("png_in_mov", {"unsupported_codec"}), ("mjpeg_in_avi", {"unsupported_codec"}),
    ("hls", {"unsupported_codec", "undecodable_video"}), ("ffconcat", {"unsupported_codec", "undecodable_video"}),
    ("bomb", {"unsupported_codec"}), ("large_frames", {"frame_too_large"}), ("narrow", {"unsupported_aspect"}),
])
def test_bad_media_are_422_in_every_form(server, media, unharmed, name, codes):
    before = server.rss_kib()
    for reply in (server.post_raw("/v1/classify", media[name]), server.post_form("/v1/classify", media[name]),
                  server.post_json("/v1/classify", media[name])):
        assert reply.status_code == 422 and reply.json()["code"] in codes, reply.text
        problem(reply, 422, reply.json()["code"])
    assert server.rss_kib() - before < 200 * 1024


def test_empty_bodies_are_400(server, unharmed):
    problem(server.post_raw("/v1/classify", b""), 400, "invalid_request")
    problem(server.post_raw("/v1/classify", b"", "application/json"), 400, "invalid_request")
    problem(server.post_json("/v1/classify", video=""), 400, "invalid_request", "video")


def test_no_frame_in_the_range_is_no_video(server, clip, unharmed):
    problem(server.post_raw("/v1/classify?start_s=100", clip), 422, "no_video")


def test_every_third_truncation_is_answered(server, unharmed, tmp_path):
    whole = make_clip(tmp_path / "c.mp4", size="64x64").read_bytes()
    for size in range(1, len(whole), max(1, len(whole) // 60)):
        reply = server.post_raw("/v1/classify", whole[:size])
        assert reply.status_code in (200, 422), (size, reply.text)


def test_passed_deadline_is_504(server, clip, unharmed):
    body = problem(server.post_raw("/v1/classify?timeout_ms=1&views=10x4&stride=1&frames=64", clip), 504, "deadline")
    line = server.request_log(body["request_id"])
    assert line["outcome"] == "expired"
