"""The certificate of an environment's end: what was destroyed in which service, when, by whose word, and which entries gave the units back.

What is there is noted in the feed each time that a decommission looks, so that a certificate tells also what an earlier attempt destroyed. It is
written with the end itself, in one transaction; it is never changed and outlives project, people and administration. Names of things are
foreign data: they are kept as they were, made printable, and escaped by whoever shows them.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import rfc8785
from sqlmodel import Session, col, select

from dcctl.cloud.listings import Thing
from dcctl.errors import DcctlError
from dcctl.schemas import API_VERSION
from dcctl.store import Administration, Certificate, Decision, Environment, Event, Operation, Request, now
from dcctl.workflow import environments
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.run import Run
from quotas import store as ledger
from quotas.ledger import Kind

#: Kind of the event that notes what was there.
FOUND = "found"
_ENTRIES = 1000


def note(run: Run, things: Iterable[Thing], own: Collection[str]) -> None:
    """Add to the feed what is in the project now; `own`: ids of what dcctl made."""
    found = [
        {"service": thing.service, "type": thing.type, "id": thing.id, "name": thing.name, "detail": thing.detail, "dcctl": thing.id in own}
        for thing in things
    ]
    run.tell(FOUND, count=len(found), beside=sum(not thing["dcctl"] for thing in found), things=found)


def issue(app: App, session: Session, run: Run, environment: Environment, made: Request) -> None:
    """Write the certificate of an environment of which nothing is left; in the transaction that gives the units back, after it."""
    document = _document(app, session, run, environment, made)
    digest = hashlib.sha256(rfc8785.dumps(document)).hexdigest()
    assert environment.id is not None
    session.add(
        Certificate(
            environment_id=environment.id, administration=environment.administration, environment=environment.name, document=document, digest=digest
        )
    )


def show(app: App, actor: Actor, administration: str, name: str) -> dict[str, Any]:
    """The certificate of the environment of that name that ended last.

    Raises:
        NotVisible: there is no such environment, or not for this actor.
        DcctlError: DCCTL-423, it has not ended.
    """
    with app.reading() as session:
        environment = environments.find(session, actor, administration, name)
        query = select(Certificate).where(
            Certificate.administration == environment.administration, Certificate.environment == environment.name
        )
        found = session.exec(query.order_by(col(Certificate.environment_id).desc()).limit(1)).first()
    if found is None:
        raise DcctlError("DCCTL-423", environment=f"{environment.administration}/{environment.name}", state=environment.state)
    return {"apiVersion": API_VERSION, "issued_at": found.issued_at, "digest": found.digest, "certificate": found.document}


def _document(app: App, session: Session, run: Run, environment: Environment, made: Request) -> dict[str, Any]:
    request = session.get_one(Request, run.number)
    operation = session.get_one(Operation, run.id)
    administration = session.get_one(Administration, environment.administration)
    decisions = session.exec(select(Decision).where(Decision.request == request.number).order_by(col(Decision.id))).all()
    return {
        "administration": {"code": administration.code, "name": administration.name},
        "environment": environment.name,
        "project": environment.project_id,
        "region": app.region,
        "made": {"request": made.number, "at": environment.created_at.isoformat(), "offer": f"{environment.offer}@{environment.offer_version}"},
        "destroyed": _destroyed(session, environment),
        "ended": {"operation": operation.id, "began": _text(operation.started_at), "at": now().isoformat()},
        "word": {
            "request": request.number, "kind": operation.kind, "reason": request.justification, **_asked(session, request, operation),
            "decisions": [
                {"verdict": d.verdict, "by": _person(d.actor), "reason": d.reason, "at": d.decided_at.isoformat(), "digest": d.digest}
                for d in decisions
            ],
        },
        "given_back": _given_back(app, session, environment, {request.number, made.number}),
    }  # fmt: skip


def _asked(session: Session, request: Request, operation: Operation) -> dict[str, Any]:
    """Who asked for the end, and when: whoever asked for the decommission, or whoever gave up what could not be built."""
    if operation.kind == "abandon":
        queued = select(Event).where(Event.operation == operation.id, Event.kind == "queued").order_by(col(Event.id)).limit(1)
        if (event := session.exec(queued).first()) is not None:
            return {"by": str(event.document.get("user") or "dcctl"), "at": event.at.isoformat()}
    return {"by": _person(request.requester), "at": request.created_at.isoformat()}


def _destroyed(session: Session, environment: Environment) -> list[dict[str, Any]]:
    """Everything that any attempt at the end saw, once each, service by service."""
    operations = select(Operation.id).where(Operation.environment_id == environment.id)
    noted = session.exec(select(Event).where(col(Event.operation).in_(operations), Event.kind == FOUND).order_by(col(Event.id))).all()
    things: dict[tuple[str, str], dict[str, Any]] = {}
    for event in noted:
        for thing in event.document.get("things", ()):
            known = things.get((thing["type"], thing["id"]))
            # What the stack was the first to lose is no longer its own when it is seen again.
            things[thing["type"], thing["id"]] = {**thing, "dcctl": thing["dcctl"] or bool(known and known["dcctl"])}
    return sorted(things.values(), key=lambda thing: (thing["service"], thing["type"], thing["name"], thing["id"]))


def _given_back(app: App, session: Session, environment: Environment, references: Collection[str]) -> list[dict[str, Any]]:
    """The ledger's entries that took the environment's units back to its administration."""
    holder = ledger.find_holder(session, f"{environment.administration}/{environment.name}")
    entries = ledger.history(session, holder, app.region, limit=_ENTRIES) if holder is not None else []
    return [
        {"entry": e.id, "kind": str(e.kind), "resource": e.resource, "amount": e.amount, "to": e.target, "at": e.recorded_at.isoformat()}
        for e in reversed(entries)
        if e.kind is Kind.FREE and e.cause.reference in references
    ]


def _person(actor: Mapping[str, Any]) -> str:
    return str(actor.get("user") or actor.get("user_name") or actor.get("name") or "dcctl")


def _text(moment: Any) -> str | None:
    return moment.isoformat() if moment is not None else None


