"""The server under load: started on a free loopback port, read by /proc, log and /metrics, stopped by pid."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_S = 300


def binary():
    return os.environ.get("M2CLIP_BIN", str(ROOT / "build" / "m2clip"))


def clean_environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith("M2CLIP_")}
    return {**kept, "OPENBLAS_NUM_THREADS": "1"}


def run_program(*arguments, timeout_s=900):
    """Standard output of a command of the program."""
    return subprocess.run([binary(), *map(str, arguments)], check=True, capture_output=True,
                          text=True, timeout=timeout_s, env=clean_environment()).stdout


def options_known():
    """Flags of `m2clip serve`, to use those of later versions where they exist."""
    return set(re.findall(r"--([a-z0-9][a-z0-9-]*)", run_program("serve", "--help")))


def routes_known():
    lines = run_program("serve", "--model", ".", "--print-routes").splitlines()
    routes = (json.loads(line) for line in lines)
    return {(route["method"], route["path"]) for route in routes}


def parse_metrics(text):
    """{(name, labels as text): value} of a Prometheus exposition."""
    values = {}
    for line in text.splitlines():
        match = re.fullmatch(r"([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)", line)
        if match and not line.startswith("#"):
            values[match.group(1), match.group(2) or ""] = float(match.group(3))
    return values


class Ledger:
    """What the server counted: accepted = answered + expired + gone + under way."""

    PARTS = ("accepted_total", "answered_total", "expired_total", "gone_total", "under_way",
             "refused_total")

    def __init__(self, metrics):
        for part in self.PARTS:
            name = f"m2clip_requests_{part}"
            total = sum(value for (metric, _), value in metrics.items() if metric == name)
            setattr(self, part.removesuffix("_total"), int(total))

    def difference(self):
        """0 where the books are even."""
        return self.accepted - self.answered - self.expired - self.gone - self.under_way

    def as_dict(self):
        return {part.removesuffix("_total"): getattr(self, part.removesuffix("_total"))
                for part in self.PARTS}


class Service:
    def __init__(self, folder, model, *options):
        self.log_path = pathlib.Path(folder) / f"server-{time.monotonic_ns()}.log"
        self.log_file = open(self.log_path, "wb")
        command = [binary(), "serve", "--model", str(model), "--listen", "127.0.0.1:0",
                   "--max-connections-per-address", "0", *map(str, options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log_file,
                                        env=clean_environment())
        self.pid = self.process.pid
        line = self.process.stdout.readline().decode()
        if not line.startswith("listening on http://"):
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"the server did not start: {self.log_path.read_text()[-500:]}")
        self.url = line.split()[-1]
        host, port = self.url.removeprefix("http://").rsplit(":", 1)
        self.address = (host, int(port))

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as reply:
            return reply.read().decode()

    def ledger(self):
        return Ledger(parse_metrics(self.get("/metrics")))

    def settled_ledger(self, timeout_s=30):
        """The ledger once nothing is under way but the request that reads it."""
        end = time.monotonic() + timeout_s
        ledger = self.ledger()
        while ledger.under_way > 1 and time.monotonic() < end:
            time.sleep(0.1)
            ledger = self.ledger()
        return ledger

    def log_lines(self, event=None):
        for line in self.log_path.read_text().splitlines():
            if line.startswith("{"):
                fields = json.loads(line)
                if event in (None, fields["event"]):
                    yield fields

    def rss_bytes(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_s(self):
        """Processor time so far, of its children that ended too."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def held_bytes(self):
        """(memory, disk) in its open memfds and unlinked files."""
        memory = disk = 0
        folder = pathlib.Path(f"/proc/{self.pid}/fd")
        for entry in folder.iterdir():
            try:
                target, size = os.readlink(entry), os.stat(entry).st_blocks * 512
            except OSError:
                continue
            if target.startswith("/memfd:"):
                memory += size
            elif target.endswith(" (deleted)"):
                disk += size
        return memory, disk

    def state(self):
        return {"rss_bytes": self.rss_bytes(), "threads": self.threads(),
                "descriptors": self.descriptors()}

    def stop(self, number=signal.SIGTERM, timeout_s=120):
        """Exit code after the signal; kills what does not end in time and raises."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self.log_file.close()
