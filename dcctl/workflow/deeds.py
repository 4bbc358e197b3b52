"""What each kind of act does to the ledger: the moves, what they weigh, what a refusal says.

It is computed when an act is tried and again when it is carried out, from the act as it is stored and from the tree and the capacity as they are
now; it changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from dcctl.config import Acts
from dcctl.errors import DcctlError, NotVisible, QuotaShort
from dcctl.store import Act, Administration
from dcctl.words import N_
from dcctl.workflow import holding
from dcctl.workflow.amounts import added
from dcctl.workflow.app import App
from dcctl.workflow.quota import PASSED
from quotas import ledger, past, tree
from quotas import store as accounts
from quotas.ledger import CauseKind, Holder, HolderKind, Kind, Move, MovesRefused, QuotaExceeded, Shortfall
from quotas.resources import LARGEST_AMOUNT, Demand, in_order
from quotas.store import Posting

DECLARE, GRANT, REVOKE, IMPORT, CORRECT, MOVE = "declare", "grant", "revoke", "import", "correct", "move"
POOL, WORLD = "pool", "world"
OPERATORS = "dc_operator"
#: Among the details of an act: since when it counts.
EFFECTIVE = "effective_at"
#: Why an entry cannot be corrected.
REVERSED = N_("it is reversed already")
UNRELATED = N_("the two are parent and child no longer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Moves that are one posting.

    Attributes:
        weighs: units that are moved, by resource: what thresholds are compared with.
        alone: the site's thresholds for acts of this sort.
        short, refused: the error for what the ledger says against it.
        effective_at: since when it counts; None: from its posting on.
    """

    moves: list[Move]
    weighs: Demand
    alone: Mapping[str, int]
    short: Callable[[QuotaExceeded], DcctlError]
    refused: Callable[[MovesRefused], DcctlError]
    cause: CauseKind = CauseKind.ACT
    effective_at: datetime | None = None


def of(app: App, session: Session, act: Act) -> Deed:
    """The deed of an act, now.

    Raises:
        DcctlError: 558 the administration has another parent than when it was asked for. NotVisible: a holder is not there.
    """
    since = act.details.get(EFFECTIVE)
    return replace(DEEDS[act.kind](app, session, act), effective_at=datetime.fromisoformat(since) if since else None)


def counts_since(moment: datetime | None) -> dict[str, str]:
    """What an act keeps of when it counts, among its details: nothing, where that is from its posting on."""
    return {} if moment is None else {EFFECTIVE: moment.isoformat()}


def require_so_then(session: Session, posting: Posting) -> None:
    """Return when what was posted could have been so on the day from which it counts, and on every day since.

    Raises:
        DcctlError: 570 somebody would have had less than nothing, 571 two were not parent and child yet.
    """
    at = posting.effective_at.isoformat()
    if (related := past.not_yet(session, posting)) is not None:
        raise DcctlError("DCCTL-571", administration=related.holder, parent=related.parent, since=related.since.isoformat(), effective_at=at)
    if found := past.overdrawn(session, posting):
        lacking = [{"holder": one.holder, "resource": one.resource, "at": one.at.isoformat(), "balance": one.balance} for one in found]
        raise DcctlError("DCCTL-570", effective_at=at, overdrawn=lacking)


def payer_of(session: Session, administration: Administration) -> str:
    """Who pays for what an administration is granted: its parent, or the pool."""
    return administration.parent or POOL


def _declare(app: App, session: Session, act: Act) -> Deed:
    # Two operators at once: the second waits, and counts from what the first declared.
    session.connection().exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('dcctl.declare', 0))")
    has = {name: c.declared for name, c in accounts.capacity(session, app.region).items()}
    more = {name: amount - has.get(name, 0) for name, amount in act.resources.items()}
    world, pool = holding.holder(session, WORLD), holding.holder(session, POOL)
    moves = [
        *ledger.declare(world, pool, app.region, {name: amount for name, amount in more.items() if amount > 0}),
        *ledger.retract(pool, world, app.region, {name: -amount for name, amount in more.items() if amount < 0}),
    ]

    def short(error: QuotaExceeded) -> DcctlError:
        return QuotaShort(POOL, holding.shortfalls(error.shortfalls), grantor=OPERATORS, code="DCCTL-206")

    return _deed(moves, {name: abs(amount) for name, amount in more.items()}, app.settings.acts.capacity, short)


def _grant(app: App, session: Session, act: Act) -> Deed:
    to, payer = _administration_and_payer(session, act)
    moves = ledger.grant(payer, to, app.region, act.resources)

    def short(error: QuotaExceeded) -> DcctlError:
        code = "DCCTL-206" if payer.kind is HolderKind.POOL else "DCCTL-201"
        return QuotaShort(payer.name, holding.shortfalls(error.shortfalls), grantor=holding.grantor(session, payer.name), code=code)

    return _deed(moves, act.resources, app.settings.acts.envelopes, short)


def _revoke(app: App, session: Session, act: Act) -> Deed:
    of_whom, back_to = _administration_and_payer(session, act)
    moves = ledger.revoke(of_whom, back_to, app.region, act.resources)

    def short(error: QuotaExceeded) -> DcctlError:
        found = holding.shortfalls(error.shortfalls)
        missing = {str(one["resource"]) for one in found}
        children = [
            {"holder": part.holder, "resource": part.resource, "amount": part.amount}
            for part in tree.passed_on(session, of_whom, app.region)
            if part.resource in missing
        ]
        grantor = OPERATORS if back_to.kind is HolderKind.POOL else back_to.name
        if children:
            return QuotaShort(of_whom.name, found, grantor=grantor, code="DCCTL-552", children=children)
        return QuotaShort(of_whom.name, found, grantor=grantor, code="DCCTL-202")

    return _deed(moves, act.resources, app.settings.acts.envelopes, short)


def _import(app: App, session: Session, act: Act) -> Deed:
    lines = act.details["envelopes"]
    codes = sorted({line["administration"] for line in lines})
    parents = dict(session.exec(select(Administration.code, Administration.parent).where(col(Administration.code).in_(codes))).all())
    holders = tree.administrations(session, {*codes, *(parent for parent in parents.values() if parent)})
    pool = holding.holder(session, POOL)
    moves: list[Move] = []
    for line in lines:
        parent = parents[line["administration"]]
        moves += ledger.grant(holders[parent] if parent else pool, holders[line["administration"]], app.region, line["resources"])

    def short(error: QuotaExceeded) -> DcctlError:
        found = shortfalls_of_several(session, error.shortfalls)
        for one in found:  # where in the file it is asked for: the numbers of its envelopes, of which the client knows the lines
            one["envelopes"] = [
                number for number, line in enumerate(lines)
                if one["resource"] in line["resources"] and (parents[line["administration"]] or POOL) == one["holder"]
            ]  # fmt: skip
        return QuotaShort(POOL, found, grantor=OPERATORS, code="DCCTL-553")

    return _deed(moves, act.resources, app.settings.acts.envelopes, short)


def _correct(app: App, session: Session, act: Act) -> Deed:
    entry = int(act.details["entry"])
    ends = tree.entry_ends(session, entry)
    if ends is None:
        raise NotVisible("entry", str(entry))
    related = {ends.payer.parent_id == ends.beneficiary.id, ends.beneficiary.parent_id == ends.payer.id}
    if True not in related:
        # The payer would take back what it no longer granted: the balance of another parent pays for it now.
        raise DcctlError("DCCTL-556", entry=entry, why=UNRELATED)
    instead = [
        Move(kind=Kind(ends.kind), payer=ends.payer.id, beneficiary=ends.beneficiary.id, region=ends.region, resource=name, amount=amount)
        for name, amount in act.resources.items()
    ] if ends.kind != Kind.CORRECT else []  # fmt: skip
    settings: Acts = app.settings.acts
    alone = settings.capacity if {ends.payer.kind, ends.beneficiary.kind} & {HolderKind.WORLD} else settings.envelopes
    weighs = {name: max(amount, act.resources.get(name, 0)) for name, amount in {**act.resources, ends.resource: ends.amount}.items()}

    def short(error: QuotaExceeded) -> DcctlError:
        return QuotaShort(ends.payer.name, shortfalls_of_several(session, error.shortfalls), grantor=OPERATORS, code="DCCTL-557", entry=entry)

    def refused(error: MovesRefused) -> DcctlError:
        code = error.faults[0].code
        if code == "entry_is_a_reversal":
            return DcctlError("DCCTL-555", entry=entry, original=tree.reversed_by(session, entry))
        if code == "entry_already_reversed":
            return DcctlError("DCCTL-556", entry=entry, why=REVERSED, reversal=tree.reversal_of(session, entry))
        return _refused(error)

    moves = [ledger.correct(entry), *instead]
    return Deed(moves=moves, weighs=weighs, alone=alone, short=short, refused=refused, cause=CauseKind.CORRECTION)


DEEDS: Mapping[str, Callable[[App, Session, Act], Deed]] = {
    DECLARE: _declare,
    GRANT: _grant,
    REVOKE: _revoke,
    IMPORT: _import,
    CORRECT: _correct,
}


def shortfalls_of_several(session: Session, found: Iterable[Shortfall]) -> list[dict[str, Any]]:
    """Shortfalls with whose they are and who can grant more, by holder and in the order in which people read resources."""
    order = {name: position for position, name in enumerate(in_order({short.resource for short in found}))}
    return [
        {
            "holder": short.holder,
            "resource": short.resource,
            "asked": short.asked,
            "available": short.available,
            "grantor": holding.grantor(session, short.holder),
        }
        for short in sorted(found, key=lambda short: (short.holder, order[short.resource]))
    ]


def _administration_and_payer(session: Session, act: Act) -> tuple[Holder, Holder]:
    found = session.get(Administration, act.administration)
    if found is None:
        raise NotVisible("administration", act.administration or "-")
    payer = payer_of(session, found)
    if act.details.get("payer") != payer:
        raise DcctlError("DCCTL-558", administration=found.code, parent=payer, number=act.number)
    return holding.holder(session, found.code), holding.holder(session, payer)


def _deed(moves: list[Move], weighs: Mapping[str, int], alone: Mapping[str, int], short: Callable[[QuotaExceeded], DcctlError]) -> Deed:
    return Deed(moves=moves, weighs=added([weighs]), alone=alone, short=short, refused=_refused)


def _refused(error: MovesRefused) -> DcctlError:
    """A sum beyond exact numbers and a day to come are all that people can get wrong here; anything else is ours."""
    if ahead := next((fault for fault in error.faults if fault.code == "effective_in_future"), None):
        return DcctlError("DCCTL-002", field=EFFECTIVE, value=ahead.detail, allowed=PASSED)
    if any(fault.code == "too_large" for fault in error.faults):
        return DcctlError("DCCTL-002", field="resources", value="∑", allowed=f"… {LARGEST_AMOUNT}")
    raise error
