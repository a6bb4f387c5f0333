"""Files of a run whose disk is full for a while."""

import errno

import pytest

from wgan_cli.runs import metrics_log
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import create_run
from wgan_cli.training.recording.run_files import RunFiles


@pytest.mark.parametrize("still_full", [False, True])
def test_records_of_a_full_disk_are_not_written_after_a_rollback(tmp_path, monkeypatch, still_full):
    def refuse(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    run = create_run(tmp_path / "run", "tiny")
    files, append = RunFiles(run, lambda text: None), metrics_log.append_whole
    monkeypatch.setattr(metrics_log, "append_whole", refuse)
    for step in (2, 8):
        files.add_record({"step": step})
    if not still_full:
        monkeypatch.setattr(metrics_log, "append_whole", append)
    files.rewind(4)
    monkeypatch.setattr(metrics_log, "append_whole", append)
    files.add_record({"step": 6})
    assert [record["step"] for record in read_metrics(run.metrics_file)] == ([6] if still_full else [2, 6])
