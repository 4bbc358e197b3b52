"""`usage show` and `usage top` tell what the exporter tells, of one database; and nobody sees another's subtree."""

from datetime import UTC

import pytest

from dcctl.errors import DcctlError, NotVisible
from dcctl.workflow import present
from dcctl.workflow.app import App
from metrics.snapshot import assemble
from tests.integration.metrics.site import NINE, Site
from tests.integration.metrics.test_same_figures import OPERATOR, TEN, app, read_volumes
from tests.integration.workflow.conftest import person

__all__ = ["app"]

PLACES = ("granted", "available", "held", "allocated", "usage")
CLUSTER = ("capacity", *PLACES)
AGENT = person("sante-agent", "dc_agent", administration="min-sante")


@pytest.mark.parametrize("code", ["min-sante", "min-justice", "cnhu"])
def test_an_administrations_figures_are_those_that_are_exported(app: App, known: Site, code: str):
    read_volumes(known)

    found = present.shown(app, OPERATOR, code)

    exported = [figures for figures in assemble(known.facts()).administrations if figures.administration == code]
    theirs = {figures.resource.name: {name: getattr(figures, name) for name in PLACES} for figures in exported}
    ours = {item["resource"]: {name: item[name] for name in PLACES} for item in found["items"]}
    assert (found["holder"], found["kind"]) == (code, "administration")
    assert ours == {resource: figures for resource, figures in theirs.items() if resource in ours or any(figures.values())}
    assert {item["capacity"] for item in found["items"]} == {None}


def test_the_datacenters_figures_are_those_that_are_exported(app: App, known: Site):
    read_volumes(known)

    found = present.shown(app, OPERATOR)

    theirs = {f.resource.name: {name: getattr(f, name) for name in CLUSTER} for f in assemble(known.facts()).cluster}
    ours = {item["resource"]: {name: item[name] for name in CLUSTER} for item in found["items"]}
    assert found["kind"] == "pool"
    assert ours["cores"] == {"capacity": 1024, "granted": 512, "available": 512, "held": 0, "allocated": 24, "usage": 11}
    assert ours == {resource: figures for resource, figures in theirs.items() if resource in ours or any(figures.values())}


def test_each_figure_says_when_it_was_read(app: App, known: Site):
    read_volumes(known)

    at = {item["resource"]: item["at"] for item in present.shown(app, OPERATOR, "min-sante")["items"]}

    assert (at["cores"].astimezone(UTC), at["gigabytes"].astimezone(UTC)) == (NINE, TEN)
    assert at["networks"] is None  # its limit was read back, its use never read


def test_who_uses_most_is_counted_by_administration_and_by_project(app: App, known: Site):
    administrations = present.greatest(app, OPERATOR, "cores")["items"]
    projects = present.greatest(app, OPERATOR, "cores", by="project", count=1)["items"]

    assert [(item["administration"], item["usage"], item["granted"], item["allocated"]) for item in administrations] == [
        ("min-sante", 11, 512, 24), ("cnhu", 0, 64, 0), ("min-justice", 0, 0, 0),
    ]  # fmt: skip
    assert [(item["administration"], item["project"], item["project_id"], item["usage"], item["limit"]) for item in projects] == [
        ("min-sante", "dossier-patient", "0f", 9, 24)
    ]


def test_an_agent_sees_their_own_administration_and_those_below_it(app: App, known: Site):
    assert present.shown(app, AGENT)["holder"] == "min-sante"
    assert present.shown(app, AGENT, "cnhu")["holder"] == "cnhu"
    assert {item["administration"] for item in present.greatest(app, AGENT, "cores")["items"]} == {"min-sante", "cnhu"}
    with pytest.raises(NotVisible):
        present.shown(app, AGENT, "min-justice")
    with pytest.raises(NotVisible):
        present.shown(app, person("nobody"))


def test_what_is_not_counted_is_refused_by_name(app: App, known: Site):
    with pytest.raises(DcctlError, match="coeurs"):
        present.greatest(app, OPERATOR, "coeurs")
