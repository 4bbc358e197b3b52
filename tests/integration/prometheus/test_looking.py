"""The shipped configuration, rules and dashboards in a real Prometheus that scrapes a real exporter."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session

from dcctl.store import Administration, ObservedProject, Operation, ProjectLimit, Source, add_requests
from infra.grafana.__main__ import BOARDS, FOLDER
from infra.grafana.words import WORDS, in_french
from metrics import store
from metrics.readings import Reading
from quotas import ledger
from quotas import store as accounts
from quotas.resources import BLOCK_STORAGE, COMPUTE, NETWORK
from tests import prometheus as running
from tests import promtool
from tests.integration.metrics import country
from tests.integration.metrics.known import ACT, OPERATOR
from tests.integration.metrics.site import REGION, Site, as_role, projects, reading
from tests.integration.metrics.test_exporter import Exporter, eventually, exporter
from tests.prometheus import Prometheus

#: What a reader chose at the top of a dashboard.
CHOSEN = {"region": REGION, "administration": "min-sante"}
#: As somebody typed it: quotes, a new line, a backslash, what is not a letter, and as long as a name may be.
NAME = 'Ministère de la « Justice » "et\nde la Législation" \\ 🇧🇯 '.ljust(255, "é")
SOURCES = {"keystone", "compute", "block-storage", "network"}
#: The services' resources with amounts in use in dossier-patient, project 0f.
IN_USE = {
    COMPUTE: {"instances": 3, "cores": 9, "ram": 18432},
    BLOCK_STORAGE: {"volumes": 2, "gigabytes": 60, "gigabytes_ssd": 40},
    NETWORK: {"networks": 1, "routers": 1, "floatingips": 2},
}


def of_service(service: str, at: datetime) -> Reading:
    return reading(at, {("0f", resource): amount for resource, amount in IN_USE[service].items()}, service, tuple(IN_USE[service]))


def live(site: Site, at: datetime) -> None:
    """All services are read at that moment, whatever was read before, and limits of dossier-patient are read back; there is memory, too."""
    with site.owner.begin() as database:
        database.execute(text("UPDATE source SET last_success_at = NULL"))
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(at, "0f", "0a"))
        for service in IN_USE:
            store.write_reading(database, service, REGION, of_service(service, at))
        add_requests(database, "collector", {("compute", "GET", "failed"): 1, ("network", "GET", "ok"): 4})
    with Session(site.owner) as session:
        session.merge(Administration(code="min-justice", name=NAME, domain_id="d-min-justice"))
        for project, domain, name in (("0b", "min-sante", "archives"), ("0c", "min-justice", "archives"), ("1a", "min-sante", NAME),
                                      ("1b", "min-justice", NAME)):  # fmt: skip
            names = {"domain_id": f"d-{domain}", "domain_name": domain, "seen_at": at}
            session.merge(ObservedProject(project_id=project, name=name, **names))
        world, pool, sante = (accounts.find_holder(session, name) for name in ("world", "pool", "min-sante"))
        assert world is not None
        assert pool is not None
        assert sante is not None
        more = {"ram": 65536, "gigabytes": 1000}
        for moves in (ledger.declare(world, pool, REGION, more), ledger.grant(pool, sante, REGION, more)):
            accounts.post(session, moves, actor=OPERATOR, cause=ACT)
        for service, amounts in IN_USE.items():
            for resource, amount in amounts.items():
                if resource == "floatingips":
                    continue  # of which the project has no limit
                key = resource.removesuffix("s") if service == NETWORK else resource
                wanted = {"service_type": service, "key": key, "wanted": amount + 1, "value": amount + 1}
                session.merge(ProjectLimit(project_id="0f", **wanted, state="in_sync", read_at=at))
        running_one = {"request": "R-2026-0042", "administration": "min-sante", "environment": "dossier-patient", "created_at": at, "started_at": at}
        session.merge(Operation(id="O-2026-0042-2", kind="fulfil", state="running", **running_one))
        session.merge(Source(name="catalogue", last_success_at=at, last_attempt_at=at))
        session.commit()


@contextmanager
def watched(site: Site, folder: Path, *, changes: dict[str, str] | None = None, patient: bool = True) -> Iterator[tuple[Prometheus, Exporter]]:
    promtool.prometheus()  # before anything is started
    with exporter(folder, as_role(site.dsn, "dcctl_exporter")) as scraped:
        eventually(lambda: scraped.get("/readyz").status == 200, "/readyz is 200")
        with running.server(folder, f"127.0.0.1:{scraped.port}", patient=patient, changes=changes) as prometheus:
            prometheus.scraped()
            yield prometheus, scraped


def filled_in(expression: str) -> str:
    for name, value in CHOSEN.items():
        expression = expression.replace(f"${name}", value)
    return expression


def test_every_query_of_every_panel_returns_data_and_every_variable_has_something_to_choose(known: Site, tmp_path: Path):
    live(known, datetime.now(UTC))
    dashboards = [json.loads((FOLDER / f"{board.name}.json").read_text()) for board in BOARDS]
    queries = [
        (f"{dashboard['title']}: {panel['title']}", filled_in(target["expr"]), target["legendFormat"])
        for dashboard in dashboards
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]
    variables = {
        (variable["query"]["query"].removeprefix("label_values(").removesuffix(")"), variable["name"])
        for dashboard in dashboards
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    }

    with watched(known, tmp_path) as (prometheus, _):
        prometheus.until(lambda: len(prometheus.query("rate(dcctl_openstack_requests_total[5m])")) > 0, "two scrapes")
        prometheus.until(lambda: len(prometheus.query("dcctl:administration_resource:engaged_ratio")) > 0, "an evaluation of the rules")
        answers = {query: prometheus.query(query) for _, query, _ in queries}
        offered = {name: prometheus.label_values(query.partition(", ")[2], query.partition(", ")[0]) for query, name in variables}
        ram = prometheus.query('sum (dcctl_administration_resource_usage{administration="min-sante",resource="ram"})')
        shown = [query for title, query, _ in queries if title == "Administration: Mémoire" and "_usage{" in query]
        in_bytes = prometheus.query(shown[0])
        name = [sample.labels["name"] for sample in prometheus.query('dcctl_administration_info{administration="min-justice"}')]
        archives = prometheus.query('dcctl_project_info{project_name="archives"}')
        hostile = [sample for sample in prometheus.query("dcctl_project_info") if sample.labels["project_name"] == NAME]

    empty = [(title, query) for title, query, _ in queries if not answers[query]]
    unnamed = [
        (title, legend)
        for title, query, legend in queries
        for label in [part.partition("}}")[0] for part in legend.split("{{")[1:]]
        if not all(sample.labels.get(label) for sample in answers[query])
    ]
    told = {(label, sample.labels[label]) for found in answers.values() for sample in found for label in WORDS if label in sample.labels}
    untold = {(label, value) for label, value in told if in_french(label, value) is None}
    assert len(queries) > 90
    assert (empty, unnamed, untold) == ([], [], set())
    assert (len(NAME), sorted((sample.labels["administration"], sample.labels["project_id"]) for sample in hostile)) == (
        255, [("min-justice", "1b"), ("min-sante", "1a")],
    )  # fmt: skip
    assert offered == {"region": [REGION], "administration": ["cnhu", "min-justice", "min-sante"]}
    assert (ram[0].value, in_bytes[0].value) == (18432, 18432 * 1024**2)
    assert name == [NAME]
    assert {sample.labels["administration"]: sample.labels["project_id"] for sample in archives} == {"min-sante": "0b", "min-justice": "0c"}


def figures(prometheus: Prometheus) -> dict[tuple[str, str], float]:
    """(project id, resource) -> in use."""
    found = prometheus.query("dcctl_project_resource_usage")
    return {(sample.labels["project_id"], sample.labels["resource"]): sample.value for sample in found}


def times(prometheus: Prometheus) -> dict[str, float]:
    """When each source last answered in full."""
    return prometheus.by("source", "dcctl_source_last_success_timestamp_seconds")


def silent(prometheus: Prometheus) -> set[str]:
    """Sources that somebody is told of."""
    return prometheus.by("source", 'ALERTS{alertname="DcctlSourceStale",alertstate="firing"}').keys() & SOURCES


def failed(site: Site) -> set[str]:
    """Sources whose last reading failed."""
    return {name for name, one in site.facts().attempts.items() if not one.complete}


def an_hour_passes(site: Site) -> None:
    """What was read was read an hour earlier: whoever answers is of now again with the next pass."""
    with site.owner.begin() as database:
        database.execute(text("UPDATE source SET last_success_at = last_success_at - interval '1 hour'"))


def test_when_all_services_the_renderer_or_the_exporter_stop_values_and_times_stay_and_the_alert_for_each_fires(site: Site, tmp_path: Path):
    """A real collector reads a cloud that breaks; alerts fire at the first evaluation, and a text is old after ten seconds."""
    promtool.prometheus()
    with Session(site.owner) as session:
        session.add(Administration(code="min-sante", name="Ministère de la Santé", domain_id="d"))
        session.commit()

    with country.served(country.SMALL) as (port, cloud), country.collecting(site, country.clouds_yaml(port, tmp_path), tmp_path, 0.5):
        eventually(lambda: site.facts().sources.keys() == SOURCES, "every source is read")
        with watched(site, tmp_path, patient=False, changes={"dcctl_render_timestamp_seconds > 120": "dcctl_render_timestamp_seconds > 10"}) as (
            prometheus, scraped,
        ):  # fmt: skip
            prometheus.until(lambda: len(figures(prometheus)) == 5 * 17, "five projects with seventeen figures each")
            before = figures(prometheus)
            cloud.kill()
            eventually(lambda: failed(site) == SOURCES, "every source failed")
            an_hour_passes(site)
            prometheus.until(lambda: silent(prometheus) == SOURCES, "the alert of every source")
            stand_at = times(prometheus)
            assert figures(prometheus) == before
            assert "DcctlRendererStale" not in prometheus.firing()

            with site.owner.begin() as database:  # the exporter goes on serving, and can no longer read
                database.execute(text("ALTER VIEW exporter.environment RENAME TO environment_away"))
            prometheus.until(lambda: "DcctlRendererStale" in prometheus.firing(), "the alert of a renderer that stands still")
            rendered_at = prometheus.query("dcctl_render_timestamp_seconds")
            prometheus.scraped()
            assert prometheus.query("dcctl_render_timestamp_seconds") == rendered_at
            assert (figures(prometheus), times(prometheus)) == (before, stand_at)
            assert "DcctlExporterAbsent" not in prometheus.firing()

            scraped.process.kill()
            prometheus.until(lambda: "DcctlExporterAbsent" in prometheus.firing(), "the alert of an exporter that is gone")
