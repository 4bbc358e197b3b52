"""The versions of the policy of decisions: the one in force, an earlier one, what is wrong with a new one, a new one in force."""

from typing import Any

from sqlmodel import Session, col, select

from dcctl import rulebook
from dcctl.errors import NotVisible, SpecRefused
from dcctl.rulebook import PolicyFaults, Rulebook
from dcctl.schemas import API_VERSION, PolicyIn
from dcctl.store import Administration, Offer, Policy
from dcctl.workflow import drafting, standing
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from stacks.faults import Fault


def show(app: App, actor: Actor, version: int | None = None) -> dict[str, Any]:
    """The policy in force, or the version that is named."""
    with app.reading() as session:
        found = standing.in_force(session) if version is None else session.get(Policy, version)
    if found is None:
        raise NotVisible("policy", str(version))
    return as_json(found)


def check(app: App, actor: Actor, body: PolicyIn) -> dict[str, Any]:
    """What version the document would be.

    Raises:
        SpecRefused: every fault, each with its place; what it names of other administrations is judged only for who sees all of them.
    """
    with app.reading() as session:
        _checked(session, actor, body.document)
        newest = standing.in_force(session)
    same = newest.document == body.document
    return {"apiVersion": API_VERSION, "version": newest.version + (not same), "in_force": same}


def publish(app: App, actor: Actor, body: PolicyIn) -> tuple[dict[str, Any], bool]:
    """Put the document in force as the next version; the one in force again changes nothing (then the second value is False).

    Requests that were examined before keep the version that they were examined with.

    Raises:
        SpecRefused: every fault; the policy in force stays.
    """
    with app.transaction() as session:
        session.connection().exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('dcctl.policy', 0))")
        _checked(session, actor, body.document)
        newest = standing.in_force(session)
        if newest.document == body.document:
            return as_json(newest), False
        made = Policy(version=newest.version + 1, document=body.document, reason=body.reason or "", actor=actor.document())
        session.add(made)
        session.flush()
        return as_json(made), True


def _checked(session: Session, actor: Actor, document: dict[str, Any]) -> Rulebook:
    faults: list[Fault] = []
    try:
        found = rulebook.parse(document)
    except PolicyFaults as refused:
        raise SpecRefused(map(drafting.fault_json, refused.faults), source="policy") from refused
    known: dict[str, set[str]] = {"offers": set(session.exec(select(Offer.name)).all())}
    if actor.sees_all:
        known["administrations"] = set(session.exec(select(Administration.code).order_by(col(Administration.code))).all())
    for index, rule in enumerate(found.rules):
        for condition, names in known.items():
            for at, name in enumerate(rule.when.get(condition, ())):
                if name not in names:
                    faults.append(rulebook.unknown(("rules", index, "when", condition, at), name, sorted(names)))
    if faults:
        raise SpecRefused(map(drafting.fault_json, faults), source="policy")
    return found


def as_json(policy: Policy) -> dict[str, Any]:
    """As it travels: `schemas.PolicyOut`."""
    return {
        "apiVersion": API_VERSION,
        "version": policy.version,
        "document": policy.document,
        "reason": policy.reason,
        "published_by": str(policy.actor.get("user")),
        "published_at": policy.published_at,
    }
