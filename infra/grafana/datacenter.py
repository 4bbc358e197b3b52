"""*Datacenter*: what there is, what is promised, what is used. This module is pure."""

from infra.grafana import figures
from infra.grafana.board import REGION, Board, Section
from infra.grafana.panels import SHARE, SHARE_STEPS, Panel, Query

_IN_REGION = 'cloud_region="$region"'
_CLUSTER, _ADMINISTRATION = "dcctl_cluster_resource", "dcctl_administration_resource"
#: Of the datacenter as a whole: declared = available + held + granted.
_OF_ALL = {"capacity": "Capacité", "available": "Disponible", "held": "Retenu", "granted": "Accordé", "allocated": "Alloué", "usage": "Utilisé"}
_DRAWN = {name: _OF_ALL[name] for name in ("capacity", "granted", "allocated", "usage")}


def _largest(resource: str, title: str, unit: str) -> Panel:
    """Who was granted most of a resource, and what they do with it."""
    selector = f"{_IN_REGION},{figures.of(resource)}"
    return Panel(
        title=title,
        kind="table",
        unit=unit,
        labels={"administration": "Administration"},
        units={"Engagé": SHARE},
        queries=[
            *(
                Query(expression=figures.amount(f"{_ADMINISTRATION}_{family}", selector, by="administration"), name=figures.OF_ADMINISTRATION[family])
                for family in ("granted", "allocated", "usage")
            ),
            Query(expression=f"max by (administration) (dcctl:administration_resource:engaged_ratio{{{selector}}})", name="Engagé"),
        ],
    )


BOARD = Board(
    name="datacenter",
    title="Datacenter",
    description="Ce que le datacenter a, ce qu'il a promis aux administrations, et ce qui sert.",
    variables=(REGION,),
    sections=(
        Section(
            title="Aujourd'hui",
            panels=(
                figures.age(),
                figures.shares(
                    "Accordé, en part de la capacité", "Ce que le datacenter a promis par des enveloppes.",
                    f"{_CLUSTER}_granted{{{_IN_REGION}}}", f"{_CLUSTER}_capacity{{{_IN_REGION}}}",
                ),
                figures.shares(
                    "Utilisé, en part de la capacité", "Ce qu'OpenStack compte dans tous les projets.",
                    f"{_CLUSTER}_usage{{{_IN_REGION}}}", f"{_CLUSTER}_capacity{{{_IN_REGION}}}",
                ),
                *figures.tables(_CLUSTER, _IN_REGION, _OF_ALL),
            ),
        ),
        Section(title="Dans le temps", panels=tuple(figures.over_time(_CLUSTER, _IN_REGION, _DRAWN))),
        Section(title="Administrations", panels=tuple(_largest(resource, title, unit) for resource, (title, unit) in figures.DRAWN.items())),
        Section(
            title="Projets proches de leur limite",
            panels=(
                Panel(
                    title="Usage en part de la limite, les vingt premiers",
                    description="La limite qu'OpenStack applique au projet. Au-delà de 100 %, voir la fiche DcctlUsageOverLimit.",
                    kind="table",
                    unit=SHARE,
                    steps=SHARE_STEPS,
                    width=24,
                    labels={"administration": "Administration", "project_id": "Projet", "resource": "Ressource"},
                    queries=[
                        Query(
                            expression="topk(20, max by (administration, project_id, resource) "
                            f"(dcctl:project_resource:usage_ratio{{{_IN_REGION}}}))",
                            name="Part de la limite",
                        )
                    ],
                ),
            ),
        ),
    ),
)  # fmt: skip
