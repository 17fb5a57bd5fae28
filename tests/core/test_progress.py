"""Progress, by callback or bar."""

from __future__ import annotations

import subprocess
import sys

import pytest

from asyncnet.core.progress import Reporter, check_progress


def test_a_callback_gets_the_first_and_the_last():
    seen = []
    reporter = Reporter(lambda done, total: seen.append((done, total)), "x", "B")
    for done in range(1, 100):
        reporter.report(done, 100)
    reporter.report(100, 100, final=True)
    reporter.report(100, 100, final=True)
    reporter.close()
    assert seen[0] == (1, 100)
    assert seen[-1] == (100, 100)
    assert len(seen) < 50


def test_without_progress_nothing_is_shown(capsys):
    reporter = Reporter(None, "x", "B")
    reporter.report(1, None)
    reporter.close()
    assert capsys.readouterr() == ("", "")


def test_a_bar(capsys):
    reporter = Reporter(True, "file.bin", "B")
    reporter.report(512, 1024, final=True)
    reporter.close()
    assert "file.bin" in capsys.readouterr().err


@pytest.mark.parametrize("progress", [None, False, True, print])
def test_what_progress_may_be(progress):
    check_progress(progress)


@pytest.mark.parametrize("progress", ["yes", 1, []])
def test_what_it_may_not_be(progress):
    with pytest.raises(TypeError):
        check_progress(progress)


WITHOUT = """
import sys
sys.modules["tqdm"] = None
from asyncnet.core.progress import check_progress
try:
    check_progress(True)
except ImportError as error:
    assert "asyncnet[progress]" in str(error)
else:
    raise SystemExit("no error")
"""


def test_without_tqdm():
    subprocess.run([sys.executable, "-c", WITHOUT], check=True, timeout=60)
