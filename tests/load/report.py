"""Figures of a run: percentiles, slopes, the generator's own share, checks, table and JSON."""

import json
import math
import os
import time


def percentile(values, share):
    """By nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def slope(points):
    """Least squares of (x, y): y per unit of x; 0 of fewer than two points."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def cores():
    return len(os.sched_getaffinity(0))


class OwnShare:
    """Cores that this process, the generator, takes from the server meanwhile."""

    def __init__(self):
        self.cpu_s, self.wall_s = time.process_time(), time.monotonic()

    def cores(self):
        wall = time.monotonic() - self.wall_s
        return (time.process_time() - self.cpu_s) / wall if wall > 0 else 0.0


def machine_busy_s():
    """Processor time that all processes of the machine have taken since it started."""
    with open("/proc/stat", encoding="ascii") as stat:
        fields = list(map(int, stat.readline().split()[1:9]))
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


class OthersShare:
    """Cores that neither the generator nor the server takes: other work, which voids a figure."""

    def __init__(self, service):
        self.service, self.wall_s = service, time.monotonic()
        self.before_s = self.rest_s()

    def rest_s(self):
        return machine_busy_s() - time.process_time() - self.service.cpu_s()

    def cores(self):
        wall = time.monotonic() - self.wall_s
        return max(0.0, (self.rest_s() - self.before_s) / wall) if wall > 0 else 0.0


def corrected(rate, own_cores, all_cores):
    """A rate as it would be if the generator ran elsewhere."""
    left = all_cores - own_cores
    return rate * all_cores / left if left > 0 else rate


class Report:
    """Rows and checks of a scenario. A check is (name, value, rule in words, kept)."""

    def __init__(self, scenario, settings):
        self.scenario, self.settings = scenario, settings
        self.rows, self.checks, self.notes = [], [], []

    def row(self, **figures):
        self.rows.append(figures)

    def check(self, name, value, rule, kept):
        self.checks.append({"name": name, "value": value, "rule": rule, "kept": bool(kept)})

    def ledger(self, ledger):
        figures = ledger.as_dict()
        self.row(what="ledger", **figures)
        self.check("ledger", ledger.difference(),
                   "accepted = answered + expired + gone + under way", ledger.difference() == 0)

    def note(self, sentence):
        self.notes.append(sentence)

    def passed(self):
        return all(check["kept"] for check in self.checks)

    def as_dict(self):
        return {"scenario": self.scenario, "settings": self.settings, "cores": cores(),
                "rows": self.rows, "checks": self.checks, "notes": self.notes,
                "passed": self.passed()}

    def table(self):
        lines = [f"{self.scenario}: {'passed' if self.passed() else 'FAILED'}"]
        for row in self.rows:
            lines.append("  " + "  ".join(f"{name}={shown(value)}" for name, value in row.items()))
        for check in self.checks:
            mark = "ok  " if check["kept"] else "FAIL"
            lines.append(f"  {mark} {check['name']}: {shown(check['value'])} ({check['rule']})")
        lines += [f"  note: {sentence}" for sentence in self.notes]
        return "\n".join(lines)

    def write(self, folder):
        path = folder / f"{self.scenario}.json"
        path.write_text(json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n")
        return path


def shown(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
