"""The house keeps its shape: layers, purity, sizes and habits, from the syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import LAYERS, PROTOCOLS, ROOT, House, functions

HOUSE = House()
MODULES = sorted(HOUSE.modules)
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))

MODULE_LINES = 400
FUNCTION_LINES = 60
EXCLUSIONS = 20

# Promised by the architecture page; the detection itself decides about all others.
PROMISED_PURE = {"address", "lines", "outcome", "policy", "replies"}


def each(nodes: Iterator[ast.AST], kind: type[ast.AST]) -> Iterator[ast.AST]:
    return (node for node in nodes if isinstance(node, kind))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_the_modules_were_found():
    areas = {module.area for module in HOUSE.modules.values()}
    assert {"", "core", "errors"} <= areas
    others = areas - {"", "core", "errors", "testing", "commands", "__main__"}
    assert others <= set(PROTOCOLS), "one folder is one word of the contract"
    assert {f"asyncnet.core.{name}" for name in ("operation", "client", "trace", "run")} <= set(MODULES)
    assert HOUSE.edges["asyncnet.core.client"] >= {"asyncnet.errors", "asyncnet.core.operation"}


# ---- directions


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down_only(name):
    own = HOUSE.layer(name)
    if own is None:
        return  # the root names everything, and imports nothing at run time: test_exports sees to that
    for wanted in HOUSE.edges[name]:
        below = HOUSE.layer(wanted)
        if below is None:
            assert own == len(LAYERS) - 1, f"{name} imports the root"
            continue
        assert below <= own, f"{name} ({LAYERS[own]}) imports {wanted} ({LAYERS[below]})"
        if own == LAYERS.index("protocols") and below == own:
            assert HOUSE.modules[wanted].area == HOUSE.modules[name].area, f"{name} imports another protocol: {wanted}"


def test_no_cycles():
    assert HOUSE.cycle() == []


def test_pure_modules_are_pure():
    names = {name.rpartition(".")[2] for name in HOUSE.pure if HOUSE.modules[name].area == "core"}
    assert names >= PROMISED_PURE
    for name in HOUSE.pure:
        tops = {wanted.target.split(".")[0] for wanted in HOUSE.modules[name].imports}
        assert not tops & {"asyncio", "socket", "ssl"}
    assert "asyncnet.core.operation" not in HOUSE.pure


@pytest.mark.parametrize("name", sorted(HOUSE.pure))
def test_a_pure_module_has_its_own_tests(name):
    *folders, module = name.split(".")[1:]
    assert (ROOT / "tests" / Path(*folders) / f"test_{module}.py").is_file()


# ---- sizes


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_functions_fit(name):
    module = HOUSE.modules[name]
    assert module.text.count("\n") <= MODULE_LINES
    for function, node in functions(module.tree):
        length = (node.end_lineno or 0) - node.lineno + 1
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            length -= (first.end_lineno or 0) - first.lineno + 1  # documentation may be as long as it is useful
        assert length <= FUNCTION_LINES, f"{function} has {length} lines"


def test_no_drawers():
    drawers = {"utils", "util", "common", "helpers", "misc"}
    assert not [name for name in MODULES if drawers & set(name.split("."))]


# ---- habits


@pytest.mark.parametrize("name", MODULES)
def test_no_keyword_pass_through(name):
    for function, node in functions(HOUSE.modules[name].tree):
        kwarg = node.args.kwarg
        if kwarg is None or function.rpartition(".")[2].startswith("_"):
            continue
        if kwarg.annotation is not None and ast.unparse(kwarg.annotation).endswith(".kwargs"):
            continue  # a ParamSpec: a type checker knows each of them
        passed = [
            call
            for _, call in calls(node)
            for keyword in call.keywords
            if keyword.arg is None and ast.unparse(keyword.value) == kwarg.arg
        ]
        assert not passed, f"{function} passes **{kwarg.arg} on: name the keywords"


BANNED = {
    "asyncio.wait_for": "asyncio.timeout; wait_for can lose a result to a cancellation",
    "asyncio.to_thread": "core.files; the default thread pool belongs to the user",
    "asyncio.set_event_loop_policy": "a library does not choose the policy",
    "asyncio.get_event_loop": "get_running_loop",
}


@pytest.mark.parametrize("name", MODULES)
def test_banned_calls(name):
    module = HOUSE.modules[name]
    for called, call in calls(module.tree):
        last = called.rpartition(".")[2]
        place = f"{name}:{call.lineno} {called}"
        assert called not in BANNED, f"{place}: {BANNED[called]}"
        if last == "run_in_executor":
            first = call.args[0] if call.args else None
            assert not (isinstance(first, ast.Constant) and first.value is None), f"{place}: the default executor"
        if last == "getaddrinfo":
            assert called == "socket.getaddrinfo", f"{place}: the loop's own uses the default executor"
    assert not [function for function, _ in functions(module.tree) if function.endswith("__del__")]


@pytest.mark.parametrize("name", [name for name in MODULES if HOUSE.modules[name].area in PROTOCOLS])
def test_protocols_open_no_connection_themselves(name):
    for called, call in calls(HOUSE.modules[name].tree):
        last = called.rpartition(".")[2]
        if last in ("create_connection", "create_datagram_endpoint"):
            handed = {keyword.arg for keyword in call.keywords}
            assert "sock" in handed, f"{name}:{call.lineno} {called} without sock="
        assert last not in ("open_connection", "sock_connect", "connect_ex"), f"{name}:{call.lineno} {called}"


SCOPES = {f"{module}{name}" for module in ("", "asyncio.") for name in ("timeout", "timeout_at", "TaskGroup")}
SCOPES.add("Operation")


def scopes_around_yields(function: ast.AsyncFunctionDef) -> Iterator[int]:
    """Lines of ``yield`` inside a scope that would cancel the consumer's body."""

    def visit(node: ast.AST, inside: bool) -> Iterator[int]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.Yield) and inside:
                yield child.lineno
            scoped = isinstance(child, ast.AsyncWith) and any(
                isinstance(item.context_expr, ast.Call) and ast.unparse(item.context_expr.func) in SCOPES
                for item in child.items
            )
            yield from visit(child, inside or scoped)

    decorated = any("contextmanager" in ast.unparse(decorator) for decorator in function.decorator_list)
    return iter(()) if decorated else visit(function, False)


@pytest.mark.parametrize("name", MODULES)
def test_no_scope_across_a_yield(name):
    for function, node in functions(HOUSE.modules[name].tree):
        if isinstance(node, ast.AsyncFunctionDef):
            assert not list(scopes_around_yields(node)), f"{name}: {function} yields inside a timeout or a task group"


def test_the_yield_check_sees_one():
    source = "async def f():\n async with asyncio.timeout(1):\n  async for x in y:\n   yield x"
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    assert list(scopes_around_yields(function)) == [4]


# ---- exceptions to the rules have reasons, and are few

IGNORE = re.compile(r"#\s*(type:\s*ignore|noqa|pragma:\s*no\s*(?:cover|branch))(\[[^\]]*\]|:\s*[A-Z0-9, ]+)?(.*)")


def exceptions(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if found := IGNORE.search(line):
            yield line.strip(), found.group(3).strip(" #-:,")


def test_every_exception_has_a_reason():
    bare = []
    for path in [module.path for module in HOUSE.modules.values()] + TEST_FILES:
        if path == Path(__file__):
            continue
        bare += [f"{path.name}: {line}" for line, reason in exceptions(path.read_text()) if len(reason) < 8]
    assert not bare


def test_coverage_exclusions_are_few():
    found = [
        f"{name}: {line}"
        for name, module in HOUSE.modules.items()
        for line, _ in exceptions(module.text)
        if "pragma" in line
    ]
    assert len(found) <= EXCLUSIONS


# ---- the tests themselves


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_tests_neither_patch_nor_sleep(path):
    tree = ast.parse(path.read_text())
    virtual = any(isinstance(node, ast.ClassDef) and node.name == "VirtualLoop" for node in ast.walk(tree))
    names = {alias.name for node in each(ast.walk(tree), ast.Import) for alias in node.names}
    names |= {node.module or "" for node in each(ast.walk(tree), ast.ImportFrom)}
    assert not {name for name in names if "mock" in name.split(".")}
    for called, call in calls(tree):
        assert called not in ("monkeypatch.setattr", "mocker.patch"), f"line {call.lineno}: patching"
        if called == "asyncio.sleep" and not virtual:
            # The exception: whether a loop with nothing to do sleeps can be seen only by watching it for a while.
            allowed = ("0", "3600", "WATCHED")
            assert ast.unparse(call.args[0]) in allowed, f"line {call.lineno}: wait for what happens, not for time"
        if called == "time.sleep" and path.name != "conftest.py":
            pytest.fail(f"line {call.lineno}: time.sleep")


def test_modules_begin_with_their_docstring():
    assert [name for name, module in HOUSE.modules.items() if not ast.get_docstring(module.tree)] == []
