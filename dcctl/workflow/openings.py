"""A file of envelopes, posted whole or not at all: the opening of ministries, agencies and communes in one reviewed document."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from dcctl.errors import DcctlError, QuotaShort, SpecRefused
from dcctl.schemas import API_VERSION, ImportIn, OpeningIn
from dcctl.store import Act, ActDecision, Administration
from dcctl.workflow import acts, deeds
from dcctl.workflow.actor import Actor
from dcctl.workflow.acts import Wish
from dcctl.workflow.amounts import added, known, unit
from dcctl.workflow.app import App
from quotas import resources
from quotas.resources import AmountFault

Envelope = dict[str, Any]


def import_(app: App, actor: Actor, body: ImportIn, key: str | None = None) -> dict[str, Any]:
    """Grant every envelope of a file in one posting, or say what would be posted.

    Raises:
        SpecRefused: every fault, each with the path of its line. QuotaShort: 553, every payer that falls short.
        DcctlError: 554 the same envelopes were imported before.
    """
    with app.transaction() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('dcctl.import', 0))"))
        parents: Mapping[str, str | None] = dict(session.exec(select(Administration.code, Administration.parent)).all())
        faults = list(_faults(body.envelopes, parents))
        if faults:
            raise SpecRefused(faults, source="envelopes")
        demands = [{name: line.resources[name] for name in resources.in_order(line.resources) if line.resources[name]} for line in body.envelopes]
        envelopes = [{"administration": line.administration, "resources": of} for line, of in zip(body.envelopes, demands, strict=True)]
        wish = Wish(
            kind=deeds.IMPORT, reason=body.reason, document=body.document, resources=added(demands),
            details={"envelopes": envelopes, **deeds.counts_since(body.effective_at)},
            content=content(app.region, envelopes),
        )  # fmt: skip
        if body.dry_run:
            return _tried(app, session, actor, wish, parents)
        if not body.again:
            _refuse_known(session, actor, wish, key)
        act = acts.carry_out(app, session, actor, wish, key)
        return _sums(wish) | {"act": acts.told(session, act)}


def content(region: str, envelopes: list[Envelope]) -> str:
    """The digest of what a file grants, whatever its layout or the order of its lines."""
    entries = sorted((e["administration"], name, amount) for e in envelopes for name, amount in e["resources"].items())
    return hashlib.sha256(json.dumps([region, entries], separators=(",", ":")).encode()).hexdigest()


def _refuse_known(session: Session, actor: Actor, wish: Wish, key: str | None) -> None:
    """DCCTL-554 when these envelopes were imported and not refused; but the same call once more is answered as before."""
    query = (
        select(Act, ActDecision)
        .outerjoin(ActDecision, col(ActDecision.act) == col(Act.number))
        .where(Act.content == wish.content)
        .where(col(ActDecision.verdict).is_(None) | (col(ActDecision.verdict) != "refuse"))
    )
    found = session.exec(query.order_by(col(Act.created_at).desc())).first()
    if found is None or (key is not None and acts.is_known(session, actor, key)):
        return
    act, decision = found
    raise DcctlError("DCCTL-554", number=act.number, state=str(acts.state(act, decision)))


def _tried(app: App, session: Session, actor: Actor, wish: Wish, parents: Mapping[str, str | None]) -> dict[str, Any]:
    """What the file would post and what would fall short; the posting is taken back."""
    act = acts.new(session, actor, wish)
    deed = deeds.of(app, session, act)
    short: list[dict[str, Any]] = []
    try:
        acts.attempt(session, actor, act, deed)
    except QuotaShort as error:
        short = error.params["shortfalls"]
    entries = [
        {"administration": e["administration"], "payer": parents[e["administration"]] or deeds.POOL, "resource": name, "unit": unit(name),
         "amount": amount}
        for e in wish.details["envelopes"]
        for name, amount in e["resources"].items()
    ]  # fmt: skip
    return _sums(wish) | {"entries": entries, "shortfalls": short, "over": acts.over(deed)}


def _sums(wish: Wish) -> dict[str, Any]:
    envelopes = wish.details["envelopes"]
    return {
        "apiVersion": API_VERSION,
        "items": [{"resource": name, "unit": unit(name), "amount": amount} for name, amount in wish.resources.items()],
        "administrations": len({e["administration"] for e in envelopes}),
        "count": sum(len(e["resources"]) for e in envelopes),
    }


def _faults(lines: list[OpeningIn], parents: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
    first: dict[tuple[str, str], int] = {}
    for index, line in enumerate(lines):
        code = line.administration
        if code not in parents:
            near = get_close_matches(code[:80], parents, n=3)
            yield _fault((index, "administration"), "opening.unknown_administration", found=code[:80], nearest=near)
        checked = resources.validate_amounts(line.resources)
        for fault in checked.faults:
            yield _amount_fault(index, fault)
        if not checked.faults and not any(checked.demand.values()):
            yield _fault((index,), "opening.empty", administration=code[:80])
        for name in checked.demand:
            before = first.setdefault((code, name), index)
            if before != index:
                yield _fault((index, "resources", name), "opening.duplicate", administration=code[:80], resource=name, first=before)


def _amount_fault(index: int, fault: resources.RefusedAmount) -> dict[str, Any]:
    path = (index, "resources", fault.resource[:80])
    if fault.fault in (AmountFault.UNKNOWN, AmountFault.STRUCTURAL):
        return _fault(path, "opening.unknown_resource", found=fault.resource[:80], nearest=list(fault.nearest), allowed=known())
    return _fault(path, "opening.not_an_amount", found=str(fault.value)[:80], maximum=resources.LARGEST_AMOUNT, fault=str(fault.fault))


def _fault(path: tuple[str | int, ...], code: str, **params: Any) -> dict[str, Any]:
    return {"path": ["envelopes", *path], "code": code, "params": params}
