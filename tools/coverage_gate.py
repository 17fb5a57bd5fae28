"""The coverage gate: pure modules wholly by their own test file, the rest to 95 % of branches.

    python tools/coverage_gate.py            both
    python tools/coverage_gate.py pure       each pure module by its own test file: 100 %
    python tools/coverage_gate.py rest       the whole suite, both loops combined: 95 % of the other modules

Exits non-zero when one is missed, and names what is not covered.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import coverage

from house import ROOT, House

PURE_PERCENT = 100.0
REST_PERCENT = 95.0


def run(folder: Path, *arguments: str) -> tuple[coverage.Coverage, list[str]]:
    """Run pytest under coverage with its data in ``folder``; what was measured, and a complaint if a test failed."""
    data = folder / "data"
    environment = {**os.environ, "COVERAGE_FILE": str(data)}
    command = [sys.executable, "-m", "coverage", "run", f"--data-file={data}", "-m", "pytest", "-q", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False)
    failed = [f"{' '.join(arguments) or 'the suite'}: failed"] if done.returncode else []
    measured = coverage.Coverage(data_file=str(data), config_file=str(ROOT / "pyproject.toml"))
    measured.combine([str(folder)])
    return measured, failed


def pure(house: House) -> list[str]:
    """What each pure module's own test file leaves uncovered."""
    names = sorted(house.pure)
    files = {name: own_tests(name) for name in names}
    missed = [f"{name}: {path.relative_to(ROOT)} is missing" for name, path in files.items() if not path.is_file()]
    for name in names:
        if not files[name].is_file():
            continue
        with tempfile.TemporaryDirectory() as folder:
            measured, failed = run(Path(folder), "-p", "no:cacheprovider", str(files[name]))
            report, percent = reported(measured, [house.modules[name].path])
        print(f"{percent:6.1f} %  {name}", flush=True)
        missed += failed
        if percent < PURE_PERCENT:
            missed.append(report)
    return missed


def own_tests(name: str) -> Path:
    *folders, module = name.split(".")[1:]
    return ROOT.joinpath("tests", *folders, f"test_{module}.py")


def rest(house: House) -> list[str]:
    """What the whole suite leaves uncovered in the modules that are not pure; a test must fail twice to count."""
    with tempfile.TemporaryDirectory() as folder:
        measured, failed = run(Path(folder), *sys.argv[2:])
        if failed:
            print("the suite failed; those tests once more", flush=True)
            only_failed = ["--last-failed", "--last-failed-no-failures=all", *sys.argv[2:]]
            again = [sys.executable, "-m", "pytest", "-q", *only_failed]
            if subprocess.run(again, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode == 0:
                failed = []
        others = [module.path for name, module in house.modules.items() if name not in house.pure]
        report, percent = reported(measured, others)
    print(report)
    print(f"{percent:6.1f} %  of the modules that are not pure (wanted: {REST_PERCENT:g} %)")
    return failed + ([] if percent >= REST_PERCENT else [f"the modules that are not pure: {percent:.1f} %"])


def reported(measured: coverage.Coverage, paths: list[Path]) -> tuple[str, float]:
    text = io.StringIO()
    percent = measured.report(include=[str(path) for path in paths], file=text)
    return text.getvalue(), percent


def main() -> int:
    what = sys.argv[1] if len(sys.argv) > 1 else "both"
    house = House()
    missed: list[str] = []
    if what in ("both", "pure"):
        missed += pure(house)
    if what in ("both", "rest"):
        missed += rest(house)
    for line in missed:
        print(line)
    print("coverage gate:", "missed" if missed else "passed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
