"""Writes what is done into the audit trail, in the transaction that does it.

Whoever begins a deed (the API for a call, the worker for a job) says so once (`under_way`); every transaction that `App.transaction` commits
meanwhile leaves an event with the rows that it made and changed, as they were and as they are. So no use case has to think of it, and none can
forget it. What was refused or failed has no transaction: `ended` writes it in one of its own.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import event, inspect, text
from sqlmodel import Session, SQLModel

from dcctl import trail
from dcctl.discretion import canonical, discreet
from dcctl.errors import DcctlError
from dcctl.store import AUDIT
from quotas.proof import Chain

if TYPE_CHECKING:
    from dcctl.workflow.app import App

CHAIN = Chain(sealed=AUDIT, line=trail.line({name: f"e.{name}" for name in trail.COLUMNS}), form=trail.FORM)

#: Rows that are no deed but the keeping of one: the feed, leases, copies of OpenStack, observations.
ASIDE = frozenset({
    "event", "idempotency", "lease", "letter", "catalogue_item", "kept_state", "project_limit", "discrepancy", "ledger_proof", "project_observation",
    "observed_project", "source", "collect_calls", "usage_hour", "usage_sum", "usage_coverage", "openstack_requests",
})  # fmt: skip
#: What of a row says nothing about the deed.
UNTOLD = frozenset({"updated_at", "actor", "requester", "created_by"})
_ROWS = "rows of the deed"
#: Answers that mean: this person may not. They were not let in, may not do or see it, have a part in it already, or ask too much.
REFUSALS = frozenset({
    "DCCTL-103", "DCCTL-106", "DCCTL-107", "DCCTL-204", "DCCTL-205", "DCCTL-600", "DCCTL-601", "DCCTL-607", "DCCTL-608", "DCCTL-614", "DCCTL-616",
    "DCCTL-617", "DCCTL-640",
})  # fmt: skip

log = structlog.get_logger("dcctl.audit")


@dataclass(slots=True, kw_only=True)
class Deed:
    """What somebody is doing.

    Attributes:
        who: as `actor.Actor.document` has it: user_id, user, domain, roles, scope, audit_id.
        observer: the part of dcctl that saw it.
        address, request_id: from where.
        administration, target: whose, and what it is done to; found in the rows where nobody said it.
        body: what was asked for.
        reads: nothing is to be done, so only a refusal is written down.
        of_states: only changes of a state are events (the worker's own).
        written: how many events it has left.
    """

    who: Mapping[str, Any]
    observer: str
    action: str = ""
    address: str | None = None
    request_id: str | None = None
    administration: str | None = None
    target: str | None = None
    body: Any = None
    reads: bool = False
    of_states: bool = False
    written: int = field(default=0)


_current: ContextVar[Deed | None] = ContextVar("deed", default=None)


@contextmanager
def under_way(deed: Deed) -> Iterator[Deed]:
    """Everything that is committed meanwhile, in this thread or task, is of this deed."""
    token = _current.set(deed)
    try:
        yield deed
    finally:
        _current.reset(token)


@contextmanager
def by_itself(observer: str, action: str, target: str) -> Iterator[Deed]:
    """The same for what dcctl does by itself: a job of the worker, the clock, a command on the server."""
    who = {"user_id": f"dcctl-{observer}", "user": f"dcctl-{observer}", "scope": observer}
    with under_way(Deed(who=who, observer=observer, action=action, target=target, of_states=True)) as deed:
        yield deed


def watch(session: Session) -> None:
    """Remember from now on which rows the session makes and changes, if a deed is under way."""
    if _current.get() is not None:
        session.info[_ROWS] = {}


def write(session: Session) -> None:
    """Leave the event of the deed that is under way, before its transaction is committed."""
    deed = _current.get()
    if deed is None or deed.reads or _ROWS not in session.info:
        return
    session.flush()
    before, after, subject = _told(session, deed.of_states)
    if not after and (deed.of_states or deed.written):
        return
    administration = deed.administration or subject.get("administration")
    target = deed.target or subject.get("target")
    _insert(session, deed, "success", administration, target, {"before": before, "after": after})
    deed.written += 1


def announce(app: "App") -> None:
    """Write down that the deed is about to happen where no transaction of ours reaches: in Keystone."""
    deed = _current.get()
    if deed is not None:
        with app.bare_transaction() as session:
            _insert(session, deed, "pending", deed.administration, deed.target, {})


def ended(app: "App", deed: Deed, error: DcctlError | None, *, left_out: int = 0) -> None:
    """Write down what has left no event: a refusal, a failure, or what was done without a transaction of ours. Never raises.

    Args:
        left_out: how many like it were not written down before it, for there were too many.
    """
    if error is None and (deed.reads or deed.written):
        return
    if error is not None and deed.reads and error.code not in REFUSALS:
        return
    more = {} if error is None else {"error": error.to_json(), "left_out": left_out}
    outcome = "success" if error is None else "refused" if error.code in REFUSALS else "failed"
    try:
        with app.bare_transaction() as session:
            _insert(session, deed, outcome, deed.administration, deed.target, more)
        deed.written += 1
    except Exception:
        log.exception("not_audited", action=deed.action, outcome=outcome, request_id=deed.request_id)


def _insert(session: Session, deed: Deed, outcome: str, administration: str | None, target: str | None, more: Mapping[str, Any]) -> None:
    document = {
        "roles": deed.who.get("roles"), "domain": deed.who.get("domain"), "audit_id": deed.who.get("audit_id"), "body": deed.body,
        **{name: value for name, value in more.items() if value},
    }  # fmt: skip
    session.connection().execute(_RECORD, {
        "action": deed.action or "unknown", "outcome": outcome, "actor_id": str(deed.who["user_id"]), "actor": str(deed.who["user"]),
        "scope": str(deed.who.get("scope") or "none"), "observer": deed.observer, "address": deed.address, "request_id": deed.request_id,
        "administration": administration, "target": target,
        "document": canonical({name: discreet(value) for name, value in document.items() if value is not None}),
    })  # fmt: skip


_RECORD = text(f"SELECT audit.record({', '.join(f':{name}' for name in trail.COLUMNS[2:])})")


# -- rows ---------------------------------------------------------------------------------------------------------------------------------------


def _notice(session: Session, context: Any, instances: Any) -> None:
    rows: dict[int, tuple[SQLModel, dict[str, Any] | None]] | None = session.info.get(_ROWS)
    if rows is None:
        return
    for one in session.new:
        if _is_told(one):
            rows.setdefault(id(one), (one, None))
    for one in session.deleted:
        if _is_told(one):
            names = inspect(one).mapper.columns.keys()
            rows[id(one)] = (one, {name: getattr(one, name) for name in names})
    for one in session.dirty:
        if not _is_told(one):
            continue
        _, was = rows.setdefault(id(one), (one, {}))
        if was is not None:  # of a new row everything is new
            for attribute in inspect(one).attrs:
                history = attribute.history
                if history.has_changes():
                    was.setdefault(attribute.key, history.deleted[0] if history.deleted else None)


def _forget(session: Session, previous: Any) -> None:
    """What a savepoint took back is found out when the event is written; a rollback of the whole leaves nothing."""
    if _ROWS in session.info and not previous.nested:
        session.info[_ROWS] = {}


event.listen(Session, "before_flush", _notice)
event.listen(Session, "after_soft_rollback", _forget)


def _is_told(one: object) -> bool:
    return getattr(type(one), "__tablename__", "") not in ASIDE


def _told(session: Session, of_states: bool) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """Rows by table and key as they were and as they are; and of the first one its name and administration."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    subject: dict[str, str] = {}
    for one, was in session.info[_ROWS].values():
        state = inspect(one)
        if not (state.persistent or state.deleted) or (of_states and was is not None and "state" not in was):
            continue
        names = [name for name in (state.mapper.columns.keys() if was is None else was) if name not in UNTOLD]
        if not names:
            continue
        key = "/".join(str(part) for part in state.identity or ())
        place = f"{type(one).__tablename__} {key}"
        after[place] = {"deleted": True} if state.deleted else {name: getattr(one, name) for name in names}
        if was is not None:
            before[place] = {name: was[name] for name in names}
        subject.setdefault("target", key)
        if administration := getattr(one, "administration", None) or (key if type(one).__tablename__ == "administration" else None):
            subject.setdefault("administration", str(administration))
    return before, after, subject
