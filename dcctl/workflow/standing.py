"""Offers, the policy of decisions and the copy of OpenStack's catalogue as they stand, kept by the process until they change: each submit is checked
against all of them.

Whether they have changed is asked each time, in one short statement; so nothing here is ever older than the transaction that reads it.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session, col, select

from dcctl import rulebook
from dcctl.errors import DcctlError
from dcctl.rulebook import Rulebook
from dcctl.store import CatalogueItem, Offer, Policy

#: What no change leaves as it is: each refresh of the catalogue dates every item anew, and a version of an offer is published once and retired once.
_STAMP = text(
    """SELECT (SELECT count(*) FROM catalogue_item), (SELECT max(seen_at) FROM catalogue_item),
        (SELECT count(*) FROM offer), (SELECT max(greatest(published_at, retired_at)) FROM offer), (SELECT max(version) FROM policy)"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Not to be changed by whoever reads it: it is everybody's."""

    offers: list[dict[str, Any]]
    """`name`, `version`, `document` of each that can be asked for."""
    items: list[dict[str, Any]]
    """`kind`, `name`, `document` of everything that a spec may name."""
    policy: Rulebook
    policy_version: int


class Keeper:
    """One for the process; threads may share it."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[Any, ...], Standing] | None = None

    def read(self, session: Session) -> Standing:
        """Both, as the session's transaction sees them."""
        # Before the rows: what changes in between is read already, and read again the next time.
        stamp = tuple(session.connection().execute(_STAMP).one())
        kept = self._kept
        if kept is None or kept[0] != stamp:
            offered = [{"name": o.name, "version": o.version, "document": o.document} for o in current(session)]
            items = [{"kind": i.kind, "name": i.name, "document": i.document} for i in session.exec(select(CatalogueItem)).all()]
            policy = in_force(session)
            # What was published was read as a policy before; the first version is the shipped one, which a test reads.
            kept = self._kept = stamp, Standing(
                offers=offered, items=items, policy=rulebook.parse(policy.document), policy_version=policy.version
            )
        return kept[1]


def current(session: Session) -> list[Offer]:
    """The newest version of each offer that is not retired, by name."""
    newest = select(Offer).ext(distinct_on(col(Offer.name))).order_by(col(Offer.name), col(Offer.version).desc())
    return [offer for offer in session.exec(newest).all() if offer.retired_at is None]


def in_force(session: Session) -> Policy:
    """The newest version of the policy; the schema brings the first."""
    newest = session.exec(select(Policy).order_by(col(Policy.version).desc()).limit(1)).first()
    if newest is None:
        raise DcctlError("DCCTL-500", reference="policy")
    return newest
