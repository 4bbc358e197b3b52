"""The postman: takes letters out of the outbox and hands them to the SMTP server, each once.

SMTP cannot say "exactly once": a server that took the last byte and whose 250 was lost has the letter or has it not (RFC 1047). Twice is worse here
than a letter less, since everything that a letter says can be read with `dcctl request show`. So:

1. In one transaction the rows are locked (SKIP LOCKED: another worker takes others), the mail is sent up to its last byte, the end of data, and
   they become *handed*. Whatever goes wrong before that commit, a kill among it, leaves them waiting, and the server has no whole mail: it is tried
   again.
2. Then the end of data is sent. 250: *sent*. A refusal (4xx, 5xx): waiting again, or given up. Silence, a broken line or a kill: nobody knows, the
   rows stay *handed* and are never sent again; the log says so (`letter_uncertain`).

The Message-ID is fixed before the first attempt, so that any mail system that sees two copies knows them for one.
"""

import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import structlog
from sqlmodel import Session, col, select

from dcctl import occasions
from dcctl.config import Letters
from dcctl.store import Letter, now
from dcctl.workflow import clock
from dcctl.workflow.app import App
from dcctl.workflow.letters import last_digest
from dcctl.workflow.loops import Loop

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=60), timedelta(hours=6)
#: Letters of one digest, at most; the rest is in the next one.
MOST_OF_A_DIGEST = 200
WAITING, HANDED, SENT, GIVEN_UP = "waiting", "handed", "sent", "given_up"

log = structlog.get_logger("dcctl.post")


class Refused(Exception):
    """The server does not take the mail; `for_good` when it says that it never will."""

    def __init__(self, words: str, *, for_good: bool) -> None:
        super().__init__(words)
        self.for_good = for_good


class Uncertain(Exception):
    """The server has the last byte and has not answered."""


def delivering(app: App) -> Loop | None:
    """A worker's loop that sends what waits; None where the site has no mail server. Any number may run."""
    of = app.settings.letters
    if not of.host:
        log.info("no_letters", reason="letters.host is not set")
        return None

    def deliver() -> None:
        while not loop.ending.is_set() and send_next(app):
            pass

    loop = Loop("postman", deliver, pause=of.every_seconds, at_once=False, failed="letters_not_sent")
    return loop


def send_next(app: App) -> bool:
    """Try the mail that waits longest; False when none is due."""
    of = app.settings.letters
    with app.bare_transaction() as session:
        letters = _due(session, of)
        if not letters:
            return False
        numbers, message_id = [letter.id for letter in letters], letters[0].message_id
        try:
            with _dropped_if_raised(_connected(of)) as line:
                _sent_but_for_its_end(line, of, _mail(letters, of))
                _become(session, letters, HANDED)
                session.commit()  # from here on it is never begun again
                outcome = _ended(line)
        except (Refused, OSError, smtplib.SMTPException, ValueError) as error:
            _put_off(session, letters, error, of)
            return True
        except Uncertain as error:
            log.error("letter_uncertain", message_id=message_id, letters=numbers, why=str(error))
            return True
        if isinstance(outcome, Refused):
            _put_off(session, letters, outcome, of)
        else:
            _become(session, letters, SENT)
            log.info("letter_sent", message_id=message_id, letters=numbers)
    return True


def _due(session: Session, of: Letters) -> Sequence[Letter]:
    """The rows of one mail, locked: one letter, or those of one address' digest, with one Message-ID that they keep."""
    at = clock.moment(session)
    waits = [col(Letter.state) == WAITING, col(Letter.next_at) <= at]
    digest = col(Letter.created_at) <= last_digest(at, of.digest_hour)
    query = select(Letter).where(*waits, ~col(Letter.daily) | digest).order_by(col(Letter.next_at), col(Letter.id)).limit(1)
    first = session.exec(query.with_for_update(skip_locked=True)).first()
    if first is None or not first.daily:
        return [] if first is None else [first]
    # Of a digest that was tried before, those that it then had; else all that wait.
    mates = [col(Letter.message_id) == first.message_id] if first.attempts else [col(Letter.attempts) == 0, digest]
    query = select(Letter).where(
        *waits, *mates, col(Letter.daily), Letter.address == first.address, Letter.lang == first.lang, Letter.administration == first.administration
    )
    found = session.exec(query.order_by(col(Letter.id)).limit(MOST_OF_A_DIGEST).with_for_update(skip_locked=True)).all()
    for letter in found:
        letter.message_id = first.message_id
    return found


def _mail(letters: Sequence[Letter], of: Letters) -> EmailMessage:
    first = letters[0]
    words = occasions.write(first.administration, first.lang, [(letter.occasion, letter.params) for letter in letters])
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("dcctl", addr_spec=of.sender)
    mail["To"] = Address(addr_spec=first.address)
    mail["Subject"] = words.subject
    mail["Date"] = format_datetime(now())
    mail["Message-ID"] = first.message_id
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(words.text, cte="quoted-printable")
    mail.add_alternative(words.html, subtype="html", cte="quoted-printable")
    mail["Content-Language"] = first.lang  # last: what is of content before goes down into the first part
    return mail


def _connected(of: Letters) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=str(of.ca_file) if of.ca_file else None)
    line: smtplib.SMTP
    if of.tls == "tls":
        line = smtplib.SMTP_SSL(of.host, of.port, timeout=of.timeout_seconds, context=context)
    else:
        line = smtplib.SMTP(of.host, of.port, timeout=of.timeout_seconds)
    try:
        if of.tls == "starttls":
            line.starttls(context=context)
        if of.user and of.password_file is not None:
            line.login(of.user, of.password_file.read_text(encoding="utf-8").strip())
        line.ehlo_or_helo_if_needed()
    except BaseException:
        line.close()
        raise
    return line


@contextmanager
def _dropped_if_raised(line: smtplib.SMTP) -> Iterator[smtplib.SMTP]:
    """The line, closed at the end; the server is told good-bye only where nothing hangs on its answer any more."""
    try:
        yield line
    finally:
        line.close()


def _sent_but_for_its_end(line: smtplib.SMTP, of: Letters, mail: EmailMessage) -> None:
    """Everything of the mail but the end of data.

    Raises:
        Refused: the server does not want it. OSError, SMTPException: it went away.
    """
    for step in ("mail", "rcpt", "data"):
        code, words = line.mail(of.sender) if step == "mail" else line.rcpt(str(mail["To"])) if step == "rcpt" else line.docmd("DATA")
        if code not in (250, 251, 354):
            raise Refused(f"{code} {words.decode(errors='replace')}", for_good=500 <= code < 600)
    content = re.sub(rb"(?m)^\.", b"..", mail.as_bytes())
    line.send(content if content.endswith(b"\r\n") else content + b"\r\n")


def _ended(line: smtplib.SMTP) -> Refused | None:
    """Send the end of data and hear what the server says: None, it has the mail.

    Raises:
        Uncertain: it says nothing.
    """
    try:
        line.send(b".\r\n")
        code, words = line.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise Uncertain(str(error)) from error
    if code == 250:
        return None
    return Refused(f"{code} {words.decode(errors='replace')}", for_good=500 <= code < 600)


def _become(session: Session, letters: Sequence[Letter], state: str) -> None:
    for letter in letters:
        letter.state = state
        letter.next_at = now() if state == HANDED else letter.next_at  # since when nobody knows
        letter.sent_at = now() if state == SENT else None
        letter.last_error = None if state == SENT else letter.last_error
        session.add(letter)


def _put_off(session: Session, letters: Sequence[Letter], error: Exception, of: Letters) -> None:
    """Try again later, each time after twice as long; give up what the server never takes, or has not taken for days."""
    at = clock.moment(session)
    for letter in letters:
        letter.attempts += 1
        letter.last_error = occasions.one_line(error, 500)
        over = letter.created_at + timedelta(hours=of.keep_trying_hours) <= at
        letter.state = GIVEN_UP if over or (isinstance(error, Refused) and error.for_good) else WAITING
        letter.next_at = at + wait(letter.attempts)
        session.add(letter)
    log.warning("letter_put_off", letters=[letter.id for letter in letters], attempts=letters[0].attempts, state=letters[0].state, error=str(error))


def wait(attempts: int) -> timedelta:
    """How long after so many attempts in vain the next one comes."""
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << min(attempts - 1, 12)))
