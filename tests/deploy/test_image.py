"""The image itself: built, started as its own user, asked about a real clip, stopped by SIGTERM."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
import requests
from deploy_support import SHARED, ImageBuilder
from cli_support import make_clip

TAG = f"m2clip-test:{os.getpid()}"
BUILD_S = 1500
OFFLINE = ("Temporary failure resolving", "Could not resolve", "Unable to fetch")


@pytest.fixture(scope="module")
def image():
    builder = ImageBuilder.find()
    if isinstance(builder, str):
        pytest.skip(builder)
    result = builder.build(TAG, BUILD_S)
    log = result.stdout + result.stderr
    if result.returncode and any(sign in log for sign in OFFLINE):
        pytest.skip("Debian's packages are out of reach")
    assert result.returncode == 0, log[-4000:]
    print(result.stdout.splitlines()[-1])
    yield builder
    builder.remove(TAG)


def descendants(pid):
    """Process ids below `pid`, by the kernel's own lists."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


class Container:
    """`m2clip serve` in the image, on free ports of the host's loopback."""

    def __init__(self, builder):
        command = ["/usr/local/bin/m2clip", "serve", "--listen", "127.0.0.1:0"]
        self.runner = builder.start(TAG, *command, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL)
        line = self.runner.stdout.readline().decode()
        ready = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert line.startswith("listening on http://"), line
        self.url = line.split()[-1]
        self.pid = next(pid for pid in descendants(self.runner.pid)
                        if os.readlink(f"/proc/{pid}/exe").endswith("/m2clip"))
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        self.start_s = ready - int(stat[19]) / os.sysconf("SC_CLK_TCK")

    def status(self):
        lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return dict(line.split(":", 1) for line in lines)

    def stop(self):
        """Sends SIGTERM to the server; exit code of the container and seconds it took."""
        begun = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        code = self.runner.wait(60)
        self.runner.stdout.close()
        return code, time.monotonic() - begun


def test_the_image_says_who_runs_and_what(image):
    config = image.config(TAG)
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["/usr/local/bin/m2clip"] and config["Cmd"] == ["serve"]
    assert set(config["ExposedPorts"]) == {"8080", "9090"} or \
        set(config["ExposedPorts"]) == {"8080/tcp", "9090/tcp"}
    assert config["StopSignal"] == "SIGTERM"


def test_nothing_to_misuse_lies_inside(image):
    script = """
      for tool in ffmpeg ffprobe gcc cc ld make curl wget; do command -v $tool; done
      ls /var/lib/apt/lists
      find / -xdev -type d -writable ! -path '/proc/*' ! -path '/dev/*' 2>/dev/null
      find / -xdev -perm -4000 -newer /models/default/config.json 2>/dev/null
      id -u"""
    result = image.run(TAG, "sh", "-c", script)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.split()
    assert lines.pop() == "10001"
    assert set(lines) <= {"/tmp", "/var/tmp", "/run/lock", "auxfiles", "partial"}, lines


def test_it_answers_a_real_clip_and_stops_on_sigterm(image, tmp_path):
    clip = SHARED / "videos" / "arm_wrestling.mp4"
    if not clip.is_file():
        clip = make_clip(tmp_path / "clip.mp4", seconds=3)
    container = Container(image)
    try:
        assert container.status()["Uid"].split()[0] == "10001"
        health = subprocess.run([image.script, "--run", TAG, "/usr/local/bin/m2clip", "health",
                                 "--url", container.url], timeout=120, check=False)
        assert health.returncode == 0
        answer = requests.post(container.url + "/v1/classify", data=clip.read_bytes(), timeout=60,
                               headers={"Content-Type": "video/mp4"})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["predictions"]) == 5 and body["video"]["frames"] > 0
        rss = container.status()["VmRSS"].strip()
    finally:
        code, stop_s = container.stop()
    assert code == 0
    assert stop_s < 60
    print(json.dumps({"start_s": round(container.start_s, 3), "stop_s": round(stop_s, 3),
                      "rss": rss, "first": body["predictions"][0],
                      "total_ms": body["timing_ms"]["total"]}))
