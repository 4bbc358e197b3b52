"""A mistake in the ledger is never changed: its entry is reversed by name, and what is right is posted in the same transaction."""

from typing import Any

from sqlmodel import Session

from dcctl.errors import DcctlError, NotVisible
from dcctl.schemas import API_VERSION, CorrectionIn
from dcctl.words import N_
from dcctl.workflow import acts, deeds
from dcctl.workflow.actor import Actor
from dcctl.workflow.acts import Wish
from dcctl.workflow.amounts import amounts, unit
from dcctl.workflow.app import App
from quotas import tree
from quotas.ledger import CauseKind, Kind

#: Whose entries operators correct: their own acts'.
OURS = frozenset({CauseKind.ACT, CauseKind.CORRECTION})
REQUESTS_OWN = N_("it belongs to a request, whose own steps release or free it")


def correct(app: App, actor: Actor, body: CorrectionIn, key: str | None = None) -> dict[str, Any]:
    """Reverse an entry, and post in its place, between the same two, what the body says.

    Raises:
        NotVisible: no such entry. DcctlError: 002 an amount cannot be, 555 it is a reversal, 556 it cannot be corrected.
        QuotaShort: 557, what it gave is in use.
    """
    instead = amounts(body.resources, least=1) if body.resources else {}
    with app.transaction() as session:
        ends = tree.entry_ends(session, body.entry)
        if ends is None:
            raise NotVisible("entry", str(body.entry))
        if ends.kind != Kind.CORRECT and ends.cause_kind not in OURS:
            raise DcctlError("DCCTL-556", entry=body.entry, why=REQUESTS_OWN)
        code = next((holder.code for holder in (ends.beneficiary, ends.payer) if holder.kind == "administration"), None)
        details = {
            "entry": body.entry, "kind": ends.kind, "payer": ends.payer.name, "beneficiary": ends.beneficiary.name, "resource": ends.resource,
            "amount": ends.amount, **deeds.counts_since(body.effective_at),
        }  # fmt: skip
        wish = Wish(kind=deeds.CORRECT, administration=code, reason=body.reason, document=body.document, resources=instead, details=details)
        act = acts.carry_out(app, session, actor, wish, key)
        return {"apiVersion": API_VERSION, "act": acts.told(session, act), "items": _items(session, body.entry, act.number)}


def _items(session: Session, entry: int, number: str) -> list[dict[str, Any]]:
    found = tree.corrected(session, entry)
    return [
        {"entry": e.id, "kind": e.kind, "resource": e.resource, "unit": unit(e.resource), "amount": e.amount, "reverses": e.reverses} for e in found
    ]
