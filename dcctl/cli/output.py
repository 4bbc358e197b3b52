"""What goes to stdout: a list or a thing as table, json, yaml, csv or value, the same keys in every language.

Machines' formats have the keys of the API and plain figures; the table has headings and times for people. Control characters of foreign strings
are spelled out everywhere; a CSV cell that a spreadsheet would take for a formula begins with an apostrophe.
"""

import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from dcctl.cli.talk import CONTROLS, clean, width
from dcctl.errors import DcctlError
from dcctl.words import _

API_VERSION = "dcctl/v1"
FORMATS = ("table", "json", "yaml", "csv", "value")

Row = Mapping[str, Any]
#: key -> heading (a msgid); keys are those of the API, in the order of the columns.
Columns = Mapping[str, str]


def write(text: str) -> None:
    """One piece of data, and a newline."""
    click.echo(text)


def line(document: Any) -> str:
    """A document as one line of JSON."""
    return _safe_json(json.dumps(document, ensure_ascii=False))


def listing(document: Row, columns: Columns, *, form: str, chosen: Sequence[str] = (), worded: Mapping[str, Any] | None = None) -> None:
    """Write the `items` of an answer; `worded` turns a column's value into words for the table."""
    items: list[Row] = list(document.get("items", []))
    keys = _chosen(columns, chosen, items)
    if form in ("json", "yaml"):
        rest = {key: value for key, value in document.items() if key not in ("items", "apiVersion", "cursor")}
        picked = [{key: item.get(key) for key in keys} for item in items] if chosen else items
        _structured({"apiVersion": document.get("apiVersion", API_VERSION), **rest, "items": picked}, form)
    elif form == "csv":
        _csv([keys, *([item.get(key) for key in keys] for item in items)])
    elif form == "value":
        for item in items:
            write(" ".join(_plain(item.get(key)) for key in keys))
    else:
        table([[_(columns.get(key, key)) for key in keys], *([_cell(item, key, worded) for key in keys] for item in items)])


def thing(document: Row, columns: Columns, *, form: str, chosen: Sequence[str] = (), worded: Mapping[str, Any] | None = None) -> None:
    """Write one answer: the table is a line a field."""
    keys = _chosen(columns, chosen, [document])
    if form in ("json", "yaml"):
        picked = {"apiVersion": document.get("apiVersion", API_VERSION), **{key: document.get(key) for key in keys}}
        _structured(picked if chosen else {"apiVersion": API_VERSION, **document}, form)
    elif form == "csv":
        _csv([keys, [document.get(key) for key in keys]])
    elif form == "value":
        for key in keys:
            write(_plain(document.get(key)))
    else:
        fields([(_(columns.get(key, key)), _cell(document, key, worded)) for key in keys])


def fields(rows: Iterable[tuple[str, str]]) -> None:
    """Label and text, a line each; a text of several lines goes on below itself."""
    rows = list(rows)
    margin = max((width(label) for label, _text in rows), default=0) + 2
    for label, text in rows:
        first, *others = text.split("\n")
        write((clean(label) + " " * (margin - width(label)) + clean(first)).rstrip())
        for other in others:
            write((" " * margin + clean(other)).rstrip())


def table(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the first row is the heading; figures to the right."""
    cleaned = [[clean(cell) for cell in row] for row in rows]
    widths = [max(width(row[at]) for row in cleaned) for at in range(len(cleaned[0]))] if cleaned else []
    figures = [len(cleaned) > 1 and all(re.fullmatch(r"-?[\d \u00a0\u202f]+|–", row[at]) for row in cleaned[1:]) for at in range(len(widths))]
    for row in cleaned:
        cells = []
        for text, wide, figure in zip(row, widths, figures, strict=True):
            space = " " * (wide - width(text))
            cells.append(space + text if figure else text + space)
        write("  ".join(cells).rstrip())


def text_of(value: Any) -> str:
    """A value in words for a person: nothing is a dash, lists are joined."""
    if value is None or value == [] or value == {}:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text_of(below)}" for key, below in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(text_of(below) for below in value)
    return str(value)


def _cell(item: Row, key: str, worded: Mapping[str, Any] | None) -> str:
    value = item.get(key)
    return worded[key](value) if worded and key in worded and value is not None else text_of(value)


def _chosen(columns: Columns, chosen: Sequence[str], items: Sequence[Row]) -> list[str]:
    """The columns that were asked for, in that order; a key that only the JSON has may be asked for too."""
    known = list(columns) + sorted({key for item in items for key in item} - set(columns) - {"apiVersion"})
    for name in chosen:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known)
            raise DcctlError("DCCTL-002", field="-c", value=name, allowed=near or known)
    return list(chosen) or list(columns)


def _structured(document: Any, form: str) -> None:
    if form == "json":
        write(_safe_json(json.dumps(document, ensure_ascii=False, indent=2)))
        return
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    # Characters that could do something to a terminal are escaped by YAML itself once it may not write any but ASCII.
    yaml.allow_unicode = not CONTROLS.search(json.dumps(document, ensure_ascii=False))
    buffer = io.StringIO()
    yaml.dump(json.loads(json.dumps(document)), buffer)
    write(buffer.getvalue().rstrip("\n"))


def _safe_json(text: str) -> str:
    """json.dumps escapes C0; the other dangerous characters can only be inside strings, where an escape means the same."""
    return CONTROLS.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def _csv(rows: Sequence[Sequence[Any]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([[_csv_cell(value) for value in row] for row in rows])
    click.echo(buffer.getvalue(), nl=False)


def _csv_cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    # Text is no figure even where it looks like one: +22921300000 is a telephone number, which a spreadsheet would reckon with.
    text = clean(_plain(value, keep="\n"), keep="\n")
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def _plain(value: Any, *, keep: str = "") -> str:
    """A value for a script: nothing is empty, what has parts is JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return clean(",".join(value), keep=keep)
    if isinstance(value, (Mapping, list, tuple)):
        return line(value)
    return clean(str(value), keep=keep)


def is_terminal() -> bool:
    """Whether a person sees stdout."""
    return sys.stdout.isatty()
