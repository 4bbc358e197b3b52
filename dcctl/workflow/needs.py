"""Whose decision a request needs: the facts about it, put to the policy in force, and written down with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, select

from dcctl import approval, steps
from dcctl.approval import POOL, Needed
from dcctl.lifecycle import ALTERING, Kind
from dcctl.rulebook import LEAD, Facts, Rulebook
from dcctl.store import Administration, Decision, Offer, Request, Source
from dcctl.workflow import clock, quota
from dcctl.workflow.app import App
from dcctl.workflow.standing import Standing
from quotas import store as accounts
from quotas.resources import find

#: A reading of the cloud that is older decides nothing by itself; a full one is made every 20 minutes at the latest.
FRESH = timedelta(minutes=30)


def settle(app: App, session: Session, request: Request, *, examined: bool = False) -> list[Needed]:
    """Write down whose decision the request needs by the policy in force.

    Args:
        examined: the worker has looked: what a change destroys, and what is in use, is known.
    """
    standing = app.standing.read(session)
    rule, found = approval.needed(standing.policy, _facts(app, session, request, standing, examined=examined))
    request.policy, request.rule, request.needs = standing.policy_version, rule, [need.to_json() for need in found]
    return found


def of(request: Request) -> list[Needed]:
    """What was written down."""
    return [Needed(role=need["role"], administration=need["administration"]) for need in request.needs]


def given(request: Request, decisions: Iterable[Decision]) -> list[Needed]:
    """The approvals of the present round that count."""
    return [
        Needed(role=one.role, administration=one.administration)
        for one in decisions
        if one.verdict == "approve" and one.round == request.round and one.role is not None and one.administration is not None
    ]


def missing(request: Request, decisions: Iterable[Decision]) -> list[Needed]:
    """Whose decision is still missing."""
    return approval.missing(of(request), given(request, decisions))


def payer_of(session: Session, code: str) -> str:
    """Who pays when the envelope of an administration grows: its parent, or the pool."""
    found = session.get(Administration, code)
    return (found.parent if found is not None else None) or POOL


def _facts(app: App, session: Session, request: Request, standing: Standing, *, examined: bool) -> Facts:
    return Facts(
        kind=request.kind,
        lineage=_lineage(session, request.administration, standing.policy),
        asked_by=frozenset(request.requester.get("roles") or ()),
        offer=request.offer,
        approval=_approval(session, request, standing),
        demand=request.demand,
        payer=payer_of(session, request.administration) if request.kind == Kind.ENVELOPE else POOL,
        destroys=bool(steps.removable(request.steps)) if examined and request.kind in ALTERING else None,
        use=known(session, use(app, session, request.administration)) if examined and _asks(standing.policy, "used_at_least") else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Of a resource: units that are allocated, units of them that were seen in use (None: nobody looked), and when the service was read last."""

    allocated: int
    used: int | None
    seen_at: datetime | None


def known(session: Session, found: Mapping[str, Use]) -> dict[str, tuple[int, int | None]]:
    """What a policy may go by: use that was read too long ago is not known, and an unknown one meets no condition."""
    since = clock.moment(session) - FRESH
    return {name: (of.allocated, of.used if of.seen_at is not None and of.seen_at >= since else None) for name, of in found.items()}


def use(app: App, session: Session, code: str) -> dict[str, Use]:
    """By resource what the administration's environments have allocated, and what of it was seen in use."""
    holder = accounts.find_holder(session, code)
    if holder is None:
        return {}
    balances = accounts.balances(session, holder, app.region)
    seen = quota.observed(app, session, administration=code, named=balances)
    read = dict(session.exec(select(Source.name, Source.last_success_at)).all())
    return {
        name: Use(
            allocated=balance.allocated,
            used=(seen.get(name) or {}).get("usage"),
            seen_at=read.get(resource.service_type) if (resource := find(name)) is not None else None,
        )
        for name, balance in balances.items()
        if balance.allocated
    }


def _asks(policy: Rulebook, condition: str) -> bool:
    return any(condition in rule.when for rule in policy.rules)


def _lineage(session: Session, code: str, policy: Rulebook) -> tuple[str, ...]:
    """The administration and those above it, where the policy asks for them."""
    lineage = [code]
    while _asks(policy, "administrations"):
        parent = session.exec(select(Administration.parent).where(Administration.code == lineage[-1])).first()
        if parent is None or parent in lineage:
            break
        lineage.append(parent)
    return tuple(lineage)


def _approval(session: Session, request: Request, standing: Standing) -> tuple[str, ...]:
    """Whom the version of the offer names; an offer that names nobody wants a lead."""
    if request.offer is None:
        return (LEAD,)
    kept = next((o["document"] for o in standing.offers if (o["name"], o["version"]) == (request.offer, request.offer_version)), None)
    if kept is None:
        offer = session.get(Offer, (request.offer, request.offer_version))
        kept = offer.document if offer is not None else {}
    return tuple(kept.get("approval") or (LEAD,))
