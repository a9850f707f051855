"""wrk, the load generator in C, where what is measured is faster than Python can ask."""

import json
import re
import shutil
import subprocess

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


def have_wrk():
    return shutil.which("wrk") is not None


def lua_string(text):
    """A Lua literal of any bytes of UTF-8: JSON's escapes are Lua's but for \\u and \\/."""
    return json.dumps(text, ensure_ascii=False).replace("\\/", "/")


def post_script(path, body, content_type="application/json"):
    path.write_text("wrk.method = 'POST'\n"
                    f"wrk.body = {lua_string(body)}\n"
                    f"wrk.headers['Content-Type'] = {lua_string(content_type)}\n")
    return path


def parse(text):
    """Requests a second, latencies and bad replies of wrk's report."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    latency = {f"p{share}_ms": float(value) * UNITS[unit] for share, value, unit in
               re.findall(r"(50|75|90|99)%\s+([\d.]+)(us|ms|s|m)\b", text)}
    return {"requests_per_s": float(rate.group(1)) if rate else 0.0,
            "bad": int(bad.group(1)) if bad else 0,
            "broken": sum(map(int, broken.groups())) if broken else 0, **latency}


def wrk(url, seconds, connections=32, script=None):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    if script:
        command += ["-s", str(script)]
    result = subprocess.run([*command, url], capture_output=True, text=True, check=True,
                            timeout=seconds + 60)
    return parse(result.stdout)
