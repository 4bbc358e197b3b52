"""Whose limits are read in which hour: everybody's in turn, whatever comes, goes or does not answer. The readings are written by hand."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlmodel import select

from dcctl.cloud.observing import Look
from dcctl.store import Environment, ProjectLimit, now
from dcctl.workflow import auditing, reconciling
from dcctl.workflow.app import App

#: A Nova key, a Cinder key, and one that its service tells of no longer.
KEYS = (("compute", "cores"), ("block-storage", "gigabytes"), ("network", "firewall_policy"))
TOLD = KEYS[:2]


def written(app: App, *projects: str) -> None:
    """Environments whose limits were written just now."""
    with app.transaction() as session:
        for project in projects:
            of = {"administration": "min-sante", "request": "R-2026-0001", "offer": "standard", "offer_version": 1}
            session.add(Environment(**of, name=f"env-{project}", state="active", project_id=project))
            session.add_all(ProjectLimit(project_id=project, service_type=s, key=k, wanted=4, value=4, state="in_sync") for s, k in KEYS)


def hour(app: App, *, silent: Iterable[str] = ()) -> list[str]:
    """One audit: the projects whose turn it was, with what was read of them noted."""
    chosen = auditing.turn(app)
    at = now() + timedelta(milliseconds=1)
    read = {(project, key): (4, at) for project in chosen for key in TOLD if key[0] not in silent}
    with app.transaction() as session:
        reconciling.note(session, Look(read=read), chosen, set(silent))
    return chosen


@pytest.fixture
def projects() -> list[str]:
    return [f"p-{number:02d}" for number in range(50)]


def test_within_a_day_every_project_has_its_turn_and_none_twice_before_all(app: App, projects: list[str]) -> None:
    written(app, *projects)
    seen = [project for _ in range(17) for project in hour(app)]  # three an hour
    assert sorted(seen[:50]) == projects
    assert seen[50:] == seen[:1]


def test_the_next_round_has_the_same_order(app: App, projects: list[str]) -> None:
    written(app, *projects[:48])
    first = [hour(app) for _ in range(24)]
    assert [hour(app) for _ in range(24)] == first


def test_a_restarted_worker_goes_on_where_the_last_one_was(app: App, projects: list[str]) -> None:
    written(app, *projects[:48])
    before = [project for _ in range(10) for project in hour(app)]
    restarted = App(app.settings)
    after = [project for _ in range(14) for project in hour(restarted)]
    restarted.close()
    assert sorted(before + after) == projects[:48]


def test_who_is_new_waits_for_those_who_wait_already_and_who_is_gone_is_not_asked_for(app: App, projects: list[str]) -> None:
    written(app, *projects[:24])
    seen = [project for _ in range(12) for project in hour(app)]
    written(app, "p-new")
    with app.transaction() as session:
        for environment in session.exec(select(Environment).where(Environment.project_id.in_(["p-20", "p-21"]))).all():
            environment.state = "decommissioned"
            session.add(environment)
    later = [project for _ in range(12) for project in hour(app)]
    assert sorted(seen + later[:10]) == sorted({*projects[:24]} - {"p-20", "p-21"})
    assert later[10] in seen
    assert "p-new" in [project for _ in range(12) for project in hour(app)]


def test_limits_that_were_written_have_been_read_and_wait_a_whole_round(app: App, projects: list[str]) -> None:
    written(app, *projects[:24])
    (first,) = auditing.turn(app)
    with app.transaction() as session:
        for row in session.exec(select(ProjectLimit).where(ProjectLimit.project_id == first)).all():
            row.read_at = now()
            session.add(row)
    seen = [project for _ in range(24) for project in hour(app)]
    assert seen[-1] == first


def test_a_service_that_is_silent_holds_nobody_up(app: App, projects: list[str]) -> None:
    written(app, *projects[:24])
    assert sorted(project for _ in range(24) for project in hour(app, silent=["block-storage"])) == projects[:24]


def test_while_no_service_answers_the_same_are_tried_again(app: App, projects: list[str]) -> None:
    written(app, *projects[:24])
    silent = [service for service, _ in KEYS]
    assert hour(app, silent=silent) == hour(app, silent=silent)


def test_without_environments_nothing_is_asked(app: App) -> None:
    assert auditing.audit(app) == 0
