"""Reload by signal: another model takes the place of the first while requests run."""

import concurrent.futures
import json
import os
import shutil
import signal
import threading
import time

import pytest
from cli_support import m2clip
from server_support import Server, without_times


def wait_for_event(server, event, count=1, timeout_s=60):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if sum(line["event"] == event for line in server.log_lines()) >= count:
            return
        time.sleep(0.02)
    raise AssertionError(f"{event} was not logged {count} times")


def replace(folder, name, source):
    """A model is replaced by rename, since its files are mapped."""
    shutil.copyfile(source, folder / ".new")
    os.rename(folder / ".new", folder / name)


@pytest.fixture
def two_models(tmp_path, tiny_model):
    """A folder to serve, and two weights files that go into it in turn."""
    folder = tmp_path / "served"
    shutil.copytree(tiny_model, folder)
    other = tmp_path / "other"
    result = m2clip("init", "--arch", "tiny", "--seed", "77", "--classes", "7", "-o", other)
    assert result.returncode == 0, result.stderr
    return folder, [tiny_model / "model.safetensors", other / "model.safetensors"]


def ask(server, clip):
    answer = server.post("/v1/classify", data=clip, headers={"Content-Type": "video/mp4",
                                                             "Cache-Control": "no-store"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_answer_is_of_one_version_while_models_change(tmp_path, two_models, clip):
    folder, weights = two_models
    # Our own products sum a row alike in any batch; a library's may not.
    server = Server(tmp_path, folder, "--backend", "native", "--precision", "f32")
    first = without_times(ask(server, clip))
    stop = threading.Event()

    def ask_on():
        answers = []
        while not stop.is_set():
            answers.append(without_times(ask(server, clip)))
        return answers

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(ask_on) for _ in range(4)]
        try:
            for turn in range(1, 21):
                replace(folder, "model.safetensors", weights[turn % 2])
                server.process.send_signal(signal.SIGHUP)
                wait_for_event(server, "reloaded", turn)
        finally:
            stop.set()
        answers = [answer for future in futures for answer in future.result()]
    by_version = {}
    for answer in answers + [first]:
        by_version.setdefault(answer["model_version"], []).append(answer["predictions"])
    assert len(by_version) == 2
    for predictions in by_version.values():
        assert all(row == predictions[0] for row in predictions)
    assert len({str(rows[0]) for rows in by_version.values()}) == 2
    assert server.stop() == 0


def test_a_bad_model_changes_nothing(start, two_models, clip):
    folder, weights = two_models
    server = start(folder)
    before = without_times(ask(server, clip))
    good = (folder / "model.safetensors").read_bytes()
    (folder / ".new").write_bytes(good[:-10])
    os.rename(folder / ".new", folder / "model.safetensors")
    server.process.send_signal(signal.SIGHUP)
    wait_for_event(server, "reload_failed")
    after = without_times(ask(server, clip))
    assert after["predictions"] == before["predictions"]
    assert after["model_version"] == before["model_version"]
    assert server.get("/readyz").status_code == 200
    replace(folder, "model.safetensors", weights[1])
    server.process.send_signal(signal.SIGHUP)
    wait_for_event(server, "reloaded")
    assert ask(server, clip)["model_version"] != before["model_version"]
    assert server.stop() == 0


def write_adapter_set(folder, model_file):
    """The adapters of a model's own weights as a set of their own."""
    raw = model_file.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
    tensors, packed = {}, b""
    for name, row in header.items():
        if "adapter" not in name:
            continue
        begin, end = row["data_offsets"]
        tensors[name] = {**row, "data_offsets": [len(packed), len(packed) + end - begin]}
        packed += data[begin:end]
    text = json.dumps(tensors).encode()
    folder.mkdir(parents=True)
    (folder / "adapters.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + packed)
    (folder / "config.json").write_text("{}")


def test_an_adapter_set_appears_and_leaves(start, two_models, clip):
    folder, _ = two_models
    server = start(folder)

    def names():
        return [row["name"] for row in server.get("/v1/models").json()["models"]]

    assert "pets" not in names()
    write_adapter_set(folder / "adapters" / "pets", folder / "model.safetensors")
    server.process.send_signal(signal.SIGHUP)
    wait_for_event(server, "reloaded")
    assert "pets" in names()
    answer = server.post("/v1/classify?model=pets", data=clip, headers={"Content-Type": "video/mp4"})
    assert answer.status_code == 200 and answer.json()["model"] == "pets"
    shutil.rmtree(folder / "adapters")
    server.process.send_signal(signal.SIGHUP)
    wait_for_event(server, "reloaded", 2)
    assert "pets" not in names()
    gone = server.post("/v1/classify?model=pets", data=clip, headers={"Content-Type": "video/mp4"})
    assert gone.status_code == 404 and gone.json()["code"] == "model_not_found"
    assert server.stop() == 0
