"""One look: what dcctl's database says, who has a role, what the three services enforce, what the ledger says after that."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import psycopg
from keystoneauth1 import adapter, session
from keystoneauth1.exceptions import ClientException
from keystoneauth1.identity import v3
from ruamel.yaml import YAML

from infra.site import postgres
from infra.site.layout import REGION, Site
from tests.watching.judging import BEING_MADE, Entry, Exemption, People, Reading, counted, exempt, too_early, too_much

#: An environment with a project, or one that will get its project now; and whether anything is being done for it.
ENVIRONMENTS = """
SELECT e.id, e.administration, e.name, e.state, e.project_id, e.state IN ('provisioning', 'decommissioning')
    OR EXISTS (SELECT FROM auditor.operation o WHERE o.environment_id = e.id AND o.state IN ('queued', 'running'))
FROM auditor.environment e WHERE e.state <> 'decommissioned'"""
#: All that was ever given to the environments, or taken from them.
ENTRIES = """
SELECT p.code, h.code, e.recorded_at, e.resource, CASE WHEN e.credit_account = a.id THEN e.amount ELSE -e.amount END
FROM auditor.ledger_holder h JOIN auditor.ledger_holder p ON p.id = h.parent_id
JOIN auditor.ledger_account a ON a.holder_id = h.id AND a.place = 'allocated'
JOIN LATERAL (
    SELECT * FROM auditor.ledger_entry WHERE credit_account = a.id UNION ALL SELECT * FROM auditor.ledger_entry WHERE debit_account = a.id
) e ON true WHERE h.kind = 'environment'"""
SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A row of dcctl's own table."""

    id: int
    administration: str
    name: str
    state: str
    project_id: str | None
    moving: bool

    @property
    def full_name(self) -> str:
        return f"{self.administration}/{self.name}"


@dataclass(slots=True)
class Seen:
    """What a look came to: how many projects, how many of them while something was done for them, with people, and every breach."""

    projects: int = 0
    moving: int = 0
    peopled: int = 0
    broken: tuple[str, ...] = ()


class Eyes:
    """Clients of their own: the cloud's administrator by plain HTTP, the database by the auditor's role, which reads only."""

    def __init__(self, site: Site) -> None:
        entry = YAML(typ="safe").load((site.cloud / "clouds.yaml").read_text())["clouds"]["cloud-admin"]
        self._session = session.Session(auth=v3.Password(**entry["auth"]))
        self._services = {
            name: adapter.Adapter(self._session, service_type=name, region_name=REGION, interface="public", connect_retries=0)
            for name in ("identity", "compute", "block-storage", "network")
        }
        self._site = site
        self._database: psycopg.Connection[Any] | None = None
        # dcctl's own users: the one has a role on each project from the first moment, and no person has its password.
        servers = YAML(typ="safe").load((site.etc / "clouds.yaml").read_text())["clouds"].values()
        self._own = {(auth["user_domain_name"], auth["username"]) for server in servers if "username" in (auth := server["auth"])}
        self._turn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._database is not None:
            self._database.close()

    def look(self, exemptions: Callable[[], Iterable[Exemption]] = tuple, *, everything: bool = False, only: str | None = None) -> Seen:
        """Look at every project that something is done for, at one more in turn, and at Neutron's limits of all.

        Args:
            exemptions: asked once everything was read.
            everything: look at the projects at rest, too.
            only: the one project to look at.

        Raises:
            ClientException, OSError, psycopg.Error: a service or the database does not answer; nothing is judged then.
        """
        begun = datetime.now(UTC)
        before = [e for e in self._environments() if only is None or e.project_id == only]
        people = self._people(before) if any(e.state in BEING_MADE and e.moving for e in before) or everything or only else {}
        readings: dict[str, list[Reading]] = {e.project_id: [] for e in before if e.project_id}
        for project_id, reading in self._network():
            if project_id in readings:
                readings[project_id].append(reading)
        asked = set(readings) if everything or only else {e.project_id for e in before if e.project_id and e.moving} | self._next(sorted(readings))
        for project_id in asked:
            readings[project_id] += [found for service in ("compute", "block-storage") if (found := self._quota_set(service, project_id))]
        # The ledger last: what was committed before any of the readings is in it.
        entries = self._entries()
        after = {e.id: e for e in self._environments()}
        by_hand, ended = tuple(exemptions()), datetime.now(UTC)
        broken: list[str] = []
        for environment in before:
            if environment.project_id and exempt(environment.project_id, begun, ended, by_hand):
                continue
            own, now = entries.get((environment.administration, environment.name), []), after.get(environment.id)
            found, seen = readings.get(environment.project_id or "", []), people.get((environment.administration, environment.name))
            for reading in found:
                broken += too_much(environment.full_name, reading, own)
            if seen and environment.state in BEING_MADE and now is not None and now.state in BEING_MADE:
                broken += too_early(environment.full_name, seen, found, own)
        return Seen(
            projects=len(readings),
            moving=sum(e.moving and e.project_id is not None for e in before),
            peopled=sum(bool(seen.names) for seen in people.values()),
            broken=tuple(broken),
        )

    def built(self, since: datetime) -> int:
        """How many environments were built since then."""
        ((found,),) = self._rows(f"SELECT count(*) FROM auditor.operation WHERE kind = 'fulfil' AND state = 'succeeded' AND created_at >= '{since}'")
        return int(found)

    def _environments(self) -> list[Environment]:
        return [Environment(id=i, administration=a, name=n, state=s, project_id=p, moving=m) for i, a, n, s, p, m in self._rows(ENVIRONMENTS)]

    def _entries(self) -> dict[tuple[str, str], list[Entry]]:
        found: dict[tuple[str, str], list[Entry]] = {}
        for administration, name, at, resource, amount in self._rows(ENTRIES):
            found.setdefault((administration, name), []).append(Entry(at=at, resource=resource, amount=int(amount)))
        return found

    def _people(self, environments: list[Environment]) -> dict[tuple[str, str], People]:
        """Who has a role on the environments' projects: by the project's name in its administration's domain, since its id is known later."""
        begun = datetime.now(UTC)
        answer = self._get("identity", "/role_assignments", include_names="true")
        ended = datetime.now(UTC)
        names: dict[tuple[str, str], list[str]] = {(e.administration, e.name): [] for e in environments}
        for assignment in answer.json()["role_assignments"]:
            project = assignment["scope"].get("project")
            who = assignment.get("group") or assignment["user"]
            place = (project["domain"]["name"], project["name"]) if project else None
            if place in names and (who["domain"]["name"], who["name"]) not in self._own:
                names[place].append(who["name"])
        return {place: People(begun=begun, ended=ended, names=sorted(set(found))) for place, found in names.items()}

    def _network(self) -> Iterator[tuple[str, Reading]]:
        """Neutron tells the limits of every project that has its own in one answer."""
        begun = datetime.now(UTC)
        answer = self._get("network", "/v2.0/quotas")
        ended = datetime.now(UTC)
        for quota in answer.json()["quotas"]:
            yield quota["project_id"], Reading(begun=begun, ended=ended, limits=counted("network", quota))

    def _quota_set(self, service: str, project_id: str) -> Reading | None:
        """Nova's or Cinder's limits of a project; None when they do not know it any more: they ask Keystone."""
        begun = datetime.now(UTC)
        answer = self._get(service, f"/os-quota-sets/{project_id}", known=False)
        if answer.status_code in (400, 403, 404):
            return None
        return Reading(begun=begun, ended=datetime.now(UTC), limits=counted(service, answer.json()["quota_set"]))

    def _get(self, service: str, path: str, *, known: bool = True, **query: str) -> Any:
        answer = self._services[service].get(path, params=query, raise_exc=False, timeout=SECONDS)
        if answer.status_code != 200 and (known or answer.status_code not in (400, 403, 404)):
            raise ClientException(f"{service} {path}: {answer.status_code}")
        return answer

    def _next(self, projects: list[str]) -> set[str]:
        """One project after the other, whatever its state."""
        self._turn += 1
        return {projects[self._turn % len(projects)]} if projects else set()

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        if self._database is None or self._database.closed:
            self._database = psycopg.connect(self._site.dsn(postgres.DATABASE, "dcctl_auditor"), autocommit=True, connect_timeout=5)
        try:
            return self._database.execute(statement).fetchall()
        except psycopg.OperationalError:
            self._database.close()
            raise


def pause(seconds: float) -> float:
    """How long to rest after a look that took so long: at most a thirtieth of a core, ours and the services' together."""
    return min(max(30 * seconds, 1.0), 8.0)


def timed(look: Callable[[], Seen]) -> tuple[Seen, float]:
    begun = time.monotonic()
    return look(), time.monotonic() - begun
