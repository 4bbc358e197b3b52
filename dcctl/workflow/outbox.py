"""Letters whose end nobody knows, or that were given up: which they are, and an operator's word on each.

A *handed* letter is at its end of data or past it, and only a person can find out whether it arrived (the mail server's log knows its Message-ID). So
nothing here is done by itself. The letters of one mail, a digest's, go together.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlmodel import Session, col, select

from dcctl.errors import DcctlError
from dcctl.occasions import DATACENTER
from dcctl.store import Contact, Letter, now
from dcctl.workflow.app import App
from dcctl.workflow.post import GIVEN_UP, HANDED, WAITING
from dcctl.workflow.witness import by_itself

#: Of a mail that is being sent nobody decides; beyond the server's longest silence no postman is at it any more.
AT_WORK = timedelta(seconds=60)
MOST = 500
#: The state of a letter of which an operator has said that it has arrived, or need not.
DROPPED = "dropped"


def unsettled(app: App) -> list[dict[str, Any]]:
    """The mails, the oldest first, each named by the number of its first letter."""
    with app.reading() as session:
        letters = session.exec(select(Letter).where(col(Letter.state).in_((HANDED, GIVEN_UP))).order_by(col(Letter.id)).limit(MOST)).all()
    mails: dict[str, dict[str, Any]] = {}
    for letter in letters:
        since = letter.next_at if letter.state == HANDED else letter.created_at
        mail = mails.setdefault(letter.message_id, {
            "number": letter.id, "state": letter.state, "administration": letter.administration, "address": letter.address,
            "message_id": letter.message_id, "since": since, "error": letter.last_error, "told": [],
        })  # fmt: skip
        mail["told"].append(" ".join(filter(None, (letter.occasion, letter.params.get("number")))))
    return list(mails.values())


def send_again(app: App, number: int, account: str, reason: str) -> list[int]:
    """Let the mail wait to be sent, under the Message-ID that it had; the numbers of its letters.

    Args:
        account: of the server's own system.

    Raises:
        DcctlError: 610 there is none, 611 it may be on its way at this moment, 612 its address is no contact any more.
    """
    with by_itself("manage", "letters:send", str(number)) as deed:
        deed.of_states, deed.body = False, {"account": account, "reason": reason}
        with app.transaction() as session:
            letters = _mail(app, session, number)
            first = letters[0]
            deed.administration = first.administration or None
            if not _wanted(app, session, first):
                raise DcctlError("DCCTL-612", number=number, address=first.address, administration=first.administration or "–")
            for letter in letters:
                letter.state, letter.next_at, letter.attempts = WAITING, now(), max(letter.attempts, 1)  # tried: so a digest stays the same
                session.add(letter)
            return [letter.id or 0 for letter in letters]


def drop(app: App, number: int, account: str, reason: str) -> list[int]:
    """The mail has arrived, or need not: nobody looks at it again.

    Raises:
        DcctlError: 610 there is none, 611 it may be on its way at this moment.
    """
    with by_itself("manage", "letters:drop", str(number)) as deed:
        deed.of_states, deed.body = False, {"account": account, "reason": reason}
        with app.transaction() as session:
            letters = _mail(app, session, number)
            deed.administration = letters[0].administration or None
            for letter in letters:
                letter.state, letter.last_error = DROPPED, reason[:500]
                session.add(letter)
            return [letter.id or 0 for letter in letters]


def _mail(app: App, session: Session, number: int) -> Sequence[Letter]:
    """The letters of one mail, locked."""
    known = session.get(Letter, number)
    if known is None or known.state not in (HANDED, GIVEN_UP):
        raise DcctlError("DCCTL-610", number=number)
    query = select(Letter).where(Letter.message_id == known.message_id, Letter.state == known.state).order_by(col(Letter.id))
    letters = session.exec(query.with_for_update().execution_options(populate_existing=True)).all()
    if not letters:  # whoever was quicker
        raise DcctlError("DCCTL-610", number=number)
    over = timedelta(seconds=app.settings.letters.timeout_seconds) + AT_WORK
    if known.state == HANDED and letters[0].next_at + over > now():
        raise DcctlError("DCCTL-611", number=number, seconds=int(over.total_seconds()))
    return letters


def _wanted(app: App, session: Session, letter: Letter) -> bool:
    """Whether the address still gets letters."""
    if letter.administration == DATACENTER:
        return letter.address in app.settings.letters.operators
    return session.get(Contact, (letter.administration, letter.address)) is not None
