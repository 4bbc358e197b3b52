"""*Demandes*: what was asked, what waits, for whom. This module is pure."""

from infra.grafana.board import ADMINISTRATIONS, Board, Section
from infra.grafana.panels import SECONDS, Panel, Query

_OURS = 'administration=~"$administration"'
_OPEN = "submitted|in_review|returned|proposed|approved|fulfilling|failed"
_WAITING = f'{_OURS},state=~"submitted|in_review"'

BOARD = Board(
    name="demandes",
    title="Demandes",
    description="Les demandes des administrations : ce qui attend une décision, ce qui se construit, ce qui est fait.",
    variables=(ADMINISTRATIONS,),
    sections=(
        Section(
            title="Aujourd'hui",
            panels=(
                *(
                    Panel(
                        title=title, kind="stat", width=6, height=4, queries=[Query(expression=f'sum (dcctl_requests{{{_OURS},state=~"{states}"}})')],
                        steps=steps,
                    )
                    for title, states, steps in (
                        ("En attente d'une décision", "submitted|in_review", ((None, "green"), (20, "orange"))),
                        ("Approuvées, en construction", "approved|fulfilling", ((None, "blue"),)),
                        ("En échec", "failed", ((None, "green"), (1, "red"))),
                        ("Fournies", "fulfilled", ((None, "blue"),)),
                    )
                ),
                Panel(
                    title="En attente, par administration",
                    kind="table",
                    labels={"administration": "Administration", "kind": "Nature"},
                    queries=[Query(expression=f"sum by (administration, kind) (dcctl_requests{{{_WAITING}}}) > 0", name="Demandes")],
                ),
                Panel(
                    title="Toutes les demandes, par état",
                    kind="bargauge",
                    queries=[Query(expression=f"sum by (state) (dcctl_requests{{{_OURS}}})", name="{{state}}")],
                ),
            ),
        ),
        Section(
            title="Attente",
            panels=(
                Panel(
                    title="La plus ancienne, par administration et état",
                    description="Alerte au-delà de cinq jours en examen, d'une heure avant l'examen.",
                    kind="table",
                    unit=SECONDS,
                    labels={"administration": "Administration", "state": "État", "kind": "Nature"},
                    queries=[
                        Query(
                            expression=f"max by (administration, state, kind) (time() - dcctl_request_oldest_timestamp_seconds{{{_OURS}}})",
                            name="Attend depuis",
                        )
                    ],
                ),
                Panel(
                    title="Opérations, par état",
                    kind="table",
                    labels={"kind": "Nature", "state": "État"},
                    queries=[
                        Query(expression="sum by (kind, state) (dcctl_operations)", name="Opérations"),
                    ],
                ),
                Panel(
                    title="Opérations : silence le plus long",
                    description="Depuis quand la plus silencieuse n'a rien dit. Alerte après une heure en cours, une demi-heure en attente.",
                    kind="table",
                    unit=SECONDS,
                    labels={"kind": "Nature", "state": "État"},
                    queries=[
                        Query(expression="max by (kind, state) (time() - dcctl_operation_idle_timestamp_seconds)", name="Silence"),
                    ],
                ),
                Panel(
                    title="Décisions",
                    kind="bargauge",
                    queries=[Query(expression=f"sum by (verdict) (dcctl_decisions_total{{{_OURS}}})", name="{{verdict}}")],
                ),
                Panel(
                    title="Décisions par jour",
                    kind="timeseries",
                    queries=[Query(expression=f"sum by (verdict) (increase(dcctl_decisions_total{{{_OURS}}}[1d]))", name="{{verdict}}")],
                ),
            ),
        ),
        Section(
            title="Dans le temps",
            panels=(
                Panel(
                    title="En cours, par état",
                    kind="timeseries",
                    stacked=True,
                    queries=[
                        Query(
                            expression=f'sum by (state) (dcctl_requests{{{_OURS},state=~"{_OPEN}"}})',
                            name="{{state}}",
                        )
                    ],
                ),
                Panel(
                    title="Terminées, par issue",
                    kind="timeseries",
                    queries=[
                        Query(
                            expression=f'sum by (state) (dcctl_requests{{{_OURS},state=~"fulfilled|refused|withdrawn|lapsed|abandoned"}})',
                            name="{{state}}",
                        )
                    ],
                ),
            ),
        ),
    ),
)  # fmt: skip
