"""Text helpers."""

from __future__ import annotations

from wgan_cli.utils import format as module
from wgan_cli.utils.format import format_bytes, format_rate, log_progress, printable, thinned


def test_thinned():
    assert thinned(range(5), 9) == thinned(range(5), None) == list(range(5))
    assert thinned(range(100), 3) == [0, 50, 99] and thinned(range(100), 1) == [0] and thinned(range(9), 0) == []


def test_printable():
    assert printable("größe 写真.jpg") == "größe 写真.jpg"
    assert printable("a\n\x1b\udcff") == "a\\n\\x1b\\udcff"


def test_format_bytes():
    assert [format_bytes(n) for n in (999, 1000, 2_500_000, 3 * 10**9)] == ["999 bytes", "1.0 KB", "2.5 MB", "3.0 GB"]


def test_format_rate():
    assert [format_rate(rate) for rate in (62_403.4, 10, 9.96, 0.04321)] == ["62,403", "10", "10", "0.043"]


def test_log_progress(monkeypatch):
    now, messages = iter(range(1000)), []
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now) / 5)
    assert list(log_progress(range(30), 30, "photos:", messages.append)) == list(range(30))
    assert 0 < len(messages) < 10 and messages[0].startswith("photos: ") and " of 30 images, 0:" in messages[0]
