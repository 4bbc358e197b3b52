"""The one clock by which anything of ours ends: the database's. That of a machine may be an hour or a day off, and would end things early."""

from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, select


def moment(session: Session) -> datetime:
    """This moment, aware; later than the transaction's beginning where it has waited for a lock."""
    at: datetime = session.exec(select(func.clock_timestamp())).one()
    return at
