"""A second client that looks all the time: does a project have more than the ledger allocated to it, or its people a role before its limits?"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine, text

from infra.site import postgres
from tests.acceptance.main_job.conftest import Ministry

#: Ledger's name -> service and the service's own key.
LIMITS = {
    "instances": ("compute", "instances"), "cores": ("compute", "cores"), "ram": ("compute", "ram"), "volumes": ("volume", "volumes"),
    "gigabytes": ("volume", "gigabytes"), "gigabytes_ssd": ("volume", "gigabytes_ssd"), "networks": ("network", "network"),
    "routers": ("network", "router"), "floatingips": ("network", "floatingip"),
}  # fmt: skip


@dataclass
class Watch:
    """What a watcher saw: how often, and every instant at which a rule was broken."""

    rounds: int = 0
    limited: int = 0
    with_people: int = 0
    broken: list[str] = field(default_factory=list)


@contextmanager
def watching(ministry: Ministry, admin: Any) -> Iterator[Watch]:
    """Poll ledger, limits and roles of all the administration's projects until the block ends."""
    seen, ending = Watch(), threading.Event()
    engine = create_engine(ministry.site.layout.url(postgres.DATABASE, "dcctl_auditor"))
    domain_id = admin.identity.find_domain(ministry.code, ignore_missing=False).id

    def look() -> None:
        while not ending.is_set():
            for project in admin.identity.projects(domain_id=domain_id):
                one_look(ministry, admin, engine, project, seen)
            seen.rounds += 1
            ending.wait(0.1)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        ending.set()
        watcher.join()
        engine.dispose()


def one_look(ministry: Ministry, admin: Any, engine: Any, project: Any, seen: Watch) -> None:
    """The ledger is read before and after the limits: a limit between two readings may be as high as the higher of them."""
    people = [a for a in admin.identity.role_assignments(scope_project_id=project.id) if a.group and a.group.get("id")]
    before = allocated(engine, ministry.code, project.name)
    answers = {
        "compute": admin.compute.get(f"/os-quota-sets/{project.id}"),
        "volume": admin.block_storage.get(f"/os-quota-sets/{project.id}"),
        "network": admin.network.get(f"/quotas/{project.id}"),
    }
    after = allocated(engine, ministry.code, project.name)
    if any(answer.status_code != 200 for answer in answers.values()):
        return  # the project is being deleted: Nova and Cinder ask Keystone about it
    limits = {service: next(iter(answer.json().values())) for service, answer in answers.items()}
    for resource, (service, key) in LIMITS.items():
        limit, most = int(limits[service][key]), max(before.get(resource, 0), after.get(resource, 0))
        if not 0 <= limit <= most:
            seen.broken.append(f"{project.name} {resource}: limit {limit}, allocated {most}")
        if people and limit != before.get(resource, 0) and limit != after.get(resource, 0):
            seen.broken.append(f"{project.name} {resource}: people have a role, limit {limit}, allocated {before.get(resource, 0)}")
    seen.limited += any(int(limits[service][key]) for service, key in LIMITS.values())
    seen.with_people += bool(people)


def allocated(engine: Any, code: str, name: str) -> dict[str, int]:
    statement = text("""SELECT a.resource, a.balance FROM quotas.account a JOIN quotas.holder h ON h.id = a.holder_id
        JOIN quotas.holder p ON p.id = h.parent_id WHERE p.code = :code AND h.code = :name AND h.kind = 'environment'""")
    with engine.connect() as connection:
        return {row.resource: int(row.balance) for row in connection.execute(statement, {"code": code, "name": name})}
