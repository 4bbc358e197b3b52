"""Capacity declared, envelopes granted and revoked by operators: each an act (`acts`) with a number, a reason and a document."""

from typing import Any

from sqlmodel import Session

from dcctl.schemas import API_VERSION, CapacityIn, EnvelopeIn
from dcctl.store import Act
from dcctl.workflow import acts, deeds, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.acts import Wish
from dcctl.workflow.amounts import amounts, unit
from dcctl.workflow.app import App
from dcctl.workflow.quota import history, of_administration, quota
from quotas import store as accounts

__all__ = ["capacity", "declare", "grant", "history", "quota", "revoke"]


def capacity(app: App, actor: Actor) -> dict[str, Any]:
    """What the datacenter has of each resource, and what of it is granted."""
    with app.reading() as session:
        return _capacity(app, session)


def _capacity(app: App, session: Session) -> dict[str, Any]:
    items = [
        {"resource": name, "unit": unit(name), "declared": c.declared, "granted": c.granted, "available": c.available}
        for name, c in accounts.capacity(session, app.region).items()
    ]
    return {"apiVersion": API_VERSION, "region": app.region, "items": items}


def declare(app: App, actor: Actor, body: CapacityIn, key: str | None = None) -> dict[str, Any]:
    """Say what capacity the datacenter has now, of the resources named; the difference is posted, all of it or none.

    Raises:
        DcctlError: 002 with every amount that cannot be. QuotaShort: 206, what would be taken is granted already.
    """
    asked, details = amounts(body.resources, least=0), deeds.counts_since(body.effective_at)
    wish = Wish(kind=deeds.DECLARE, reason=body.reason, document=body.document, resources=asked, details=details)
    with app.transaction() as session:
        act = acts.carry_out(app, session, actor, wish, key)
        return _capacity(app, session) | {"act": acts.told(session, act)}


def grant(app: App, actor: Actor, body: EnvelopeIn, key: str | None = None) -> dict[str, Any]:
    """Give an administration so much more, out of its parent's envelope or the pool.

    Raises:
        NotVisible: no such administration. DcctlError: 002 with every amount that cannot be.
        QuotaShort: 206 the pool, 201 the parent has not enough.
    """
    return _envelope(app, actor, deeds.GRANT, body, key)


def revoke(app: App, actor: Actor, body: EnvelopeIn, key: str | None = None) -> dict[str, Any]:
    """Take so much back from an administration's envelope, as far as it is available.

    Raises:
        NotVisible, DcctlError: as for a grant. QuotaShort: 202 it is held or allocated, 552 it was passed on, with to whom and how much.
    """
    return _envelope(app, actor, deeds.REVOKE, body, key)


def _envelope(app: App, actor: Actor, kind: str, body: EnvelopeIn, key: str | None) -> dict[str, Any]:
    asked = amounts(body.resources, least=1)
    with app.transaction() as session:
        administration = sight.require_visible(session, actor, body.administration)
        details = {"payer": deeds.payer_of(session, administration), **deeds.counts_since(body.effective_at)}
        wish = Wish(kind=kind, administration=administration.code, reason=body.reason, document=body.document, resources=asked, details=details)
        act: Act = acts.carry_out(app, session, actor, wish, key)
        return of_administration(app, session, administration.code) | {"act": acts.told(session, act)}
