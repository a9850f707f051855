"""What the tests of the shipped files share: the tree, a reader of Dockerfiles, an image builder."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"

sys.path.insert(0, str(ROOT / "tests" / "e2e"))


def instructions(text):
    """(keyword, argument) of each instruction of a Dockerfile, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    split = [line.strip().split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(part[0].upper(), part[1].strip()) for part in split]


def stages(text):
    """Instructions stage by stage, each list beginning with its FROM."""
    result = []
    for keyword, argument in instructions(text):
        if keyword == "FROM":
            result.append([])
        result[-1].append((keyword, argument))
    return result


def of_kind(stage, keyword):
    return [argument for kind, argument in stage if kind == keyword]


def environment(stage):
    pairs = {}
    for argument in of_kind(stage, "ENV"):
        pairs.update(pair.split("=", 1) for pair in argument.split())
    return pairs


class ImageBuilder:
    """Builds and runs the Dockerfile by a script (`CONTEXT TAG`, `--run TAG COMMAND...`) on buildah."""

    def __init__(self, script):
        self.script = script

    @staticmethod
    def find():
        """A builder, or a sentence that says why there is none."""
        script = pathlib.Path(os.environ.get("M2C_IMAGE_BUILDER",
                                             SHARED / "tools" / "build-image"))
        if not script.is_file():
            return f"no image builder at {script}"
        if not shutil.which("buildah"):
            return "buildah is not installed"
        if os.geteuid() != 0:
            return "the image builder needs root"
        return ImageBuilder(script)

    def build(self, tag, timeout_s):
        return subprocess.run([self.script, ROOT, tag], capture_output=True, text=True,
                              timeout=timeout_s, check=False)

    def run(self, tag, *command, timeout_s=120):
        return subprocess.run([self.script, "--run", tag, *command], capture_output=True, text=True,
                              timeout=timeout_s, check=False)

    def start(self, tag, *command, **streams):
        return subprocess.Popen([self.script, "--run", tag, *command], **streams)

    def buildah(self, *arguments):
        return subprocess.run(["buildah", "--storage-driver", "vfs", *arguments],
                              capture_output=True, text=True, timeout=60, check=True).stdout

    def config(self, tag):
        inspected = json.loads(self.buildah("inspect", "--type", "image", f"localhost/{tag}"))
        return inspected["OCIv1"]["config"]

    def remove(self, tag):
        self.buildah("rmi", f"localhost/{tag}")


def serve_options():
    """M2CLIP_<OPTION> of every option that `m2clip serve` has."""
    from cli_support import m2clip

    text = m2clip("serve", "--help").stdout
    flags = re.findall(r"--([a-z0-9][a-z0-9-]*)", text)
    return {"M2CLIP_" + flag.upper().replace("-", "_") for flag in flags}
