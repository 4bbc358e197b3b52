"""What an actor may see: their own administration and those below it; operators and auditors everything.

What one may not see answers like what does not exist: the same error with the same words.
"""

from functools import lru_cache

from sqlalchemy import ColumnElement, Select, true
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import Session, col, select

from dcctl.errors import NotVisible
from dcctl.lifecycle import Kind
from dcctl.store import Administration, Operation, Request
from dcctl.workflow.actor import MINISTRY_ROLES, Actor


def own(actor: Actor) -> str | None:
    """The administration that the actor acts for, if a role of theirs counts there."""
    return actor.administration if actor.roles & MINISTRY_ROLES else None


@lru_cache(maxsize=1024)
def below(code: str | None) -> Select[tuple[str]]:
    """Codes of an administration and everything below it, as a subquery. To write it down takes longer than to carry it out: it is kept."""
    tree = select(Administration.code).where(Administration.code == code).cte("visible", recursive=True)
    child = aliased(Administration)
    tree = tree.union(select(child.code).where(child.parent == tree.c.code))
    return select(tree.c.code)


def visible(actor: Actor, column: Mapped[str]) -> ColumnElement[bool]:
    """A condition for lists: the administration in `column` is one that the actor may see."""
    if actor.sees_all:
        return true()
    return column.in_(below(own(actor)))


def require_visible(session: Session, actor: Actor, code: str) -> Administration:
    """The administration, if it exists and the actor may see it.

    Raises:
        NotVisible: otherwise; one statement decides, so that both cases take the same time.
    """
    found = session.exec(select(Administration).where(Administration.code == code, visible(actor, col(Administration.code)))).first()
    if found is None:
        raise NotVisible("administration", code)
    return found


def request_administration(session: Session, actor: Actor, number: str) -> str:
    """Code of the administration of a request that the actor may see."""
    code = session.exec(select(Request.administration).where(Request.number == number, visible(actor, col(Request.administration)))).first()
    if code is None:
        raise NotVisible("request", number)
    return code


def deciding_administrations(session: Session, actor: Actor, number: str) -> list[str]:
    """Code of the administration of a request that the actor may see; of an envelope request also of the one above, which gives."""
    query = select(Request.administration, Request.kind, Administration.parent).where(Administration.code == Request.administration)
    found = session.exec(query.where(Request.number == number, visible(actor, col(Request.administration)))).first()
    if found is None:
        raise NotVisible("request", number)
    code, kind, parent = found
    return [code, *([parent] if kind == Kind.ENVELOPE and parent is not None else [])]


def operation_administration(session: Session, actor: Actor, identifier: str) -> str:
    """Code of the administration of an operation that the actor may see."""
    code = session.exec(select(Operation.administration).where(Operation.id == identifier, visible(actor, col(Operation.administration)))).first()
    if code is None:
        raise NotVisible("operation", identifier)
    return code
