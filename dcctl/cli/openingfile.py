"""A file of envelopes, YAML or CSV: its lines as plain values, with the number of each, so that a fault can be shown where it is.

YAML: ``apiVersion: dcctl/v1``, ``kind: Envelopes``, and under ``envelopes`` a list of ``{administration: min-sante, resources: {cores: 64}}``.
CSV: a heading ``administration,cores,ram,…`` (or with semicolons, as French spreadsheets write it), then a line an administration; an empty cell is
nothing. Amounts are whole numbers in the resource's own unit, without spaces or dots.

PyYAML's parser in C reads it, since ten thousand entries take ruamel's ten seconds and this one half a second; what a scalar means is decided here,
not by YAML 1.1: digits are a number, everything else is text.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcctl.cli import specfile
from dcctl.cli.specfile import Draft, Path
from dcctl.errors import SpecRefused
from dcctl.words import _

VERSION, KIND = "dcctl/v1", "Envelopes"
ADMINISTRATION = "administration"
HEADING = re.compile(rf"\s*\"?{ADMINISTRATION}\"?\s*([,;\t])", re.IGNORECASE)
#: A figure; one with leading zeros means different things in YAML 1.1 and 1.2, so it is no figure here.
WHOLE = re.compile(r"0|[1-9][0-9]{0,18}")
MOST_LINES = 20_000

Fault = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What could be read of a file, with the faults of its form; `places` are the numbers in the file of the lines that `draft.document` has."""

    draft: Draft
    faults: list[Fault]
    places: list[int]


def read(path: str) -> Draft:
    """The envelopes of the file, or of standard input for `-`; `document` is the list of them.

    Raises:
        DcctlError: 003 it cannot be read. SpecRefused: with every fault of its form, each with its line.
    """
    found = read_in_part(path)
    if found.faults:
        raise found.draft.refusal(found.faults)
    return found.draft


def read_in_part(path: str) -> Reading:
    """The envelopes that can be read, and what is wrong with the others.

    Raises:
        DcctlError: 003 it cannot be read. SpecRefused: it is no YAML, or no one document.
    """
    source = _("standard input") if path == "-" else path
    text = specfile.text_of(path, source)
    heading = HEADING.match(text)
    lines: dict[Path, int] = {}
    faults: list[Fault] = []
    numbered = list(_csv(text, heading[1], lines, faults) if heading else _yaml(text, source, lines, faults))
    found = [envelope for _, envelope in numbered]
    draft = Draft(source=source, document=found, lines=lines)
    if not faults and not found:
        faults.append(_fault((), "spec.missing", 1, key="envelopes", allowed="[{administration: min-sante, resources: {cores: 64}}]"))
    if len(found) > MOST_LINES:
        faults.append(_fault((), "yaml.too_large", lines.get(("envelopes", MOST_LINES), 1), maximum=MOST_LINES))
    return Reading(draft=draft, faults=faults, places=[number for number, _ in numbered])


def placed(reading: Reading, fault: Mapping[str, Any]) -> Fault:
    """A fault of the API's with the line of what it is about, and of what it says stands there already."""
    params, path = dict(fault.get("params") or {}), list(fault.get("path") or ())
    if isinstance(params.get("first"), int):
        params["first"] = reading.draft.line(("envelopes", reading.places[params["first"]], "resources", str(params.get("resource"))))
    if path[:1] == ["envelopes"] and len(path) > 1:
        path[1] = reading.places[path[1]]
    return {**fault, "path": path, "params": params}


def lined(reading: Reading, shortfalls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Shortfalls with the lines of the file that ask for what is not there."""
    found = []
    for short in shortfalls:
        paths = [("envelopes", reading.places[number], "resources", str(short["resource"])) for number in short.get("envelopes") or ()]
        rest = {key: value for key, value in short.items() if key != "envelopes"}
        found.append(rest | ({"lines": sorted(map(reading.draft.line, paths))} if paths else {}))
    return found


def _amount(text: str) -> object:
    return int(text) if WHOLE.fullmatch(text) else text


def _csv(text: str, delimiter: str, lines: dict[Path, int], faults: list[Fault]) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader)]
        for name in {name for name in names if names.count(name) > 1}:
            faults.append(_fault((), "yaml.duplicate_key", 1, key=name, first=1))
        index, begun = 0, reader.line_num + 1
        for row in reader:
            line, begun = begun, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(names):
                faults.append(_fault(("envelopes", index), "opening.too_many_cells", line, count=len(row), maximum=len(names)))
                continue
            cells = {name: cell.strip() for name, cell in zip(names, row, strict=False)}
            lines[("envelopes", index)] = line
            resources = {name: _amount(cell) for name, cell in cells.items() if name != names[0] and cell}
            yield index, {ADMINISTRATION: cells[names[0]], "resources": resources}
            index += 1
    except csv.Error as error:
        faults.append(_fault((), "opening.not_csv", reader.line_num, problem=str(error)))


def _yaml(text: str, source: str, lines: dict[Path, int], faults: list[Fault]) -> Iterator[tuple[int, dict[str, Any]]]:
    root = _composed(text, source)
    document = _mapping(root, (), {"apiVersion", "kind", "envelopes"}, lines, faults)
    if document is None:
        return
    for key, wanted, code in (("apiVersion", VERSION, "spec.unsupported_version"), ("kind", KIND, "spec.unsupported_kind")):
        value = getattr(document.get(key), "value", None)
        if value is None:
            faults.append(_fault((), "spec.missing", 1, key=key, allowed=wanted))
        elif value != wanted:
            faults.append(_fault((key,), code, lines[(key,)], found=str(value)[:80], allowed=wanted))
    listed = document.get("envelopes")
    if listed is None or listed.id != "sequence":
        faults.append(_fault((), "spec.missing", 1, key="envelopes", allowed="[{administration: min-sante, resources: {cores: 64}}]"))
        return
    for index, item in enumerate(listed.value):
        path: Path = ("envelopes", index)
        fields = _mapping(item, path, {ADMINISTRATION, "resources"}, lines, faults)
        if fields is None:
            continue
        named, demand = fields.get(ADMINISTRATION), fields.get("resources")
        if named is None or named.id != "scalar" or not named.value:
            faults.append(_fault(path, "spec.missing", lines[path], key=ADMINISTRATION, allowed="min-sante"))
            continue
        if demand is None:
            faults.append(_fault(path, "spec.missing", lines[path], key="resources", allowed="{cores: 64, ram: 131072}"))
            continue
        amounts = _mapping(demand, (*path, "resources"), None, lines, faults)
        if amounts is not None:
            resources = {name: _amount(node.value) if _plain(node) else _shown(node) for name, node in amounts.items()}
            yield index, {ADMINISTRATION: named.value, "resources": resources}


def _composed(text: str, source: str) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                raise SpecRefused([_fault((), "opening.alias", event.start_mark.line + 1)], source=source)
        return yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem or error.context or "")
        raise SpecRefused([_fault((), "yaml.syntax", mark.line + 1 if mark else 1, problem=problem)], source=source) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = text[: getattr(error, "position", 0) or 0].count("\n") + 1
        raise SpecRefused([_fault((), "yaml.syntax", line, problem=str(error).split("\n")[0])], source=source) from error


def _mapping(node: Any, path: Path, allowed: set[str] | None, lines: dict[Path, int], faults: list[Fault]) -> dict[str, Any] | None:
    """The nodes of a mapping by key, their lines noted; None and a fault where it is none."""
    line = node.start_mark.line + 1 if node is not None else 1
    lines.setdefault(path, line)
    keys = ", ".join(sorted(allowed)) if allowed else "cores, ram, …"
    if node is None or node.id != "mapping":
        faults.append(_fault(path, "spec.not_a_mapping", line, found=_shown(node), allowed=keys))
        return None
    found: dict[str, Any] = {}
    for key, value in node.value:
        name, at = _shown(key), key.start_mark.line + 1
        if name in found:
            faults.append(_fault((*path, name), "yaml.duplicate_key", at, key=name, first=lines[(*path, name)]))
        elif allowed is not None and name not in allowed:
            faults.append(_fault((*path, name), "spec.unknown_key", at, key=name, nearest="", allowed=keys))
        else:
            found[name] = value
            lines[(*path, name)] = at
    return found


def _plain(node: Any) -> bool:
    return node.id == "scalar" and not node.style  # None, or empty where the parser is the one in C


def _shown(node: Any) -> str:
    if node is None:
        return "–"
    return str(node.value)[:80] if node.id == "scalar" else {"mapping": "{…}", "sequence": "[…]"}[node.id]


def _fault(path: Path, code: str, line: int, **params: Any) -> Fault:
    return {"path": list(path), "code": code, "params": params, "line": line}
