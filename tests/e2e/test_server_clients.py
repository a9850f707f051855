"""Who may ask: keys and roles, their reload, rate limits by client, proxies, other origins."""

import concurrent.futures
import signal
import time

import contract
import pytest
import requests
from cli_support import m2clip
from server_support import TIMEOUT_S

INFER, ADMIN, OTHER = "infer-key-0123456789", "admin-key-0123456789", "other-key-0123456789"


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"# clients\nalice:infer:{INFER}\nroot:admin:{ADMIN}\n")
    return path


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def assert_problem(reply, status, code, path="/v1/models", method="GET"):
    assert reply.status_code == status, reply.text
    problem = reply.json()
    assert problem["code"] == code
    contract.check(method, path, status, reply.headers["Content-Type"], problem)
    return problem


def wait_for_log(server, event, count=1, timeout_s=10):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = [line for line in server.log_lines() if line["event"] == event]
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"no {count} {event} in {server.log_text()}")


def test_a_key_is_asked_for_where_there_is_a_key_file(start, tiny_model, key_file, clip):
    server = start(tiny_model, "--api-key-file", key_file)
    reply = server.get("/v1/models")
    assert_problem(reply, 401, "unauthorized")
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="m2clip"'
    for headers in (bearer(INFER), bearer(ADMIN), {"X-API-Key": INFER},
                    {"Authorization": f"bearer  {INFER}"},
                    {"X-API-Key": INFER, **bearer(INFER)},
                    {"X-API-Key": INFER, "Authorization": "Basic cHJveHk6eA=="}):
        assert server.get("/v1/models", headers=headers).status_code == 200, headers
    for headers in (bearer(INFER[:-1]), bearer(INFER + "x"), bearer(""), {"X-API-Key": OTHER},
                    {"Authorization": INFER}, {"Authorization": f"Basic {INFER}"}):
        reply = server.get("/v1/models", headers=headers)
        assert_problem(reply, 401, "unauthorized")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer ")
    reply = server.get("/v1/models", headers={"X-API-Key": INFER, **bearer(ADMIN)})
    assert assert_problem(reply, 400, "invalid_request")["field"] == "X-API-Key"
    reply = server.post_raw("/v1/classify", clip)
    assert_problem(reply, 401, "unauthorized", "/v1/classify", "POST")
    reply = server.post_raw("/v1/classify", clip, headers={"X-Request-Id": "named", **bearer(INFER)})
    assert reply.status_code == 200
    assert server.request_log("named")["client"] == "alice"
    assert server.stop() == 0
    assert INFER not in server.log_text() and ADMIN not in server.log_text()


def test_changes_of_the_server_take_an_admin_key(start, tiny_model, key_file):
    server = start(tiny_model, "--api-key-file", key_file)
    for headers, status, code in (({}, 401, "unauthorized"), (bearer(INFER), 403, "forbidden")):
        reply = server.post("/v1/models/reload", headers=headers)
        assert_problem(reply, status, code, "/v1/models/reload", "POST")
        reply = server.session.put(server.url + "/v1/label-sets/mine", json={"labels": ["running"]},
                                   headers=headers, timeout=TIMEOUT_S)
        assert_problem(reply, status, code, "/v1/label-sets/{name}", "PUT")
    assert server.post("/v1/models/reload", headers=bearer(ADMIN)).status_code == 200
    assert server.stop() == 0


def test_some_routes_are_open_to_anybody(start, tiny_model, key_file):
    server = start(tiny_model, "--api-key-file", key_file)
    for path in ("/healthz", "/readyz", "/openapi.yaml"):
        assert server.get(path).status_code == 200
    assert_problem(server.get("/metrics"), 401, "unauthorized", "/metrics")
    assert server.get("/metrics", headers=bearer(INFER)).status_code == 200
    assert server.get("/nowhere").status_code == 404
    assert server.stop() == 0


def test_metrics_take_no_key_on_the_probe_listener(start, tiny_model, key_file):
    server = start(tiny_model, "--api-key-file", key_file, "--probe-listen", "127.0.0.1:0")
    bound = [line for line in server.log_lines() if line["event"] == "bound_probes"]
    assert requests.get(f"http://{bound[0]['address']}/metrics", timeout=10).status_code == 200
    assert server.stop() == 0


def test_keys_are_read_anew_on_sighup_and_bad_ones_change_nothing(start, tiny_model, key_file):
    server = start(tiny_model, "--api-key-file", key_file)
    key_file.write_text(f"bob:infer:{OTHER}\n")
    assert server.get("/v1/models", headers=bearer(INFER)).status_code == 200
    server.process.send_signal(signal.SIGHUP)
    wait_for_log(server, "reloaded")
    assert_problem(server.get("/v1/models", headers=bearer(INFER)), 401, "unauthorized")
    assert server.get("/v1/models", headers=bearer(OTHER)).status_code == 200
    key_file.write_text(f"bob:infer:{INFER}\nbob:king:{ADMIN}\n")
    server.process.send_signal(signal.SIGHUP)
    failed = wait_for_log(server, "api_keys_failed")[0]
    assert "line 2" in failed["detail"] and failed["field"] == "api-key-file"
    wait_for_log(server, "reloaded", 2)
    metrics = server.get("/metrics", headers=bearer(OTHER)).text.splitlines()
    assert 'm2clip_reloads_total{what="api_keys",result="ok"} 1' in metrics
    assert 'm2clip_reloads_total{what="api_keys",result="failed"} 1' in metrics
    assert 'm2clip_model_reloads_total{result="ok"} 2' in metrics
    assert server.get("/v1/models", headers=bearer(OTHER)).status_code == 200
    assert_problem(server.get("/v1/models", headers=bearer(INFER)), 401, "unauthorized")
    assert server.stop() == 0
    assert INFER not in server.log_text() and ADMIN not in server.log_text()


@pytest.mark.parametrize("text, complaint", [
    ("alice:infer:short\n", "line 1"),
    (f"alice:infer:{INFER}\nbob:infer:{INFER}\n", "line 2"),
    ("# nobody\n", "no key"),
])
def test_a_bad_key_file_stops_the_start(tmp_path, tiny_model, text, complaint):
    path = tmp_path / "keys"
    path.write_text(text)
    result = m2clip("serve", "--model", tiny_model, "--listen", "127.0.0.1:0", "--api-key-file", path)
    assert result.returncode == 2, result.stderr
    assert complaint in result.stderr and INFER not in result.stderr


@pytest.mark.parametrize("option, value", [
    ("--rate-limit", "10/h"), ("--rate-limit", "0"), ("--trusted-proxy", "10.0.0.1/8"),
    ("--trusted-proxy", "proxy.example"), ("--cors-origin", "app.example"), ("--client-share", "0"),
    ("--client-share", "101"),
])
def test_bad_options_are_wrong_usage(tiny_model, option, value):
    result = m2clip("serve", "--model", tiny_model, "--listen", "127.0.0.1:0", option, value)
    assert result.returncode == 2, result.stderr
    assert option.removeprefix("--") in result.stderr


def exhaust(server, **options):
    """Asks until refused; the refusal."""
    for _ in range(50):
        reply = server.get("/v1/models", **options)
        if reply.status_code != 200:
            return reply
    raise AssertionError("never refused")


def assert_limited(reply):
    problem = assert_problem(reply, 429, "rate_limited")
    assert int(reply.headers["Retry-After"]) >= 1
    assert 0 < problem["retry_after_ms"] <= int(reply.headers["Retry-After"]) * 1000


def test_a_client_that_asks_too_often_is_refused_and_another_is_not(start, tiny_model, key_file):
    key_file.write_text(f"alice:infer:{INFER}\nbob:infer:{OTHER}\n")
    server = start(tiny_model, "--api-key-file", key_file, "--rate-limit", "1/m:3")
    for _ in range(3):
        assert server.get("/v1/models", headers=bearer(INFER)).status_code == 200
    assert_limited(server.get("/v1/models", headers=bearer(INFER)))
    assert server.get("/v1/models", headers=bearer(OTHER)).status_code == 200
    for _ in range(3):
        assert server.get("/v1/models", headers=bearer("wrong")).status_code == 401
    assert_limited(server.get("/v1/models", headers=bearer("wrong")))
    assert server.get("/v1/models", headers=bearer(OTHER)).status_code == 200
    for _ in range(5):
        assert server.get("/healthz").status_code == 200
    limits = server.get("/v1/models", headers=bearer(OTHER)).json()["limits"]
    assert limits["rate_limit_per_minute"] == 1 and limits["rate_limit_burst"] == 3
    assert limits["client_share_percent"] == 50
    assert server.stop() == 0


def forwarded(*addresses):
    return {"X-Forwarded-For": ", ".join(addresses)}


def test_clients_behind_a_trusted_proxy_are_told_apart(start, tiny_model):
    server = start(tiny_model, "--rate-limit", "1/m:2", "--trusted-proxy", "127.0.0.0/8")
    assert_limited(exhaust(server, headers=forwarded("192.0.2.1")))
    assert_limited(server.get("/v1/models", headers=forwarded("203.0.113.5", "192.0.2.1")))
    assert_limited(server.get("/v1/models", headers=forwarded("192.0.2.1", "127.0.0.2")))
    reply = server.get("/v1/models", headers={"X-Request-Id": "second", **forwarded("192.0.2.2")})
    assert reply.status_code == 200
    assert server.request_log("second")["client"] == "192.0.2.2"
    assert server.stop() == 0


def test_an_address_that_nobody_vouches_for_does_not_count(start, tiny_model):
    server = start(tiny_model, "--rate-limit", "1/m:2", "--trusted-proxy", "10.0.0.0/8")
    assert_limited(exhaust(server, headers=forwarded("192.0.2.1")))
    assert_limited(server.get("/v1/models", headers={"X-Request-Id": "other",
                                                     **forwarded("192.0.2.2")}))
    assert server.request_log("other")["client"] == "127.0.0.1"
    assert server.stop() == 0


PREFLIGHT = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type"}


def test_no_other_origin_is_let_in_unless_asked_for(server):
    reply = server.session.options(server.url + "/v1/classify", headers=PREFLIGHT, timeout=10)
    assert reply.status_code == 405
    reply = server.get("/v1/models", headers={"Origin": "https://app.example"})
    assert reply.status_code == 200
    assert not [name for name in reply.headers if name.lower().startswith("access-control-")]


def test_listed_origins_are_let_in(start, tiny_model, key_file, clip):
    server = start(tiny_model, "--api-key-file", key_file, "--cors-origin",
                   "https://app.example,http://localhost:3000")
    reply = server.session.options(server.url + "/v1/classify", headers=PREFLIGHT, timeout=10)
    assert reply.status_code == 204 and reply.content == b""
    assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "POST" in reply.headers["Access-Control-Allow-Methods"].split(", ")
    allowed = {name.lower() for name in reply.headers["Access-Control-Allow-Headers"].split(", ")}
    assert {"authorization", "x-api-key", "content-type", "traceparent"} <= allowed
    assert int(reply.headers["Access-Control-Max-Age"]) > 0
    assert reply.headers["Vary"] == "Origin"
    for headers, status in (({}, 401), (bearer(INFER), 200)):
        headers = {"Origin": "http://localhost:3000", **headers}
        reply = server.post_raw("/v1/classify", clip, headers=headers)
        assert reply.status_code == status
        assert reply.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
        assert "X-Request-Id" in reply.headers["Access-Control-Expose-Headers"].split(", ")
    for origin in ("https://evil.example", "https://app.example.evil", "null"):
        headers = {**PREFLIGHT, "Origin": origin}
        reply = server.session.options(server.url + "/v1/classify", headers=headers, timeout=10)
        assert "Access-Control-Allow-Origin" not in reply.headers
        assert "Access-Control-Allow-Methods" not in reply.headers
        assert reply.headers["Vary"] == "Origin"
    assert server.session.options(server.url + "/nowhere", headers=PREFLIGHT,
                                  timeout=10).status_code == 404
    assert server.stop() == 0


def test_any_origin_can_be_let_in(start, tiny_model):
    server = start(tiny_model, "--cors-origin", "*")
    reply = server.get("/v1/models", headers={"Origin": "https://anywhere.example"})
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in reply.headers
    assert "Access-Control-Allow-Origin" not in server.get("/v1/models").headers
    assert server.stop() == 0


HEAVY = "/v1/classify?views=3x3&stride=1&frames=16&timeout_ms=120000"


def test_a_client_that_floods_leaves_room_for_another(start, tiny_model, key_file, clip):
    key_file.write_text(f"alice:infer:{INFER}\nbob:infer:{OTHER}\n")
    server = start(tiny_model, "--api-key-file", key_file, "--max-queue", "8", "--client-share", "50")
    headers = {"Content-Type": "video/mp4", "Cache-Control": "no-store"}

    def ask(key):
        return requests.post(server.url + HEAVY, data=clip, timeout=TIMEOUT_S,
                             headers={**headers, **bearer(key)})

    def flood(key, until):
        refusals = []
        while time.monotonic() < until:
            reply = ask(key)
            if reply.status_code != 200:
                refusals.append(reply)
        return refusals

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        until = time.monotonic() + 3
        alice = [pool.submit(flood, INFER, until) for _ in range(16)]
        bob = pool.submit(flood, OTHER, until)
        alices = [reply for future in alice for reply in future.result()]
        bobs = bob.result()
    limited = [reply for reply in alices if reply.status_code == 429]
    assert limited
    assert_problem(limited[0], 429, "rate_limited", "/v1/classify", "POST")
    assert int(limited[0].headers["Retry-After"]) >= 1
    assert not [reply for reply in bobs if reply.status_code == 429]
    assert server.stop() == 0
