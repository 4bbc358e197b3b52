"""The small sizes, on the real control plane: a pass of the collector beside a reading of the same use project by project, as others make it.

The reference asks each service about each project, which is the least that a reading by projects can do (three calls a project; the open exporter
makes five, and lists besides). Both start signed in. The number of projects grows from round to round while what is in them stays: our calls stay the
same, the reference's grow with them. The totals of both are compared at each size.
"""

import contextlib
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog

from dcctl import migrations
from dcctl.cloud import identity
from dcctl.cloud.connect import Cloud
from dcctl.cloud.quota_apis import QUOTA_APIS
from infra.site.layout import REGION
from metrics import store
from metrics.collector import Collector
from metrics.counting import NETWORK_KEYS, STRUCTURAL_LISTS
from tests import postgres
from tests.integration.metrics.site import as_role
from tests.site import RunningSite

#: Projects that are added before each size is measured.
ADDED = (0, 20, 60)


@contextlib.contextmanager
def more_projects(cloud: Cloud, number: int, prefix: str) -> Iterator[None]:
    """So many empty projects in a ministry's domain while the block runs."""
    domain = identity.find_domain(cloud, "min-sante")
    assert domain is not None
    made = [identity.ensure_project(cloud, f"{prefix}-{index}", domain, "made by a bench").id for index in range(number)]
    try:
        yield
    finally:
        for project in made:
            identity.delete_project(cloud, project)


def by_projects(cloud: Cloud) -> dict[tuple[str, str], int]:
    """(project id, resource) -> in use, where anything is, asked of each service about each project."""
    names = {**NETWORK_KEYS, **{key: path.replace("-", "_") for path, key in STRUCTURAL_LISTS.items()}}
    found = {}
    for project in cloud.session_json("identity", "/projects")["projects"]:
        for api in QUOTA_APIS:
            _, used = api.read_use(cloud, project["id"])
            found.update({(project["id"], names.get(key, key)): use.in_use for key, use in used.items() if use.in_use})
    return found


def run(site: RunningSite, rounds: int) -> dict[str, Any]:
    """Measure at each size, round by round; print a line a size."""
    site.prepare()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    sizes = []
    with postgres.server() as database:
        dsn = database.database(lambda address: migrations.upgrade(postgres.alchemy(address)), key="migrations")
        for added in ADDED:
            admin = Cloud(Path(site.clouds_yaml), "cloud-admin", REGION)
            with more_projects(admin, added, f"banc-{added}"):
                cloud = Cloud(Path(site.clouds_yaml), "cloud-admin", REGION)
                collector = Collector(store.engine(as_role(dsn, "dcctl_collector"), "bench"), cloud, structlog.get_logger("bench"))
                assert collector.once() == []  # signed in, and both sides' caches are warm
                raw = []
                for _ in range(rounds):
                    calls, began = cloud.calls(), time.monotonic()
                    assert collector.once() == []
                    ours = {"calls": cloud.calls() - calls, "seconds": round(time.monotonic() - began, 2)}
                    calls, began = admin.calls(), time.monotonic()
                    counted = by_projects(admin)
                    raw.append({"ours": ours, "by_projects": {"calls": admin.calls() - calls, "seconds": round(time.monotonic() - began, 2)}})
                with store.engine(as_role(dsn, "dcctl_exporter"), "bench", read_only=True).connect() as connection:
                    facts = store.read_facts(connection, REGION)
            listed = {(seen.project_id, seen.resource): seen.usage for seen in facts.observations if seen.usage}
            resources = {seen.resource for seen in facts.observations}
            equal = listed == {key: amount for key, amount in counted.items() if key[1] in resources}
            size: dict[str, Any] = {"projects": len(facts.domains), "equal": equal, "rounds": raw}
            for side in ("ours", "by_projects"):
                size[side] = {name: statistics.median(row[side][name] for row in raw) for name in ("calls", "seconds")}
            sizes.append(size)
            print(f"  {size['projects']} projects: ours {size['ours']}, by projects {size['by_projects']}, equal: {equal}", flush=True)
    return {"bench": "metrics-site", "sizes": sizes}


def over(result: dict[str, Any]) -> bool:
    """The same number of calls whatever the number of projects, fewer and quicker than by projects, and the same totals."""
    sizes = result["sizes"]
    return bool(
        len({size["ours"]["calls"] for size in sizes}) > 1
        or any(size["ours"]["seconds"] > size["by_projects"]["seconds"] or not size["equal"] for size in sizes)
    )
