"""A dashboard: variables, panels in rows, as Grafana's JSON. This module is pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.grafana.panels import DATASOURCE, GRID, Json, Panel

#: Sites show a day; the figures change by the minute.
SINCE, REFRESH = "now-24h", "1m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """What a reader chooses at the top: the values that a label has in the series of a family."""

    name: str
    title: str
    family: str
    label: str
    several: bool = False

    def as_json(self) -> Json:
        query = f"label_values({self.family}, {self.label})"
        return {
            "name": self.name,
            "label": self.title,
            "type": "query",
            "datasource": DATASOURCE,
            "query": {"query": query, "refId": self.name},
            "definition": query,
            "refresh": 2,
            "sort": 1,
            "multi": self.several,
            "includeAll": self.several,
            "allValue": ".*" if self.several else None,
            "current": {"text": ["Toutes"], "value": ["$__all"]} if self.several else {},
        }


REGION = Variable(name="region", title="Région", family="dcctl_cluster_resource_capacity", label="cloud_region")
ADMINISTRATION = Variable(name="administration", title="Administration", family="dcctl_administration_resource_granted", label="administration")
ADMINISTRATIONS = Variable(
    name="administration", title="Administration", family="dcctl_administration_resource_granted", label="administration", several=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Panels under a heading, side by side until the row is full."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard; `name` is its file's and, with ``dcctl-`` before it, its uid."""

    name: str
    title: str
    description: str
    variables: Sequence[Variable]
    sections: Sequence[Section]

    def as_json(self) -> Json:
        datasource = {"name": "datasource", "label": "Source de données", "type": "datasource", "query": "prometheus", "current": {}}
        return {
            "uid": f"dcctl-{self.name}",
            "title": self.title,
            "description": self.description,
            "tags": ["dcctl"],
            "schemaVersion": 38,
            "editable": False,
            "timezone": "Africa/Porto-Novo",
            "time": {"from": SINCE, "to": "now"},
            "refresh": REFRESH,
            "templating": {"list": [datasource, *(variable.as_json() for variable in self.variables)]},
            "links": [{"type": "dashboards", "tags": ["dcctl"], "title": "dcctl", "asDropdown": False, "includeVars": True, "keepTime": True}],
            "panels": self._panels(),
        }

    def _panels(self) -> list[Json]:
        found: list[Json] = []
        y = 0
        for section in self.sections:
            grid = {"x": 0, "y": y, "w": GRID, "h": 1}
            found.append({"id": len(found) + 1, "type": "row", "title": section.title, "gridPos": grid, "collapsed": False, "panels": []})
            x, y, tallest = 0, y + 1, 0
            for panel in section.panels:
                if x + panel.width > GRID:
                    x, y, tallest = 0, y + tallest, 0
                found.append(panel.as_json(len(found) + 1, x, y))
                x, tallest = x + panel.width, max(tallest, panel.height)
            y += tallest
        return found
