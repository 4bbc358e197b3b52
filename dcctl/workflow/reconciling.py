"""Reconciling: what the ledger says is read, OpenStack is looked at, the ledger is read again, and the differences are stored in one transaction.

The worker does it, so that nobody who asks the API waits for OpenStack. An environment to which something happened between the two readings is not
judged. Nothing is written to OpenStack but limits, only when asked for, only in the mode *enforce*, and never more than the ledger allocates.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import update
from sqlmodel import Session, col, select

from dcctl.cloud import observing
from dcctl.cloud.limit_rules import counted, ledger_name
from dcctl.errors import CloudError, DcctlError, NotVisible
from dcctl.lifecycle import ALTERING, EnvironmentState, OperationState, RequestState
from dcctl.schemas import API_VERSION
from dcctl.store import Administration, Environment, Operation, ProjectLimit, Reconciliation, Request, now
from dcctl.workflow import changes, discrepancies, fulfilment, regions, shrinking
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.queue import RECONCILE
from quotas import reconcile
from quotas import store as accounts
from quotas.ledger import HolderKind
from quotas.reconcile import Difference, Name
from stacks import tokens

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
_LIVE = (OperationState.QUEUED, OperationState.RUNNING)
_SETTLED = (EnvironmentState.ACTIVE, EnvironmentState.WARNING, EnvironmentState.STOPPED)
_KINDS = {tokens.SERVER: "server", tokens.VOLUME: "volume", tokens.NETWORK: "network", tokens.ROUTER: "router", tokens.FLOATING_IP: "floatingip"}
#: What a run that looks at limits only asks.
_SOURCES = frozenset({reconcile.KEYSTONE, "compute", "block-storage", "network"})
#: Differences that writing limits can end.
_OF_LIMITS = (Name.LIMIT_MISMATCH, Name.INEFFECTIVE_WRITE)

log = structlog.get_logger("dcctl.workflow.reconciling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The ledger's side at one moment; `marks` tell whether anything was done to an environment since."""

    ledger: reconcile.Ledger
    marks: Mapping[str, tuple[object, ...]]
    domains: Mapping[str, str]


def ask(app: App, actor: Actor, *, apply: bool) -> dict[str, Any]:
    """Queue a comparison; `apply`: then write the limits that differ.

    Raises:
        DcctlError: DCCTL-560, `apply` in a region that is in observe.
    """
    with app.transaction() as session:
        if apply:
            regions.require_enforce(app, session)
        row = Reconciliation(region=app.region, apply=apply, actor=actor.document())
        session.add(row)
        session.flush()
        app.queue.defer(session, RECONCILE, lock="reconcile", number=row.id)
        return as_json(row)


def show(app: App, number: int) -> dict[str, Any]:
    """How far a comparison is, and what came of it."""
    with app.reading() as session:
        row = session.get(Reconciliation, number) if number < 2**31 else None
        if row is None:
            raise NotVisible("reconciliation", str(number))
        return as_json(row)


def run(app: App, number: int) -> None:
    """Do it; the row says how it went, whatever happens."""
    with app.transaction() as session:
        row = session.get_one(Reconciliation, number, with_for_update=True)
        if row.state not in (QUEUED, RUNNING):
            return
        row.state = RUNNING
        session.add(row)
    try:
        regions.watch(app)
        found = compare(app)
        written = _apply(app, found) if row.apply else []
        if written:
            projects = {difference.subject for difference in found if difference.holder in {one["environment"] for one in written}}
            found = [d for d in found if d.subject not in projects or d.name not in reconcile.OF_LIMITS] + compare(app, projects)
        _ended(app, number, DONE, {"differences": _by_name(found), "written": written})
    except DcctlError as error:
        _ended(app, number, FAILED, {}, error)
    except Exception:
        _ended(app, number, FAILED, {}, DcctlError("DCCTL-500", reference=f"reconciliation {number}"))
        raise


def compare(app: App, project_ids: Collection[str] | None = None) -> list[Difference]:
    """Look, compare and store; with `project_ids` at the limits and use of these projects only."""
    began, before = now(), _side(app)
    owned = {environment.project_id for environment in before.ledger.environments if environment.project_id}
    chosen = owned if project_ids is None else owned & set(project_ids)
    seen = observing.look(app.cloud(), domains=before.domains, project_ids=chosen, whole=project_ids is None)
    after = _side(app)
    ledger = _unmoved(before, after, seen)
    if project_ids is not None:
        seen.projects = tuple(project for project in seen.projects or () if project.id in chosen) if seen.projects is not None else None
        ledger = replace(ledger, environments=tuple(e for e in ledger.environments if e.project_id in chosen))
    observed = seen.observed()
    failed = reconcile.untrusted(ledger, observed)
    found = reconcile.compare(ledger, observed)
    looked = reconcile.Looked(
        subjects=None if project_ids is None else frozenset(chosen) | _SOURCES,
        skipped=frozenset(e.project_id for e in ledger.environments if e.project_id and not e.settled),
        names=reconcile.COMPARED if project_ids is None else reconcile.OF_LIMITS,
        failed=frozenset(failed),
    )
    with app.transaction() as session:
        note(session, seen, chosen, failed)
        discrepancies.keep(session, app.region, began, found, looked)
    return found


def _side(app: App) -> Side:
    """Environments with what they were allocated, what was planned and what is being done to them."""
    with app.reading() as session:
        domains = {domain: code for code, domain in session.execute(select(Administration.code, Administration.domain_id))}
        environments = session.exec(select(Environment).where(Environment.state != EnvironmentState.DECOMMISSIONED)).all()
        made_by = [environment.made_by or environment.request for environment in environments]
        plans = dict(session.execute(select(Request.number, Request.plan).where(col(Request.number).in_(made_by))).all())
        # A change that failed in the middle has made some of its plan, and not all of it.
        half = select(Request.environment_id).where(
            col(Request.kind).in_(ALTERING), col(Request.state).in_((RequestState.FULFILLING, RequestState.FAILED))
        )
        unfinished = set(session.exec(half).all())
        waiting = shrinking.waiting(session)
        operations: dict[int, list[Operation]] = {}
        for operation in session.exec(select(Operation).where(col(Operation.environment_id).in_([e.id for e in environments]))).all():
            operations.setdefault(operation.environment_id or 0, []).append(operation)
        wrote: dict[str, dict[str, str]] = {}
        columns = select(ProjectLimit.project_id, ProjectLimit.service_type, ProjectLimit.key, ProjectLimit.state)
        for project_id, service, key, state in session.execute(columns):
            if counted((service, key)):
                wrote.setdefault(project_id, {})[ledger_name((service, key))] = state
        allocated: dict[str, dict[str, int]] = {}
        for line in accounts.all_balances(session, HolderKind.ENVIRONMENT):
            if line.region == app.region and line.balance.allocated:
                allocated.setdefault(line.holder.name, {})[line.resource] = line.balance.allocated
        declared = {name: figures.declared for name, figures in accounts.capacity(session, app.region).items()}
    found, marks = [], {}
    for environment in environments:
        name = f"{environment.administration}/{environment.name}"
        mine = operations.get(environment.id or 0, [])
        live = any(operation.state in _LIVE for operation in mine)
        lower = waiting[environment.id].lower(allocated.get(name, {})) if environment.id in waiting else {}
        settled = environment.state in _SETTLED and not live and environment.id not in unfinished
        found.append(
            reconcile.Environment(
                holder=name, administration=environment.administration, project_id=environment.project_id, allocated=allocated.get(name, {}),
                planned=_planned(plans.get(environment.made_by or environment.request) or []), settled=settled,
                wrote=wrote.get(environment.project_id or "", {}), lower=lower,
            )
        )  # fmt: skip
        marks[name] = (environment.state, environment.project_id, allocated.get(name), *sorted((o.id, o.attempt, o.state) for o in mine))
    return Side(ledger=reconcile.Ledger(environments=tuple(found), declared=declared), marks=marks, domains=domains)


def _planned(plan: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for thing in plan:
        if kind := _KINDS.get(str(thing.get("type"))):
            found.setdefault(kind, []).append(str(thing.get("cloud_name") or ""))
    return {kind: tuple(names) for kind, names in found.items()}


def _unmoved(before: Side, after: Side, seen: observing.Look) -> reconcile.Ledger:
    """The later side; what something was done to meanwhile is unsettled, what ended meanwhile still owns its project.

    An environment whose project is only just being made is known by its name, which is the project's.
    """
    by_name = {(project.administration, project.name): project.id for project in seen.projects or ()}
    environments = []
    for environment in after.ledger.environments:
        same = before.marks.get(environment.holder) == after.marks[environment.holder]
        project_id = environment.project_id or by_name.get((environment.administration, environment.holder.partition("/")[2]))
        settled = environment.settled and same and project_id == environment.project_id
        environments.append(replace(environment, project_id=project_id, settled=settled))
    ended = [replace(e, settled=False) for e in before.ledger.environments if e.holder not in after.marks]
    return replace(after.ledger, environments=(*environments, *ended))


def note(session: Session, seen: observing.Look, project_ids: Collection[str], failed: Collection[str]) -> None:
    """Keep what was read, of sources that can be believed, where a limit was written before; how that write went stays, unless it is right now."""
    written = session.exec(select(ProjectLimit).where(col(ProjectLimit.project_id).in_(list(project_ids)))).all()
    known = {(row.project_id, row.service_type, row.key): row for row in written}
    for (project_id, (service, key)), (limit, at) in seen.read.items():
        row = known.get((project_id, service, key))
        if row is not None and service not in failed and row.read_at < at:
            row.value, row.read_at = limit, at
            if limit == row.wanted:
                row.state = "in_sync"
            session.add(row)


def _apply(app: App, found: Collection[Difference]) -> list[dict[str, Any]]:
    """Write the limits of each environment that has such a difference; what came of each."""
    holders = sorted({difference.holder for difference in found if difference.name in _OF_LIMITS})
    return [{"environment": holder, "outcome": outcome} for holder in holders if (outcome := write(app, holder))]


def write(app: App, holder: str) -> str:
    """Write one environment's limits from the ledger as it is now; empty when something is being done to it.

    The environment's row is locked meanwhile: an operation waits for it before it begins, so the two never write the same project's limits at once.
    """
    administration, _, name = holder.partition("/")
    with app.transaction() as session:
        regions.require_enforce(app, session)
        environment = session.exec(
            select(Environment)
            .where(Environment.administration == administration, Environment.name == name, Environment.state != EnvironmentState.DECOMMISSIONED)
            .with_for_update()
        ).first()
        if environment is None or environment.project_id is None or environment.state not in _SETTLED:
            return ""
        live = select(Operation.id).where(Operation.environment_id == environment.id, col(Operation.state).in_(_LIVE))
        if session.exec(live).first() is not None:
            return ""
        try:
            fulfilment.write_limits(app, changes.made_by(session, environment), environment.project_id)
        except CloudError as error:
            return str(error.to_json()["params"].get("results") or error)
        return "in_sync"


def _ended(app: App, number: int, state: str, result: dict[str, Any], error: DcctlError | None = None) -> None:
    with app.transaction() as session:
        values = {"state": state, "result": result, "error": error.to_json() if error else None, "finished_at": now()}
        session.execute(update(Reconciliation).where(col(Reconciliation.id) == number).values(**values))


def _by_name(found: Collection[Difference]) -> dict[str, int]:
    names = sorted(str(difference.name) for difference in found)
    return {name: names.count(name) for name in dict.fromkeys(names)}


def as_json(row: Reconciliation) -> dict[str, Any]:
    """`schemas.ReconciliationOut`."""
    return {
        "apiVersion": API_VERSION,
        "number": row.id,
        "state": row.state,
        "apply": row.apply,
        "actor": row.actor.get("user"),
        "differences": row.result.get("differences", {}),
        "written": row.result.get("written", []),
        "error": row.error,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }
