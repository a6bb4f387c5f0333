"""The pages hold what the results say, and nothing else."""

from __future__ import annotations

import json

import pytest

from wgan_cli.errors import WganError

SPREAD = {"median": 2.0, "min": 1.5, "max": 2.5}


@pytest.fixture
def pages(benchmark):
    return benchmark("pages")


@pytest.fixture
def common(benchmark):
    return benchmark("common")


def result(device="cpu", others=(0.0, 0.0), **more):
    machine = {"platform": "Linux", "processor": "Some CPU", "cores": 4, "threads": 1, "device_name": "Some CPU"}
    if device != "cpu":
        machine["device_name"] = "Some GPU"
    versions = {"torch": "2.9.1", "python": "3.12.3"}
    settings = {"device": device, "rounds": 9, **more.pop("settings", {})}
    facts = {"date": "2026-01-31T12:00:00+00:00", "machine": machine, "versions": versions, "settings": settings}
    return {**facts, "cores_used_by_others": list(others), **more}


def case(busy=None, **more):
    groups = [{"name": name, "share": share} for name, share in (("matrix products", 0.5), ("the rest", 0.25))]
    facts = {"recipe": "mnist_mlp", "amp": "bf16", "batch_size": 64, "groups": groups, "busy_share": busy}
    return {**facts, "flop_per_second": 1.2e11, "share_of_peak": 0.4, "seconds_per_step": {"median": 0.0123}, **more}


def test_the_pages_say_what_the_committed_results_say(pages, common):
    for name, found in pages.sections(common.RESULTS).items():
        text = pages.PAGES[name].read_text(encoding="utf-8")
        assert pages.written(text, name, found) == text, "run python benchmarks/pages.py"


def test_the_package_says_of_recipes_what_the_committed_results_say(pages, common):
    said = json.loads(pages.MEASURED.read_text(encoding="utf-8"))
    assert pages.measured(common.RESULTS / "family.json") == said, "run python benchmarks/pages.py"


def test_every_result_that_is_committed_is_on_a_page(pages, common):
    for file in common.RESULTS.glob("*.json"):
        assert file.stem.split("-")[0] in {*pages.SECTIONS, "distributed", "family", "search", "time_to_quality"}
        assert "quick" not in file.stem


def test_pictures_that_results_name_are_there(pages, common):
    for file in common.RESULTS.glob("*.json"):
        if plot := json.loads(file.read_text(encoding="utf-8")).get("plot"):
            assert (pages.ROOT / plot).is_file()


def test_no_result_no_heading(pages, tmp_path):
    assert pages.section(tmp_path) == ""
    commands = [{"command": "wgan --help", "seconds": SPREAD, "ours": {"beyond": "Python alone", **SPREAD}}]
    (tmp_path / "startup.json").write_text(json.dumps(result(commands=commands)), encoding="utf-8")
    text = pages.section(tmp_path)
    assert text.startswith("## Starting\n\n| command | seconds | ours | beyond |\n| --- | ---: | ---: | ---: |\n")
    assert "| wgan --help | 2.00 (1.50 to 2.50) | 2.00 | Python alone |" in text
    assert "9 rounds on Some CPU with 1 thread, torch 2.9.1, Python 3.12.3, 2026-01-31." in " ".join(text.split())
    assert text.count("## ") == 1


def test_another_device_has_a_table_of_its_own_below(pages, tmp_path):
    peaks = {"bf16": {"flop_per_second": 3e11}}
    for name, device, busy in (("step_anatomy-cuda", "cuda:0", 0.93), ("step_anatomy", "cpu", None)):
        written = json.dumps(result(device, cases=[case(busy)], roofline=peaks))
        (tmp_path / f"{name}.json").write_text(written, encoding="utf-8")
    text = pages.section(tmp_path)
    first, second = text.split("| recipe | format |")[1:]
    assert "| bf16 | matrix products 50%, the rest 25% | 64 | 12.30 | 120 | 40% |\n" in first
    assert "GPU busy" not in first and "Some CPU with 1 thread" in first and "300 in bf16" in first
    assert "| 64 | 12.30 | 120 | 40% | 93% |\n" in second
    assert "GPU busy" in second and "Some GPU, torch 2.9.1" in second
    assert text.count("## ") == 1


def test_a_run_is_predicted_in_words_beside_its_picture(pages, tmp_path):
    seconds = {"fixed": 0.0123, "each": 4.5e-5, "worst": 0.071}
    memory = {"fixed": 8.1e8, "each": 2.5e5, "worst": 0.004}
    line = {
        "family": "dcgan",
        "recipe": "mnist_dcgan",
        "n_critic": 1,
        "amp": "off",
        "seconds": seconds,
        "bytes": memory,
    }
    text = pages.scaling_cost(result(lines=[line], plot="docs/scaling_cost.png"))
    words = " ".join(text.split())
    assert text.startswith("![") and "](scaling_cost.png)\n\n- mnist_dcgan in float32: " in text
    assert "1 critic update and one of the generator, takes about 12.3 ms and 45 us for each image" in words
    assert "(at most 7% off); memory 810 MB and 0.25 MB for each (at most 0.4% off)" in words
    assert pages.scaling_cost(result(lines=[line])).startswith("- mnist_dcgan")


@pytest.mark.parametrize(("others", "told"), [((0.0, 0.1), False), ((1.7, 0.0), True), ((0.0, 1.7), True)])
def test_work_beside_a_measurement_is_told(pages, others, told):
    assert ("while other work ran beside it" in pages.where(result(others=others))) == told
    assert "beside it" not in pages.where(result(others=(None, None)))


def test_only_what_is_between_the_marks_changes(pages):
    begin, end = pages.MARKS["speed"]
    marked = f"before\n{begin}\nold\n{end}\nafter"
    assert pages.written(marked, "speed", r"new \1") == f"before\n{begin}\nnew \\1\n{end}\nafter"
    for wrong in ("no marks", marked + marked):
        with pytest.raises(WganError, match="speed marks"):
            pages.written(wrong, "speed", "new")


def test_lines_are_no_wider_than_the_page(pages, common):
    plain = [line for line in pages.section(common.RESULTS).splitlines() if not line.startswith("|")]
    assert max(map(len, plain), default=0) <= 120


def test_distances_stand_beside_each_other_at_the_minutes_of_the_first(pages, tmp_path):
    def contestant(*points):
        named = [dict(zip(("minutes", "seconds", "fd", "real_baseline"), each, strict=True)) for each in points]
        return result(points=named)

    ours = contestant((1, 58.6, 1.777, 0.144), (7, 420.0, 0.5, 0.144))
    theirs = contestant((1, 60.0, 24.0, 0.144), (2, 120.0, 12.0, 0.144))
    file = tmp_path / "time_to_quality.json"
    assert pages.quality(file) == ""
    file.write_text(json.dumps({"contestants": {"ours": ours, "theirs": theirs}}))
    text = pages.quality(file)
    assert "| 1 | 1.78 (59 s) | 24 (60 s) |" in text and "| 2 |" not in text
    assert "| 7 | 0.5 (420 s) |  |" in text
    assert "no run saw is 0.144. On Some CPU" in text
