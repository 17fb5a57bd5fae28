"""Write docs/reference/ from the docstrings: one page a namespace.

    python tools/reference.py            write the pages
    python tools/reference.py --check    exit non-zero if a page is not what would be written

The pages are kept in the repository so that they can be read there; a test
compares them with the docstrings.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
import types
from pathlib import Path
from typing import Any

from house import ROOT

PAGES = ROOT / "docs" / "reference"
WIDTH = 100  # columns of a signature

NAMESPACES = ("dns", "http", "tcp", "udp", "smtp", "ftp", "pop3", "nntp", "errors", "testing")

# The root has three pages: what concerns connections, what concerns tracing, and the rest.
ROOT_PAGES = {
    "dialer": ("Dialer", "use", "public_only"),
    "trace": ("trace", "to_opentelemetry", "Trace", "Span"),
    "asyncnet": ("run", "close", "Outcome"),
}

INTRODUCTIONS = {
    "dialer": "Who opens the connections, and which ones: `asyncnet.Dialer`, `asyncnet.use`, `asyncnet.public_only`.",
    "trace": "What an operation did, when, and with whom: `asyncnet.trace`.",
}

SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises(?: on opening)?|Examples?|Source|Note):\s*(.*)$")
UNTOLD = ("object", "Generic", "BaseClient", "tuple")  # bases that tell a reader nothing
ITEM = re.compile(r"^(\*{0,2}[\w.]+(?:, [\w.]+)*(?: \([^)]*\))?):\s+(.*)$")


# ---- docstrings to Markdown


def markdown(docstring: str | None) -> str:
    """A Google-style docstring as Markdown."""
    text = inspect.cleandoc(docstring or "")
    text = re.sub(r":\w+:`([^`]+)`", r"`\1`", text)
    text = re.sub(r"^::$\n?", "", text, flags=re.MULTILINE)
    parts: list[str] = []
    section, lines = "", []
    for line in [*text.splitlines(), "End:"]:
        found = SECTION.match(line)
        if found or line == "End:":
            parts.append(_section(section, lines))
            section, lines = (found.group(1), [found.group(2)] if found.group(2) else []) if found else ("", [])
        else:
            lines.append(line)
    return "\n\n".join(part for part in parts if part)


def _section(name: str, lines: list[str]) -> str:
    body = inspect.cleandoc("\n" + "\n".join(lines)).strip()
    if not name or not body:
        return body
    if name in ("Example", "Examples"):
        return _example(body)
    if name in ("Args", "Attributes", "Raises", "Raises on opening"):
        return f"**{name}**\n\n{_items(body)}"
    return f"**{name}**: {body}" if "\n\n" not in body else f"**{name}**\n\n{body}"


def _example(body: str) -> str:
    if "```" in body:
        return body
    return f"```pycon\n{body}\n```" if body.startswith(">>>") else f"```python\n{body}\n```"


def _items(body: str) -> str:
    items: list[str] = []
    for line in body.splitlines():
        if found := ITEM.match(line):
            items.append(f"- `{found.group(1)}`: {found.group(2)}")
        elif items and line.startswith(" "):
            items[-1] += " " + line.strip()
        elif line.strip():
            items.append(f"- {line.strip()}")
    return "\n".join(items)


# ---- signatures


def signature(name: str, value: Any, *, method: bool = False) -> str:
    """A signature as a reader wants it: annotations as written, defaults as values."""
    found = inspect.signature(value)
    words, star = [], False
    for parameter in list(found.parameters.values())[1 if method else 0 :]:
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            words.append("*")
        star = star or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        words.append(_parameter(parameter))
    word = "async def " if inspect.iscoroutinefunction(value) else "def "
    if inspect.isasyncgenfunction(getattr(value, "__wrapped__", None)):
        word = "async with "
    result = "" if inspect.isclass(value) else _annotation(found.return_annotation, " -> ")
    if word == "async with ":
        result = result.replace("AsyncGenerator[", "").replace(", None]", "").replace(" -> ", " as ")
    head = f"{'class ' if inspect.isclass(value) else word}{name}("
    line = f"{head}{', '.join(words)}){result}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([head, *(f"    {word}," for word in words), f"){result}"])


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = stars + parameter.name + _annotation(parameter.annotation, ": ")
    if parameter.default is parameter.empty:
        return text
    default = "..." if parameter.default is ... else _value(parameter.default)
    return f"{text} = {default}" if ":" in text else f"{text}={default}"


def _value(value: Any) -> str:
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__name__
    text = str(value) if isinstance(value, float) and value == int(value) else repr(value)
    return "..." if text.startswith("<") else text


def _annotation(annotation: Any, before: str) -> str:
    if annotation is inspect.Signature.empty:
        return ""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return before + re.sub(r"\b_(ssl|socket)\.", r"\1.", text.strip("'\""))


# ---- entries


def entry(name: str, value: Any) -> str:
    """One exported name."""
    parts = [f"## `{name}`"]
    if inspect.isclass(value):
        parts += _class(name, value)
    elif inspect.isroutine(value):
        parts += [_code(signature(name, value)), markdown(value.__doc__)]
    else:
        parts.append(_code(f"{name} = {_value(value)}" if not isinstance(value, types.GenericAlias) else name))
    return "\n\n".join(part for part in parts if part)


def _code(text: str) -> str:
    return f"```py\n{text}\n```"


def _class(name: str, cls: type) -> list[str]:
    known = _exported(cls)
    bases = [
        base.__name__
        for base in cls.__bases__
        if base.__name__ not in {*UNTOLD, cls.__name__}
        and (base.__name__ in known or not base.__module__.startswith("asyncnet"))
    ]
    parts = []
    if issubclass(cls, BaseException):
        parts.append(f"Bases: {', '.join(f'`{base}`' for base in bases)}")
    else:
        try:
            found = signature(name, cls)
            parts.append(_code(f"class {name}" if "operation: " in found else found))  # those are made for you
        except (TypeError, ValueError):
            parts.append(_code(f"class {name}"))
        if bases and not dataclasses.is_dataclass(cls):
            parts.append(f"Bases: {', '.join(f'`{base}`' for base in bases)}")
    if not (cls.__doc__ or "").startswith(f"{name}("):
        parts.append(markdown(cls.__doc__))
    initialiser = vars(cls).get("__init__")
    if initialiser is not None and inspect.isfunction(initialiser) and "Args:" in (initialiser.__doc__ or ""):
        parts.append(markdown(initialiser.__doc__))
    return parts + _members(name, cls)


def _members(name: str, cls: type) -> list[str]:
    found: dict[str, Any] = {}
    # What has an entry of its own; a base of the same name is the same thing to a reader.
    shown = {base for base in cls.__bases__ if base.__name__ in _exported(cls) and base.__name__ != cls.__name__}
    skipped = {inherited for base in shown for inherited in base.__mro__}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("asyncnet") and base not in skipped:
            found |= {word: thing for word, thing in vars(base).items() if not word.startswith("_")}
    parts = []
    for word, thing in found.items():
        if isinstance(thing, property):
            if thing.fget is not None and thing.fget.__doc__:
                result = _annotation(inspect.signature(thing.fget).return_annotation, ": ")
                parts.append(f"### `{name}.{word}{result}`\n\n{markdown(thing.fget.__doc__)}")
        elif isinstance(thing, classmethod | staticmethod) or inspect.isfunction(thing):
            function = thing.__func__ if isinstance(thing, classmethod | staticmethod) else thing
            if function.__doc__ and "operation" not in inspect.signature(function).parameters:  # protocols' own
                text = signature(word, function, method=not isinstance(thing, staticmethod))
                parts.append(f"### `{name}.{word}`\n\n{_code(text)}\n\n{markdown(function.__doc__)}")
    return parts


def _exported(cls: type) -> list[str]:
    """What the namespace exports that a class belongs to."""
    area = cls.__module__.split(".")[1]
    return list(importlib.import_module(f"asyncnet.{area}").__all__) if area in NAMESPACES else []


# ---- pages


def page(title: str, introduction: str, names: list[str], module: Any) -> str:
    entries = [entry(name, getattr(module, name)) for name in names]
    note = "<!-- Written by tools/reference.py from the docstrings; edit those. -->"
    return "\n\n".join([note, f"# {title}", introduction, *entries]).rstrip() + "\n"


def pages() -> dict[Path, str]:
    """Every page and what it should say."""
    root = importlib.import_module("asyncnet")
    written = {}
    for name, names in ROOT_PAGES.items():
        introduction = INTRODUCTIONS.get(name) or markdown(root.__doc__)
        title = "asyncnet" if name == "asyncnet" else f"asyncnet: {name}"
        written[PAGES / f"{name}.md"] = page(title, introduction, list(names), root)
    for name in NAMESPACES:
        if name not in root.__all__:
            continue
        module = importlib.import_module(f"asyncnet.{name}")
        names = sorted(module.__all__, key=lambda word: _order(module, word))
        written[PAGES / f"{name}.md"] = page(f"asyncnet.{name}", markdown(module.__doc__), names, module)
    return written


def _order(module: Any, word: str) -> tuple[int, int, str]:
    """Functions, then clients and servers, then the values they give; errors as their tree has them."""
    value = getattr(module, word)
    if module.__name__ == "asyncnet.errors":
        return 0, inspect.getsourcelines(value)[1], word
    if inspect.isroutine(value):
        return 0, 0, word
    if inspect.isclass(value) and not dataclasses.is_dataclass(value):
        return 1, 0, word
    return (2 if inspect.isclass(value) else 3), 0, word


def main() -> int:
    wanted = pages()
    if "--check" in sys.argv[1:]:
        stale = [path.name for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
        print("not current:" if stale else "current", *stale)
        return 1 if stale else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    print(f"{len(wanted)} pages in {PAGES.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
