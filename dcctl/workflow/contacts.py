"""To whom letters about an administration go."""

from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from dcctl.errors import DcctlError, NotVisible
from dcctl.schemas import API_VERSION, ContactIn
from dcctl.store import Administration, Contact
from dcctl.workflow import sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App

#: Of one administration.
MOST = 20


def listing(app: App, actor: Actor, code: str) -> dict[str, Any]:
    """The contacts of an administration."""
    with app.reading() as session:
        sight.require_visible(session, actor, code)
        found = session.exec(select(Contact).where(Contact.administration == code).order_by(col(Contact.address))).all()
    return {"apiVersion": API_VERSION, "items": [as_json(contact) for contact in found]}


def add(app: App, actor: Actor, code: str, body: ContactIn) -> dict[str, Any]:
    """Write to this address from now on; one that is known gets the language and the rhythm that are given.

    Raises:
        DcctlError: 634, there are enough. NotVisible: there is no such administration.
    """
    with app.transaction() as session:
        _locked(session, actor, code)
        contact = session.get(Contact, (code, body.address))
        if contact is None:
            if session.exec(select(func.count()).select_from(Contact).where(Contact.administration == code)).one() >= MOST:
                raise DcctlError("DCCTL-634", administration=code, most=MOST)
            contact = Contact(administration=code, address=body.address, created_by=actor.document())
        contact.lang, contact.daily = body.lang, body.daily
        session.add(contact)
        session.flush()
        return as_json(contact)


def remove(app: App, actor: Actor, code: str, address: str) -> dict[str, Any]:
    """Write to this address no more; letters that wait for it are not sent.

    Raises:
        NotVisible: there is no such administration, or no such contact.
    """
    with app.transaction() as session:
        _locked(session, actor, code)
        contact = session.get(Contact, (code, address))
        if contact is None:
            raise NotVisible("contact", address)
        session.delete(contact)
        session.connection().execute(_FORGET, {"administration": code, "address": address})
        return as_json(contact)


def removed(code: str, address: str) -> dict[str, Any]:
    """What is left to say of one that was removed before."""
    return {"apiVersion": API_VERSION, "administration": code, "address": address}


def as_json(contact: Contact) -> dict[str, Any]:
    """As it travels: `schemas.ContactOut`."""
    return {
        "apiVersion": API_VERSION, "administration": contact.administration, "address": contact.address, "lang": contact.lang,
        "daily": contact.daily, "created_at": contact.created_at,
    }  # fmt: skip


def _locked(session: Session, actor: Actor, code: str) -> None:
    """The administration, locked so that contacts are counted one after the other."""
    sight.require_visible(session, actor, code)
    session.exec(select(Administration).where(Administration.code == code).with_for_update()).one()


_FORGET = text("""
    UPDATE letter SET state = 'given_up', last_error = 'the contact was removed'
    WHERE administration = :administration AND address = :address AND state = 'waiting'""")
