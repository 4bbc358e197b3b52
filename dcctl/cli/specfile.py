"""A spec file: its text to plain values, with the line of everything in it, so that each fault can be shown where it is.

YAML 1.2. What is no spec for sure is refused here with its line: syntax, a key twice, aliases that blow up, several documents.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from dcctl.errors import DcctlError, SpecRefused
from dcctl.words import N_, _, sentence

LARGEST = 1 << 20
DEEPEST, MOST_NODES = 32, 20_000

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A document and where its parts stand: path to line, counted from 1."""

    source: str
    document: Any
    lines: Mapping[Path, int] = field(repr=False)

    def line(self, path: Sequence[str | int]) -> int:
        """The line of `path`, or of the longest part of it that is there."""
        wanted = tuple(path)
        while wanted and wanted not in self.lines:
            wanted = wanted[:-1]
        return self.lines.get(wanted, 1)

    def refusal(self, faults: Sequence[Mapping[str, Any]]) -> SpecRefused:
        """DCCTL-001 with the line of each fault, in the order of the file."""
        placed = [
            {**fault, "path": list(fault.get("path") or ()), "line": fault.get("line") or self.line(fault.get("path") or ())} for fault in faults
        ]
        return SpecRefused(sorted(placed, key=lambda fault: fault["line"]), source=self.source)


def located(draft: Draft, error: DcctlError) -> DcctlError:
    """The error; where it is of faults that the API found in the draft, with their lines of its file."""
    return draft.refusal(error.params["faults"]) if isinstance(error, SpecRefused) else error


@contextmanager
def placed(draft: Draft | None) -> Iterator[None]:
    """Faults that the API finds in a draft are told with their lines of its file; without a draft they stay as they came."""
    try:
        yield
    except SpecRefused as error:
        if draft is None:
            raise
        raise located(draft, error) from error


def read(path: str) -> Draft:
    """The draft in the file, or on standard input for `-`.

    Raises:
        DcctlError: 003 it cannot be read. SpecRefused: it is not YAML, or not one document that could be a spec.
    """
    source = _("standard input") if path == "-" else path
    return parsed(text_of(path, source), source)


def text_of(path: str, source: str) -> str:
    """The text of a file or of standard input; DCCTL-003 when it cannot be read, is too large, empty or no UTF-8."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with File(path).open("rb") as file:
                data = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise DcctlError("DCCTL-003", path=path, reason=_nearby(path)) from error
    except IsADirectoryError as error:
        raise DcctlError("DCCTL-003", path=path, reason=_("it is a directory")) from error
    except PermissionError as error:
        raise DcctlError("DCCTL-003", path=path, reason=_("you may not read it")) from error
    except (OSError, ValueError) as error:
        raise DcctlError("DCCTL-003", path=path, reason=str(error)) from error
    if len(data) > LARGEST:
        raise DcctlError("DCCTL-003", path=source, reason=_("it is larger than 1 MiB"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DcctlError("DCCTL-003", path=source, reason=sentence(N_("it is not UTF-8 (line {line})"), {"line": line})) from error
    if not text.strip():
        raise DcctlError("DCCTL-003", path=source, reason=_("it is empty"))
    return text


def _nearby(path: str) -> str:
    """There is no such file; perhaps one with nearly that name."""
    from difflib import get_close_matches

    file = File(path)
    try:
        names = [near.name for near in file.parent.iterdir()][:1000]
    except OSError:
        names = []
    found = get_close_matches(file.name, names, n=1)
    reason = _("there is no such file")
    return reason + "; " + sentence(N_("perhaps {name}?"), {"name": str(file.parent / found[0])}) if found else reason


def parsed(text: str, source: str) -> Draft:
    """`text` as a draft; SpecRefused with lines when it is not one YAML document."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = True
    try:
        node = YAML(typ="safe", pure=True).compose(text)
        lines: dict[Path, int] = {}
        faults = list(_walk(node, (), lines, [0]))
        if faults:
            raise SpecRefused(faults, source=source)
        document = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = error.context if str(error.problem).startswith("but ") else error.problem
        problem = str(said or error.context or "").replace("\t", "\\t")
        raise SpecRefused([_fault((), "yaml.syntax", mark.line + 1 if mark else 1, problem=problem)], source=source) from error
    except RecursionError:
        raise SpecRefused([_fault((), "yaml.too_deep", 1, maximum=DEEPEST)], source=source) from None
    except (YAMLError, ValueError, OverflowError) as error:
        line = text[: getattr(error, "position", 0) or 0].count("\n") + 1
        raise SpecRefused([_fault((), "yaml.syntax", line, problem=str(error).split("\n")[0])], source=source) from error
    return Draft(source=source, document=document, lines=lines)


def _walk(node: Any, path: Path, lines: dict[Path, int], count: list[int]) -> Iterator[dict[str, Any]]:
    """Note the line of everything below `node`; yield what cannot be."""
    count[0] += 1
    if node is None:
        return
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if len(path) > DEEPEST:
        yield _fault(path[:2], "yaml.too_deep", line, maximum=DEEPEST)
    elif count[0] > MOST_NODES:
        if count[0] == MOST_NODES + 1:
            yield _fault(path[:2], "yaml.too_large", line, maximum=MOST_NODES)
    elif node.id == "mapping":
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, at = str(key.value), key.start_mark.line + 1
            if name in seen:
                yield _fault((*path, name), "yaml.duplicate_key", at, key=name, first=seen[name])
            seen.setdefault(name, at)
            lines.setdefault((*path, name), at)
            yield from _walk(value, (*path, name), lines, count)
    elif node.id == "sequence":
        for index, item in enumerate(node.value):
            yield from _walk(item, (*path, index), lines, count)


def _fault(path: Path, code: str, line: int, **params: Any) -> dict[str, Any]:
    return {"path": list(path), "code": code, "params": params, "line": line}


#: What the parser says most often; everything else is shown in its English words.
PARSER_WORDS = (
    N_("mapping values are not allowed here"),
    N_("found character '\\t' that cannot start any token"),
    N_("could not find expected ':'"),
    N_("expected <block end>, but found '-'"),
    N_("expected <block end>, but found '<block mapping start>'"),
    N_("expected a single document in the stream"),
    N_("found unexpected end of stream"),
    N_("found undefined alias"),
)
