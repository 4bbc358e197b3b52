"""What stands on a dashboard: a panel, its queries, its units, as Grafana's JSON. This module is pure.

Source: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ (schema 38, Grafana 10 and later)
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from infra.grafana import words

Json = dict[str, Any]

#: Each panel asks the data source that the reader chose.
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
#: Grafana's names of units: a plain number, bytes in powers of two, a share of one, seconds, calls a second, a moment.
COUNT, BYTES, SHARE, SECONDS, PER_SECOND, MOMENT = "none", "bytes", "percentunit", "s", "reqps", "dateTimeAsIso"
#: Colours of a share: green, from three quarters orange, from nine tenths red, where the alert is.
SHARE_STEPS = ((None, "green"), (0.75, "orange"), (0.9, "red"))
GRID = 24
#: Figures of dcctl, with their selector, or their rate; not those that an exporter tells of itself.
_FIGURES = re.compile(r"(?:rate|increase)\(dcctl_\w+(?:\{[^{}]*\})?\[\w+\]\)|\bdcctl_(?!render_|series|build_)\w+(?:\{[^{}]*\})?")


def once(expression: str) -> str:
    """The same question with each figure taken once, whatever the number of exporters that tell it: a sum over two of them would be double.

    One whose text stands still while another's goes on is not listened to (recording.yml): its figures may be the larger ones.
    """
    return _FIGURES.sub(r"max without (instance) (\g<0> unless on (job, instance) dcctl:exporter:outdated)", expression)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question in PromQL; `name` is a legend (with labels as ``{{resource}}``), or a table's column."""

    expression: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        kind: timeseries, stat, bargauge or table.
        unit: of its figures; in a table, of the columns that `units` does not name.
        labels: a table's columns that are labels: label -> heading.
        units: a table's other units: heading -> unit.
        steps: (from, colour) in ascending order; the first has no lower end.
        width, height: in cells of the grid, of which there are 24 in a row.
    """

    title: str
    kind: str
    queries: Sequence[Query]
    description: str = ""
    unit: str = COUNT
    labels: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[tuple[float | None, str]] = ((None, "green"),)
    stacked: bool = False
    width: int = 12
    height: int = 8

    def as_json(self, number: int, x: int, y: int) -> Json:
        """The panel at its place; `number` is its id on the dashboard."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [self._target(letter, query) for letter, query in zip(ascii_uppercase, self.queries, strict=False)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self._options(),
            "transformations": self._transformations(),
        }

    def _target(self, letter: str, query: Query) -> Json:
        over_time = self.kind == "timeseries"
        return {
            "refId": letter,
            "datasource": DATASOURCE,
            "expr": once(query.expression),
            "legendFormat": query.name or "__auto",
            "range": over_time,
            "instant": not over_time,
            "format": "table" if self.kind == "table" else "time_series",
        }

    def _defaults(self) -> Json:
        limits = {"min": 0, "max": 1} if self.unit == SHARE else {"min": 0} if self.unit in (COUNT, BYTES, SECONDS, PER_SECOND) else {}
        steps = [{"value": value, "color": colour} for value, colour in self.steps]
        drawn = {"fillOpacity": 10, "stacking": {"mode": "normal" if self.stacked else "none"}} if self.kind == "timeseries" else {}
        return {"unit": self.unit, "thresholds": {"mode": "absolute", "steps": steps}, "custom": drawn} | limits

    def _overrides(self) -> list[Json]:
        units = [
            {"matcher": {"id": "byName", "options": heading}, "properties": [{"id": "unit", "value": unit}]} for heading, unit in self.units.items()
        ]
        columns = [words.in_a_column(heading, label) for label, heading in self.labels.items()]
        legends = [override for label in self._told() for override in words.in_a_legend(label)]
        return [*units, *(column for column in columns if column is not None), *legends]

    def _told(self) -> list[str]:
        """Labels whose value alone is the name of a line or a bar."""
        named = {query.name.removeprefix("{{").removesuffix("}}") for query in self.queries if re.fullmatch(r"{{\w+}}", query.name)}
        return sorted(named & words.WORDS.keys())

    def _options(self) -> Json:
        reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        match self.kind:
            case "timeseries":
                return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
            case "stat":
                return {"reduceOptions": reduced, "colorMode": "value", "graphMode": "none"}
            case "bargauge":
                return {"reduceOptions": reduced, "orientation": "horizontal", "displayMode": "basic"}
            case _:
                return {"showHeader": True}

    def _transformations(self) -> list[Json]:
        """Of a table: the columns of all queries side by side, under their headings, in their order."""
        if self.kind != "table":
            return words.renamed_types() if "resource" in self._told() else []
        values = {"Value": self.queries[0].name} if len(self.queries) == 1 else {
            f"Value #{letter}": query.name for letter, query in zip(ascii_uppercase, self.queries, strict=False)
        }  # fmt: skip
        renamed = {**self.labels, **values}
        order = {name: place for place, name in enumerate(renamed)}
        return [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": renamed}},
        ]
