"""The questions in PromQL that several dashboards ask, and the panels made of them. This module is pure.

Amounts are shown in bytes or one by one: `dcctl_resource_unit_multiplier` turns OpenStack's MiB and GiB into what Grafana can write in words.
Sums keep the labels that are named and lose those of the target.
"""

from collections.abc import Mapping

from infra.grafana.panels import BYTES, COUNT, SECONDS, SHARE, SHARE_STEPS, Panel, Query

#: Ages: red where DcctlSourceStale is; a source is as old as a full pass lets it be (collector.full_seconds).
SOURCE_STEPS = ((None, "green"), (700, "orange"), (1500, "red"))
#: What is drawn over time, and how people call it.
DRAWN = {"cores": ("Cœurs", COUNT), "ram": ("Mémoire", BYTES), "gigabytes": ("Stockage", BYTES)}
#: Families without their prefix -> what a column or a line is called.
OF_ADMINISTRATION = {"granted": "Accordé", "available": "Disponible", "held": "Retenu", "allocated": "Alloué", "usage": "Utilisé"}


def of(resource: str) -> str:
    """The selector of one resource."""
    return f'resource="{resource}"'


#: One for each resource, whatever the number of exporters.
_MULTIPLIER = "max by (service_type, resource) (dcctl_resource_unit_multiplier)"


def amount(family: str, selector: str, by: str = "") -> str:
    """The amounts of a family in bytes, or one by one; with `by` for each value of these labels."""
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} ({family}{{{selector}}} * on (service_type, resource) group_left () {_MULTIPLIER})"


def amount_of(unit: str, family: str, selector: str, by: str = "resource") -> str:
    """The same, of the resources only that are counted in this unit."""
    kind = "> 1" if unit == BYTES else "== 1"
    return f"sum by ({by}) ({family}{{{selector}}} * on (service_type, resource) group_left () ({_MULTIPLIER} {kind}))"


def named(expression: str, by: str = "project_id") -> str:
    """The same samples, with the project's name and environment as Keystone and dcctl say them; a project without a name keeps its id."""
    info = f"max by ({by}, project_name, environment_name) (dcctl_project_info)"
    return f"{expression} * on ({by}) group_left (project_name, environment_name) {info}"


def over_time(prefix: str, selector: str, names: Mapping[str, str]) -> list[Panel]:
    """For each resource that is drawn a panel with a line for each family."""
    return [
        Panel(
            title=title,
            kind="timeseries",
            unit=unit,
            width=8,
            queries=[Query(expression=amount(f"{prefix}_{family}", f"{selector},{of(resource)}"), name=name) for family, name in names.items()],
        )
        for resource, (title, unit) in DRAWN.items()
    ]


def tables(prefix: str, selector: str, names: Mapping[str, str]) -> list[Panel]:
    """A line a resource and a column a family: what is counted one by one, and what is counted in bytes."""
    return [
        Panel(
            title=title,
            kind="table",
            unit=unit,
            labels={"resource": "Ressource"},
            queries=[Query(expression=amount_of(unit, f"{prefix}_{family}", selector), name=name) for family, name in names.items()],
        )
        for title, unit in (("Ce qui se compte à la pièce", COUNT), ("Mémoire et stockage", BYTES))
    ]


def shares(title: str, description: str, part: str, whole: str) -> Panel:
    """A bar a resource: a part of a whole, where there is a whole."""
    return Panel(
        title=title,
        description=description,
        kind="bargauge",
        unit=SHARE,
        steps=SHARE_STEPS,
        queries=[Query(expression=f"sum by (resource) ({part}) / (sum by (resource) ({whole}) > 0)", name="{{resource}}")],
    )


def age() -> Panel:
    """How old the oldest source is: beside figures that somebody decides by."""
    return Panel(
        title="Âge des chiffres",
        description="La plus ancienne des sources ; le détail est dans Exploitation.",
        kind="stat",
        unit=SECONDS,
        width=4,
        height=6,
        steps=SOURCE_STEPS,
        queries=[Query(expression="max (dcctl:source:age_seconds)")],
    )
