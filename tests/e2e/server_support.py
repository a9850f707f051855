"""A server under test: started on a free loopback port, asked by requests or by raw bytes, stopped by its own pid."""

import base64
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import contract
import requests
from cli_support import SHARED, binary, clean_environment, m2clip

START_S = 60
TIMEOUT_S = 60


class Server:
    def __init__(self, folder, model, *options, env=None, wait=True):
        self.log_path = pathlib.Path(folder) / f"server-{time.monotonic_ns()}.log"
        self.log_file = open(self.log_path, "wb")
        # One compute thread: barriers of a team cost a time slice each where the cores are busy.
        threads = [] if "--threads" in options else ["--threads", "1"]
        # Admission is tested by itself: elsewhere no estimate may refuse a slow machine's work.
        budget = [] if "--max-queue-ms" in options else ["--max-queue-ms", "600000"]
        command = [binary(), "serve", "--model", str(model), "--listen", "127.0.0.1:0",
                   "--max-connections-per-address", "0", *threads, *budget, *map(str, options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log_file,
                                        env=clean_environment(**(env or {})))
        self.address = None
        if wait:
            line = self.process.stdout.readline().decode()
            assert line.startswith("listening on http"), (line, self.log_text())
            self.url = line.split()[-1]
            host, port = self.url.split("://")[1].rsplit(":", 1)
            self.address = (host, int(port))
        self.session = requests.Session()

    def log_text(self):
        return self.log_path.read_text()

    def log_lines(self):
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    def request_log(self, request_id, timeout_s=5):
        """The log line of a request; it is written just after the reply."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            for line in self.log_lines():
                if line["event"] == "request" and line["id"] == request_id:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no log line of {request_id}")

    def get(self, path, **options):
        return self.session.get(self.url + path, timeout=TIMEOUT_S, **options)

    def post(self, path, **options):
        return self.session.post(self.url + path, timeout=TIMEOUT_S, **options)

    def post_raw(self, path, body, content_type="video/mp4", **options):
        headers = {"Content-Type": content_type, **options.pop("headers", {})}
        return self.post(path, data=body, headers=headers, **options)

    def post_form(self, path, body, **fields):
        return self.post(path, files={"video": ("clip", body, "video/mp4")}, data=fields)

    def post_json(self, path, body=None, **members):
        if body is not None:
            members["video"] = base64.b64encode(body).decode()
        return self.post(path, json=members)

    def connect(self):
        return socket.create_connection(self.address, timeout=15)

    def rss_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_ticks(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def stop(self, number=signal.SIGTERM, timeout_s=30):
        """Sends the signal, waits, returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(timeout_s)

    def wait(self, timeout_s=30):
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.session.close()
            self.process.stdout.close()
            self.log_file.close()


def read_reply(connection):
    """One reply as (status, headers, body); (0, {}, rest) where the connection ended first."""
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return 0, {}, data
            data += piece
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)):
            piece = connection.recv(65536)
            if not piece:
                break
            body += piece
    except ConnectionError:
        return 0, {}, data
    status = int(lines[0].split()[1])
    contract.judge_raw(status, headers, body)
    return status, headers, body


def is_closed(connection, timeout_s=5):
    connection.settimeout(timeout_s)
    try:
        return connection.recv(65536) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def exchange(server, data):
    """Sends raw bytes on a new connection; the reply and whether the server closed after it."""
    with server.connect() as connection:
        try:
            connection.sendall(data)
        except ConnectionError:
            pass
        reply = read_reply(connection)
        return reply, is_closed(connection, 2)


def make_tiny_model(folder, classes=7):
    result = m2clip("init", "--arch", "tiny", "--seed", "3", "--classes", classes, "-o", folder)
    assert result.returncode == 0, result.stderr
    names = ["arm wrestling", "playing chess", "opening a door", "closing a door", "running",
             "sitting down", "standing up"]
    (pathlib.Path(folder) / "labels.csv").write_text("".join(f"{n}\n" for n in names[:classes]))
    return folder


def make_e2e_model(folder):
    """The shared float32 fixture with its tokenizer, or None where ../shared is absent."""
    source = SHARED / "fixtures" / "e2e"
    tokenizer = SHARED / "clip-tokenizer"
    if not source.is_dir() or not tokenizer.is_dir():
        return None
    for file in [*source.iterdir(), *tokenizer.iterdir()]:
        shutil.copyfile(file, pathlib.Path(folder) / file.name)
    return folder


def without_times(answer):
    """What must be equal from one run to the next."""
    dropped = ("id", "timing_ms", "cache", "input")
    return {key: value for key, value in answer.items() if key not in dropped}
