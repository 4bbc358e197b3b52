"""cloud = state = ledger, thing by thing and unit by unit: the one comparison after each case of chaos on a site.

Of OpenStack its own client is asked, of dcctl and the engine their databases: neither API nor finders, which are what is judged.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from infra.site import postgres
from infra.site.layout import REGION, Site
from quotas import store
from quotas.resources import COUNTED
from stacks import naming
from stacks.plan import Resolved, plan
from stacks.specs import parse
from tests.chaos import looking
from tests.chaos.judging import differences
from tests.postgres import alchemy

#: In which an environment has all that its spec says.
BUILT = ("active", "warning", "stopped")
ENDED_OPERATIONS = ("succeeded", "failed", "cancelled")
#: Of a request that waits for the worker.
UNDER_WAY = ("approved", "fulfilling")
#: The client's words for what the ledger counts, by the ledger's.
NEUTRON = {"networks": "networks", "routers": "routers", "floatingips": "floating_ips"}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Looks at one administration of a site; `admin` is the cloud's administrator by openstacksdk."""

    site: Site
    admin: Any
    administration: str

    def wrong(self) -> list[str]:
        """Everything that does not agree; empty when all does."""
        found: list[str] = []
        with postgres.connect(self.site, postgres.DATABASE) as own, postgres.connect(self.site, postgres.ENGINE_DATABASE) as engine:
            known = _rows(own, "SELECT * FROM environment WHERE administration = %s ORDER BY id", self.administration)
            living = {environment["name"] for environment in known if environment["state"] != "decommissioned"}
            for environment in known:
                made = _rows(own, "SELECT * FROM request WHERE number = %s", environment["made_by"] or environment["request"])[0]
                if environment["state"] in BUILT:
                    found += self._built(own, engine, environment, made)
                elif environment["state"] == "decommissioned":
                    found += self._gone(engine, environment, made, named_again=environment["name"] in living)
                else:
                    found.append(f"stuck: environment {environment['name']} is {environment['state']}")
            found += self._ledger(own)
            found += self._ended(own)
        return found + self._credentials() + self._rules()

    def _built(self, own: psycopg.Connection[Any], engine: psycopg.Connection[Any], environment: Row, made: Row) -> list[str]:
        spec, resolved = parse(environment["spec"]), Resolved.from_document(made["resolved"])
        planned, project = plan(spec, resolved), str(environment["project_id"])
        group = naming.members_group(spec.administration, spec.name)
        seen = {"tenant": looking.tenant(self.admin, resolved, group), "workload": looking.workload(self.admin, project, resolved)}
        found = []
        for layer in naming.LAYERS:
            recorded, wrong = looking.recorded(engine, naming.stack_name(REGION, spec.administration, spec.name, layer))
            found += wrong + differences(planned.of(layer), recorded, seen[layer])
        allocated = _allocated(own, self.administration, spec.name)
        wanted = {resource: amount for resource, amount in spec.quota.items() if amount}
        if allocated != wanted:
            found.append(f"ledger: {spec.name} has {allocated}, its spec says {wanted}")
        limits = self._limits(project)
        for resource, limit in limits.items():
            if limit != allocated.get(resource, 0):
                found.append(f"limit: {resource} of {spec.name} is {limit} in the service, {allocated.get(resource, 0)} in the ledger")
        for resource, used in self._use(project).items():
            if used > allocated.get(resource, 0):
                found.append(f"use: {spec.name} uses {used} {resource} of {allocated.get(resource, 0)}")
        return found

    def _gone(self, engine: psycopg.Connection[Any], environment: Row, made: Row, *, named_again: bool) -> list[str]:
        """Nothing is left of it, in the cloud or in the engine; where its name is another's by now, the engine's stacks are that one's."""
        found = []
        if environment["project_id"]:
            resolved = Resolved.from_document(made["resolved"])
            found += [f"left: {item.said}" for item in looking.workload(self.admin, environment["project_id"], resolved)]
            groups = [group for group in self.admin.network.security_groups() if group.project_id == environment["project_id"]]
            found += [f"left: security group {group.name} {group.id} of {environment['name']}" for group in groups]
            if any(project.id == environment["project_id"] for project in self.admin.identity.projects()):
                found.append(f"left: project {environment['name']} {environment['project_id']}")
        for layer in () if named_again else naming.LAYERS:
            recorded, wrong = looking.recorded(engine, naming.stack_name(REGION, self.administration, environment["name"], layer))
            found += wrong + [f"left in the state: {name} {id}" for name, id in recorded.items()]
        return found

    def _limits(self, project: str) -> dict[str, int]:
        """What the services enforce on the project, under the ledger's names, for all that the ledger counts."""
        nova = self.admin.compute.get(f"/os-quota-sets/{project}").json()["quota_set"]
        cinder = self.admin.block_storage.get(f"/os-quota-sets/{project}").json()["quota_set"]
        neutron = self.admin.network.get_quota(project)
        found = {resource.name: (nova | cinder).get(resource.name) for resource in COUNTED}
        found |= {name: getattr(neutron, key) for name, key in NEUTRON.items()}
        found |= {key: limit for key, limit in cinder.items() if key.startswith("gigabytes_")}
        return {name: int(limit) for name, limit in found.items() if limit is not None}

    def _use(self, project: str) -> Counter[str]:
        used: Counter[str] = Counter()
        for server in self.admin.compute.servers(all_projects=True, project_id=project):
            used += Counter(instances=1, cores=server.flavor.vcpus, ram=server.flavor.ram)
        for volume in self.admin.block_storage.volumes(all_projects=True, project_id=project):
            used += Counter({"volumes": 1, "gigabytes": volume.size, f"gigabytes_{volume.volume_type}": volume.size})
        for name, listed in (("networks", "networks"), ("routers", "routers"), ("floatingips", "ips")):
            used += Counter({name: len(list(getattr(self.admin.network, listed)(project_id=project)))})
        return used

    def _ledger(self, own: psycopg.Connection[Any]) -> list[str]:
        """Holds are those of requests that wait; of what was granted all is available, held for them, or an environment's that is there."""
        accounts = _rows(own, _ACCOUNTS, self.administration, self.administration)
        held = {row["resource"]: row["balance"] for row in accounts if row["place"] == "held" and row["balance"]}
        waiting = _rows(own, _HELD, self.administration)
        open_ = {row["resource"]: int(row["amount"]) for row in waiting}
        found = [] if held == open_ else [f"ledger: held {held}, by requests that may hold {open_}"]
        living = {row["name"] for row in _rows(own, _LIVING, self.administration)}
        for row in accounts:
            if row["place"] == "allocated" and row["balance"] and row["code"] not in living:
                found.append(f"ledger: {row['code']} is no more and has {row['balance']} {row['resource']}")
        return found

    def _ended(self, own: psycopg.Connection[Any]) -> list[str]:
        """Every operation has ended, nobody has a lease, and no job is left that would begin anything."""
        found = [
            f"stuck: {row['id']} is {row['state']} ({row['step']})"
            for row in _rows(own, "SELECT id, state, step FROM operation WHERE administration = %s", self.administration)
            if row["state"] not in ENDED_OPERATIONS
        ]
        found += [f"stuck: request {row['number']} is {row['state']}" for row in _rows(own, _UNDER_WAY, self.administration, list(UNDER_WAY))]
        found += [f"stuck: {row['environment']} is still {row['holder']}'s" for row in _rows(own, _LEASED, self.administration)]
        return found + [f"stuck: job {row['id']} is {row['status']}" for row in _rows(own, _JOBS, f"environment:{self.administration}/%")]

    def _credentials(self) -> list[str]:
        """Of the service users' credentials none is left of a run of this administration."""
        return [f"left: credential {name}" for name in looking.credentials(self.admin) if name.startswith(f"dcctl.run.{self.administration}.")]

    def _rules(self) -> list[str]:
        """Balances rebuilt from the entries are the stored ones."""
        engine = create_engine(alchemy(self.site.dsn(postgres.DATABASE, postgres.SUPERUSER)), poolclass=NullPool)
        try:
            with engine.connect() as connection:
                return [f"ledger: {difference}" for difference in store.differences(connection)]
        finally:
            engine.dispose()


_ACCOUNTS = """
    SELECT h.code, a.resource, a.place, a.balance FROM quotas.account a JOIN quotas.holder h ON h.id = a.holder_id
    LEFT JOIN quotas.holder p ON p.id = h.parent_id
    WHERE (h.kind = 'administration' AND h.code = %s) OR (h.kind = 'environment' AND p.code = %s)"""
#: Open holds of its requests that have not ended; a failed one keeps what it held until it is retried or abandoned.
_HELD = """
    SELECT h.resource, sum(h.amount) AS amount FROM quotas.hold h JOIN request r ON r.number = h.reference
    WHERE r.administration = %s AND h.state = 'open' AND r.state IN ('submitted', 'in_review', 'returned', 'proposed', 'approved', 'failed')
    GROUP BY h.resource"""
_LIVING = "SELECT name FROM environment WHERE administration = %s AND state <> 'decommissioned'"
_UNDER_WAY = "SELECT number, state FROM request WHERE administration = %s AND state = ANY (%s)"
_LEASED = "SELECT environment, holder FROM lease WHERE administration = %s AND holder IS NOT NULL"
_JOBS = "SELECT id, status FROM procrastinate_jobs WHERE lock LIKE %s AND status IN ('todo', 'doing')"


def _rows(connection: psycopg.Connection[Any], statement: str, *values: object) -> list[Row]:
    cursor = connection.execute(statement.encode(), values)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _allocated(connection: psycopg.Connection[Any], administration: str, environment: str) -> dict[str, int]:
    rows = _rows(connection, _ACCOUNTS, administration, administration)
    return {row["resource"]: int(row["balance"]) for row in rows if row["code"] == environment and row["place"] == "allocated" and row["balance"]}
