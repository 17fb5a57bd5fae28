"""What is exported is what ``__all__`` says is what the reference pages say; and importing the root loads nothing."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys

import pytest

import asyncnet
from house import PROTOCOLS, ROOT, SOURCE, House

HOUSE = House()
PRIVATE = ("", "core", "commands")  # the root apart, nobody imports from these
PACKAGES = [name for name, module in HOUSE.modules.items() if module.package and module.area not in PRIVATE]
PUBLIC = ["asyncnet", "asyncnet.errors", *PACKAGES]
PAGES = ROOT / "docs" / "reference"

# What each namespace promises for its first version; more may be added.
PROMISED = {
    "asyncnet": {
        "Dialer", "use", "public_only", "trace", "run", "close", "Outcome", "errors", "testing",
        "dns", "http", "tcp", "udp", "smtp", "pop3", "nntp",
    },
    "asyncnet.dns": {"resolve", "lookup", "reverse", "lookup_many", "Resolver"},
    "asyncnet.http": {
        "fetch", "fetch_image", "download", "fetch_many", "download_many", "Client", "connector",
    },
    "asyncnet.tcp": {"Client", "Server", "exchange"},
    "asyncnet.udp": {"Client", "Server", "exchange"},
    "asyncnet.smtp": {"compose", "send", "Client", "Pool"},
    "asyncnet.pop3": {"fetch", "Client"},
    "asyncnet.nntp": {"fetch", "Client"},
    "asyncnet.testing": {"FaultyLink", "no_leaks"},
}  # fmt: skip


def exported(name: str) -> list[str]:
    return list(importlib.import_module(name).__all__)


def test_the_packages_were_found():
    assert {"asyncnet.dns", "asyncnet.http", "asyncnet.tcp", "asyncnet.udp", "asyncnet.smtp"} <= set(PACKAGES)
    assert {name.rpartition(".")[2] for name in PACKAGES} - {"testing"} <= set(PROTOCOLS)


def test_every_namespace_is_at_the_root():
    assert {name.rpartition(".")[2] for name in PACKAGES} | {"errors"} <= set(asyncnet.__all__)


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_what_is_promised_is_there(name):
    assert PROMISED[name] <= set(exported(name))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_of_all_exists_and_dir_shows_it(name):
    module = importlib.import_module(name)
    names = exported(name)
    assert len(names) == len(set(names))
    for word in names:
        assert getattr(module, word) is not None
    assert set(names) <= set(dir(module))


@pytest.mark.parametrize("name", ["asyncnet", *PACKAGES])
def test_a_package_imports_exactly_what_it_exports(name):
    bound: set[str] = set()
    for node in ast.walk(HOUSE.modules[name].tree):
        if isinstance(node, ast.FunctionDef):
            node.body = []  # what a function imports is its own affair
    for node in ast.walk(HOUSE.modules[name].tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            bound |= {alias.asname or alias.name for alias in node.names}
    assert {word for word in bound if not word.startswith("_")} == set(exported(name))


@pytest.mark.parametrize("name", ["asyncnet", *PACKAGES])
def test_a_package_defines_nothing(name):
    for node in House().modules[name].tree.body:
        assert not isinstance(node, ast.ClassDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.FunctionDef):
            assert node.name in ("__getattr__", "__dir__")


def listed(*pages: str) -> list[str]:
    texts = [(PAGES / f"{page}.md").read_text(encoding="utf-8") for page in pages]
    return sorted(word for text in texts for word in re.findall(r"^## `(\w+)`$", text, re.MULTILINE))


@pytest.mark.parametrize("name", PUBLIC[1:])
def test_the_reference_page_lists_exactly_what_is_exported(name):
    assert listed(name.rpartition(".")[2]) == sorted(exported(name))


def test_the_pages_of_the_root_list_exactly_what_is_its_own():
    elsewhere = {name.rpartition(".")[2] for name in PUBLIC} | set(exported("asyncnet.errors"))
    assert listed("asyncnet", "dialer", "trace") == sorted(set(exported("asyncnet")) - elsewhere)


def test_every_namespace_has_its_page_and_no_other():
    pages = {path.stem for path in PAGES.glob("*.md")} - {"index"}
    assert pages == {name.rpartition(".")[2] for name in PUBLIC} | {"dialer", "trace"}


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_has_a_docstring(name):
    module = importlib.import_module(name)
    bare = []
    for word in exported(name):
        value = getattr(module, word)
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        if not inspect.getdoc(value):
            bare.append(word)
        if inspect.isclass(value) and value.__module__.startswith("asyncnet"):
            bare += [
                f"{word}.{member}"
                for member, thing in vars(value).items()
                if not member.startswith("_")
                and (inspect.isfunction(thing) or isinstance(thing, property | classmethod | staticmethod))
                and not inspect.getdoc(getattr(value, member))
            ]
    assert not bare


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = asyncnet.nothing
    assert not hasattr(asyncnet, "os")


def test_the_version_is_that_of_the_project_file():
    assert f'version = "{asyncnet.__version__}"' in (ROOT / "pyproject.toml").read_text()


# ---- in a fresh interpreter


def loaded_by(statement: str) -> set[str]:
    program = f"import sys; before = set(sys.modules)\n{statement}\nimport json; print(json.dumps(sorted(sys.modules)))"
    environment = {"PYTHONPATH": str(SOURCE), "PATH": os.defpath}
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout))


ENGINES = {"aiohttp", "aiodns", "pycares", "aiosmtplib", "idna", "uvloop", "PIL"}


def test_importing_the_root_loads_nothing():
    loaded = loaded_by("import asyncnet")
    assert "asyncnet" in loaded
    assert not loaded & (ENGINES | {"asyncio", "socket", "ssl", "typing", "dataclasses"})
    assert {name for name in loaded if name.startswith("asyncnet.")} == set()


def test_a_protocol_loads_at_first_use_and_no_other():
    program = "import site; site.main(); import asyncnet; asyncnet.tcp; asyncnet.tcp"
    loaded = loaded_by(program)
    assert "asyncnet.tcp" in loaded
    assert not loaded & (ENGINES | {"asyncnet.http", "asyncnet.smtp", "asyncnet.udp", "asyncnet.testing"})


def test_a_star_import_gives_every_name():
    names: dict[str, object] = {}
    exec("from asyncnet import *", names)
    assert set(asyncnet.__all__) <= set(names)
