"""The house as its syntax trees tell it: modules, imports, layers, purity.

Used by tests/test_structure.py and tools/coverage_gate.py.  Nothing of the
package is imported for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
PROTOCOLS = ("dns", "http", "tcp", "udp", "smtp", "ftp", "pop3", "nntp")

# Importing one of these, itself or through a module of ours, is I/O: all else is pure.
IMPURE = frozenset({
    "_socket", "aiodns", "aiohttp", "aiosmtplib", "asyncio", "concurrent", "multiprocessing", "pycares", "selectors",
    "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "_thread", "uvloop",
})  # fmt: skip

LAYERS = ("errors", "core pure", "core I/O", "protocols", "testing, commands, __main__")


@dataclass(frozen=True)
class Import:
    """One name that a module imports: ``asyncnet.core.lines`` or ``socket``."""

    target: str
    line: int
    types_only: bool


@dataclass
class Module:
    """One file of the package."""

    name: str
    path: Path
    package: bool
    tree: ast.Module = field(repr=False)
    text: str = field(repr=False)

    @property
    def area(self) -> str:
        """``core``, a protocol, ``testing``, ``commands``, ``errors``, ``__main__``, or "" for the root."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""

    @cached_property
    def imports(self) -> list[Import]:
        return list(self._walk(self.tree, False))

    def _walk(self, node: ast.AST, types_only: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, types_only) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = self._absolute(child)
                yield from (Import(f"{base}.{alias.name}", child.lineno, types_only) for alias in child.names)
            elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                yield from self._walk(ast.Module(child.body, []), True)
                yield from self._walk(ast.Module(child.orelse, []), types_only)
            else:
                yield from self._walk(child, types_only)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        parts = parts[: len(parts) - node.level + (1 if self.package else 0)]
        return ".".join([*parts, node.module] if node.module else parts)


class House:
    """Every module of the package and what follows from their imports."""

    def __init__(self, source: Path = SOURCE) -> None:
        self.modules: dict[str, Module] = {}
        for path in sorted((source / "asyncnet").rglob("*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if package else parts)
            text = path.read_text(encoding="utf-8")
            self.modules[name] = Module(name, path, package, ast.parse(text, str(path)), text)

    def module_of(self, target: str) -> str | None:
        """The module of ours that an import of ``target`` loads; ``None`` for someone else's."""
        while target:
            if target in self.modules:
                return target
            target = target.rpartition(".")[0]
        return None

    @cached_property
    def edges(self) -> dict[str, set[str]]:
        """For each module the modules of ours it imports, types included."""
        return {
            name: {
                found
                for wanted in module.imports
                if (found := self.module_of(wanted.target)) is not None and found != name
            }
            for name, module in self.modules.items()
        }

    @cached_property
    def pure(self) -> frozenset[str]:
        """Modules that reach nothing impure, neither themselves nor through others."""
        impure = {
            name
            for name, module in self.modules.items()
            if any(wanted.target.split(".")[0] in IMPURE for wanted in module.imports)
        }
        while more := {name for name, wanted in self.edges.items() if name not in impure and wanted & impure}:
            impure |= more
        return frozenset(name for name, module in self.modules.items() if name not in impure and not module.package)

    def layer(self, name: str) -> int | None:
        """The storey of a module; ``None`` for the root, which is above all and may name all."""
        area = self.modules[name].area
        if area == "errors":
            return 0
        if area == "core":
            return 1 if name in self.pure or name == "asyncnet.core" else 2
        if area in PROTOCOLS:
            return 3
        return 4 if area in ("testing", "commands", "__main__") else None

    def cycle(self) -> list[str]:
        """The modules of one import cycle, or an empty list.  The root is left out: it imports nothing at run time."""
        done: set[str] = set()
        path: list[str] = []

        def visit(name: str) -> list[str]:
            if name in path:
                return [*path[path.index(name) :], name]
            if name in done:
                return []
            path.append(name)
            for wanted in sorted(self.edges[name] - {"asyncnet"}):
                if found := visit(wanted):
                    return found
            path.pop()
            done.add(name)
            return []

        for name in sorted(set(self.modules) - {"asyncnet"}):
            if found := visit(name):
                return found
        return []


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of a tree with its dotted name, nested ones too."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
            yield from functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)
