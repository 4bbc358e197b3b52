"""*Administration*: an envelope, what became of it, and the projects. This module is pure."""

from infra.grafana import figures
from infra.grafana.board import ADMINISTRATION, REGION, Board, Section
from infra.grafana.panels import BYTES, COUNT, SHARE, SHARE_STEPS, Panel, Query

_OURS = 'administration="$administration",cloud_region="$region"'
_PREFIX = "dcctl_administration_resource"
_OF_PROJECT = {"quota": "Alloué", "backend_quota": "Limite", "usage": "Utilisé"}


def _projects(title: str, unit: str) -> Panel:
    labels = {"project_id": "Projet", "resource": "Ressource"}
    return Panel(
        title=title,
        kind="table",
        unit=unit,
        height=10,
        labels=labels,
        queries=[
            Query(expression=figures.amount_of(unit, f"dcctl_project_resource_{family}", _OURS, by=", ".join(labels)), name=name)
            for family, name in _OF_PROJECT.items()
        ],
    )


BOARD = Board(
    name="administration",
    title="Administration",
    description="L'enveloppe d'une administration : accordée, disponible, retenue, allouée, utilisée ; et ses projets.",
    variables=(REGION, ADMINISTRATION),
    sections=(
        Section(
            title="Enveloppe",
            panels=(
                Panel(
                    title="Engagé, en part de l'accordé",
                    description="Retenu par des demandes, alloué, ou accordé à des administrations rattachées. Alerte à 90 %.",
                    kind="bargauge",
                    unit=SHARE,
                    steps=SHARE_STEPS,
                    queries=[Query(expression=f"max by (resource) (dcctl:administration_resource:engaged_ratio{{{_OURS}}})", name="{{resource}}")],
                ),
                Panel(
                    title="Utilisé, en part de l'alloué",
                    description="Ce qui dort est ce qui manque à 100 %.",
                    kind="bargauge",
                    unit=SHARE,
                    queries=[Query(expression=f"max by (resource) (dcctl:administration_resource:usage_ratio{{{_OURS}}})", name="{{resource}}")],
                ),
                *figures.tables(_PREFIX, _OURS, figures.OF_ADMINISTRATION),
            ),
        ),
        Section(title="Dans le temps", panels=tuple(figures.over_time(_PREFIX, _OURS, figures.OF_ADMINISTRATION))),
        Section(
            title="Projets",
            panels=(_projects("Par projet : à la pièce", COUNT), _projects("Par projet : mémoire et stockage", BYTES)),
        ),
        Section(
            title="Demandes",
            panels=(
                Panel(
                    title="Demandes par état",
                    kind="table",
                    width=24,
                    labels={"state": "État", "kind": "Nature"},
                    queries=[
                        Query(expression='sum by (state, kind) (dcctl_requests{administration="$administration"}) > 0', name="Demandes"),
                    ],
                ),
            ),
        ),
    ),
)
