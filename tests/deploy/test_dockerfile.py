"""The rules that the Dockerfile keeps, read from its text: they need no builder."""

import re

from deploy_support import ROOT, environment, of_kind, serve_options, stages

TEXT = (ROOT / "Dockerfile").read_text()
BUILD, RUN = stages(TEXT)


def packages(stage):
    """Names after `apt-get install` in a stage."""
    found = []
    for argument in of_kind(stage, "RUN"):
        match = re.search(r"apt-get install ([^&]+)", argument)
        if match:
            found += [word for word in match.group(1).split() if not word.startswith("-")]
    return found


def test_there_are_two_stages_on_slim_debian():
    assert of_kind(BUILD, "FROM") == ["debian:bookworm-slim AS build"]
    assert of_kind(RUN, "FROM") == ["debian:bookworm-slim"]


def test_the_last_stage_has_libraries_alone():
    installed = packages(RUN)
    assert installed
    assert all(name.startswith(("lib", "zlib")) or name == "ca-certificates" for name in installed)
    assert not [name for name in installed if name.endswith("-dev")]
    assert not {"ffmpeg", "gcc", "curl", "build-essential"} & set(installed)


def test_every_library_that_is_linked_at_build_time_is_there_at_run_time():
    """One run-time package for each -dev package; glibc's and the compiler's own aside."""
    stems = {re.sub(r"-openssl-dev$|-dev$", "", name) for name in packages(BUILD)
             if name.endswith("-dev")}
    for stem in stems:
        stem = re.sub(r"\d+$", "", stem.replace("zlib1g", "zlib"))
        assert any(name.startswith(stem) for name in packages(RUN)), stem


def test_dev_installs_what_the_build_stage_does():
    lines = (ROOT / "dev").read_text()
    listed = re.search(r"^packages=\(([^)]*)\)", lines, re.M).group(1).split()
    assert set(listed) - {"git"} == set(packages(BUILD))


def test_apt_leaves_no_lists_and_takes_no_recommendations():
    for stage in (BUILD, RUN):
        for argument in of_kind(stage, "RUN"):
            if "apt-get install" in argument:
                assert "--no-install-recommends" in argument
                assert "rm -rf /var/lib/apt/lists/*" in argument


def test_only_the_built_tree_is_copied_into_the_last_stage():
    assert of_kind(RUN, "COPY") == ["--from=build /out/ /"]
    assert not of_kind(RUN, "ADD") + of_kind(BUILD, "ADD")


def test_the_user_is_a_number_and_not_root():
    (user,) = of_kind(RUN, "USER")
    number, group = user.split(":")
    assert int(number) >= 10000 and int(group) >= 10000


def test_it_says_how_to_start_probe_and_stop():
    assert of_kind(RUN, "ENTRYPOINT") == ['["/usr/local/bin/m2clip"]']
    assert of_kind(RUN, "CMD") == ['["serve"]']
    assert of_kind(RUN, "STOPSIGNAL") == ["SIGTERM"]
    assert of_kind(RUN, "EXPOSE") == ["8080 9090"]
    (check,) = of_kind(RUN, "HEALTHCHECK")
    assert '"/usr/local/bin/m2clip", "health", "--url", "http://127.0.0.1:9090"' in check


def test_it_listens_outside_the_container_and_serves_the_model_inside():
    values = environment(RUN)
    assert values["M2CLIP_LISTEN"] == "0.0.0.0:8080"
    assert values["M2CLIP_PROBE_LISTEN"] == "0.0.0.0:9090"
    assert values["M2CLIP_MODEL"] == "/models/default"


def test_every_variable_is_an_option_and_none_is_a_secret():
    names = {name for name in environment(RUN) if name.startswith("M2CLIP_")}
    assert names <= serve_options()
    assert not re.search(r"KEY=|TOKEN=|PASSWORD=|SECRET=", TEXT)


def test_the_context_leaves_out_what_is_not_built_from():
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert {".git", "build", "build-*", "tests", "docs", "deploy"} <= set(ignored)
