"""environment.json says with what and where a run was made, and what could make it differ elsewhere."""

from __future__ import annotations

import json


def test_all_that_could_make_a_run_differ_is_written_down(tiny_run):
    environment = json.loads(tiny_run.environment_file.read_text(encoding="utf-8"))
    assert {"versions", "threads", "instructions", "device_name"} == set(environment["may_differ_with"])
    for name in environment["may_differ_with"]:
        assert environment[name], name
    assert {"torch", "numpy", "python", "wgan"} <= set(environment["versions"])
