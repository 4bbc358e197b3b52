"""*Administration*: an envelope, what became of it, and the projects. This module is pure."""

from infra.grafana import figures
from infra.grafana.board import ADMINISTRATION, REGION, Board, Section
from infra.grafana.panels import BYTES, COUNT, MOMENT, SECONDS, SHARE, SHARE_STEPS, Panel, Query

_OURS = 'administration="$administration",cloud_region="$region"'
_PREFIX = "dcctl_administration_resource"
_OF_PROJECT = {"quota": "Alloué", "backend_quota": "Limite", "usage": "Utilisé"}


def _projects(title: str, unit: str) -> Panel:
    labels = {"project_name": "Projet", "environment_name": "Environnement", "project_id": "Identifiant", "resource": "Ressource"}
    return Panel(
        title=title,
        kind="table",
        unit=unit,
        height=10,
        labels=labels,
        queries=[
            Query(expression=figures.named(figures.amount_of(unit, f"dcctl_project_resource_{family}", _OURS, by="project_id, resource")), name=name)
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
                    title="Qui c'est",
                    kind="table",
                    width=20,
                    height=6,
                    labels={"administration": "Code", "name": "Nom", "parent": "Rattachée à"},
                    queries=[
                        Query(
                            expression='max by (administration, name, parent) (dcctl_administration_info{administration="$administration"})',
                            name="Oui",
                        )
                    ],
                ),
                figures.age(),
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
            panels=(
                _projects("Par projet : à la pièce", COUNT),
                _projects("Par projet : mémoire et stockage", BYTES),
                Panel(
                    title="Échéances",
                    description="Quand l'environnement s'arrête s'il n'est pas prolongé.",
                    kind="table",
                    unit=MOMENT,
                    labels={"project_name": "Projet", "environment_name": "Environnement", "project_id": "Identifiant"},
                    queries=[
                        Query(
                            # Grafana counts moments in milliseconds.
                            expression=figures.named(
                                'max by (project_id) (dcctl_project_expires_timestamp_seconds{administration="$administration"}) * 1000'
                            ),
                            name="Échéance",
                        )
                    ],
                ),
                Panel(
                    title="Limites : lues il y a",
                    description="De chaque projet et service, la plus ancienne des limites montrées : observée, ou relue après son écriture.",
                    kind="table",
                    unit=SECONDS,
                    labels={"project_name": "Projet", "environment_name": "Environnement", "project_id": "Identifiant", "service_type": "Service"},
                    queries=[
                        Query(
                            expression=figures.named(
                                "max by (project_id, service_type) "
                                f"(time() - dcctl_project_limits_read_timestamp_seconds{{{_OURS}}})"
                            ),
                            name="Lues il y a",
                        )
                    ],
                ),
                Panel(
                    title="Sans limite dans OpenStack",
                    description="Rien n'y retient le projet. Ce tableau doit rester vide.",
                    kind="table",
                    labels={"project_id": "Projet", "resource": "Ressource"},
                    queries=[Query(expression=f"max by (project_id, resource) (dcctl_project_resource_unlimited{{{_OURS}}})", name="Illimité")],
                ),
            ),
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
