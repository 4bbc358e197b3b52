"""Letters: in the outbox with the deed, and with the contact once, whatever the SMTP server does. The server is a real one (aiosmtpd)."""

import asyncio
import email
import email.policy
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlmodel import col, select

from dcctl.config import Letters
from dcctl.errors import DcctlError
from dcctl.schemas import ContactIn, DecisionIn, RequestIn
from dcctl.store import Letter, Request
from dcctl.workflow import contacts, decisions, letters, post, requests
from dcctl.workflow.app import App
from tests.integration.workflow.conftest import AGENT, LEAD

SPEC = {
    "apiVersion": "dcctl/v1", "kind": "Environment", "administration": "min-sante", "name": "dossier-patient", "offer": "standard",
    "quota": {"instances": 2, "cores": 4, "ram": 8192}, "duration": "12 months", "justification": "Dossier patient partagé, phase 1",
}  # fmt: skip


class Server:
    """A mail server that does what the test says at each step; it keeps what it has taken."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.on_rcpt: Callable[[], str] = lambda: "250 OK"
        self.on_data: Callable[[bytes], str | None] = lambda content: "250 OK"
        self.drop = threading.Event()
        self.begun = 0

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        answer = self.on_rcpt()
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        self.begun += 1
        answer = self.on_data(content)
        if answer is None:  # it has it, and dies before it says so
            self.taken.append(content)
            assert server.transport is not None
            server.transport.abort()
            await asyncio.sleep(0)
            return "421 gone"
        if answer == "stall":
            self.taken.append(content)
            await asyncio.sleep(600)
        if answer.startswith("250"):
            self.taken.append(content)
        return answer


class Bound(Controller):  # type: ignore[misc]
    """On a port that the system gave it and that nobody else can have meanwhile."""

    def __init__(self, handler: Server) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        super().__init__(handler, hostname="127.0.0.1", port=self.socket.getsockname()[1], ready_timeout=60)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self.socket)


@pytest.fixture
def server() -> Iterator[tuple[Server, int]]:
    handler = Server()
    controller = Bound(handler)
    controller.start()
    yield handler, controller.port
    controller.stop()


@pytest.fixture
def postal(app: App, server: tuple[Server, int]) -> Iterator[App]:
    """The application with that server, and a contact of min-sante."""
    of = Letters(host="127.0.0.1", port=server[1], tls="none", sender="dcctl@datacenter.bj", timeout_seconds=60.0)
    made = App(app.settings.model_copy(update={"letters": of}))
    contacts.add(made, LEAD, "min-sante", ContactIn(address="dsi@sante.gouv.bj"))
    yield made
    made.close()


@contextmanager
def otherwise(app: App, **changed: object) -> Iterator[App]:
    """The same application with other settings of letters."""
    made = App(app.settings.model_copy(update={"letters": app.settings.letters.model_copy(update=changed)}))
    yield made
    made.close()


def submit(app: App, name: str = "dossier-patient") -> str:
    number, _ = requests.submit(app, AGENT, RequestIn(kind="environment", spec=SPEC | {"name": name}), f"key-of-{name}")
    return str(number["number"])


def outbox(app: App) -> list[Letter]:
    with app.reading() as session:
        return list(session.exec(select(Letter).order_by(col(Letter.id))).all())


def due(app: App) -> None:
    """Time passes: whatever waits is due."""
    with app.bare_transaction() as session:
        for letter in session.exec(select(Letter).where(Letter.state == "waiting")).all():
            letter.next_at = datetime.now(UTC) - timedelta(seconds=1)
            session.add(letter)


def read(content: bytes) -> Any:
    return email.message_from_bytes(content, policy=email.policy.default)


def test_a_submit_writes_a_letter_and_the_postman_hands_it_over_once(postal: App, server: tuple[Server, int]) -> None:
    number = submit(postal)
    submit_again = requests.submit(postal, AGENT, RequestIn(kind="environment", spec=SPEC), "key-of-dossier-patient")
    assert submit_again[1] is False

    assert post.send_next(postal)
    assert not post.send_next(postal)

    (content,) = server[0].taken
    mail = read(content)
    assert (mail["To"], mail["From"], mail["Auto-Submitted"]) == ("dsi@sante.gouv.bj", "dcctl <dcctl@datacenter.bj>", "auto-generated")
    assert mail["Subject"] == f"{number} reçue\xa0: dossier-patient"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert number in mail.get_body(("plain",)).get_content()
    (letter,) = outbox(postal)
    assert (letter.state, mail["Message-ID"]) == ("sent", letter.message_id)


def test_a_deed_that_is_rolled_back_writes_no_letter(postal: App) -> None:
    submit(postal)
    with pytest.raises(DcctlError):
        submit(postal, "dossier-patient-" + "x" * 300)
    assert [letter.occasion for letter in outbox(postal)] == ["received"]


def test_a_server_that_refuses_for_now_is_asked_again_with_the_same_message_id(postal: App, server: tuple[Server, int]) -> None:
    submit(postal)
    server[0].on_rcpt = lambda: "451 later"
    for attempt in (1, 2, 3):
        assert post.send_next(postal)
        assert not post.send_next(postal), "not before its time"
        (letter,) = outbox(postal)
        assert (letter.state, letter.attempts) == ("waiting", attempt)
        due(postal)
    server[0].on_rcpt = lambda: "250 OK"
    server[0].on_data = lambda content: "452 no room"
    assert post.send_next(postal)
    due(postal)
    server[0].on_data = lambda content: "250 OK"
    assert post.send_next(postal)

    assert [read(content)["Message-ID"] for content in server[0].taken] == [letter.message_id]
    assert outbox(postal)[0].state == "sent"


def test_what_the_server_never_takes_is_given_up(postal: App, server: tuple[Server, int]) -> None:
    submit(postal)
    server[0].on_rcpt = lambda: "550 no such mailbox"

    assert post.send_next(postal)

    (letter,) = outbox(postal)
    assert (letter.state, letter.last_error) == ("given_up", "550 no such mailbox")


@pytest.mark.parametrize("answer", [None, "stall"], ids=["dies", "stalls"])
def test_a_server_that_has_the_last_byte_and_says_nothing_never_gets_it_twice(postal: App, server: tuple[Server, int], answer: str | None) -> None:
    submit(postal)
    server[0].on_data = lambda content: answer

    with otherwise(postal, timeout_seconds=3.0 if answer == "stall" else 60.0) as impatient:
        assert post.send_next(impatient)
    due(postal)
    server[0].on_data = lambda content: "250 OK"
    assert not post.send_next(postal)

    assert len(server[0].taken) == 1
    assert outbox(postal)[0].state == "handed"


def test_a_server_that_is_not_there_costs_nothing_but_time(postal: App) -> None:
    submit(postal)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and nobody listens
        with otherwise(postal, port=nobody.getsockname()[1]) as away:
            assert post.send_next(away)

    assert (outbox(postal)[0].state, outbox(postal)[0].attempts) == ("waiting", 1)
    due(postal)
    assert post.send_next(postal)
    assert outbox(postal)[0].state == "sent"


def test_a_kill_before_the_commit_leaves_it_waiting_and_the_server_without_a_mail(
    postal: App, server: tuple[Server, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process goes in the moment when all but the end of data was sent."""
    submit(postal)

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(post, "_become", killed)
        with pytest.raises(KeyboardInterrupt):
            post.send_next(postal)

    assert (server[0].taken, outbox(postal)[0].state) == ([], "waiting")
    assert post.send_next(postal)
    assert len(server[0].taken) == 1


def test_a_kill_after_the_commit_never_sends_it_again(postal: App, server: tuple[Server, int], monkeypatch: pytest.MonkeyPatch) -> None:
    submit(postal)
    ended = post._ended

    def killed(line: Any) -> None:
        assert ended(line) is None
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(post, "_ended", killed)
        with pytest.raises(KeyboardInterrupt):
            post.send_next(postal)

    due(postal)
    assert not post.send_next(postal)
    assert (len(server[0].taken), outbox(postal)[0].state) == (1, "handed")


def test_two_postmen_at_once_send_each_letter_once(postal: App, server: tuple[Server, int]) -> None:
    for number in range(6):
        submit(postal, f"portail-{number}")

    def work() -> None:
        while post.send_next(postal):
            pass

    postmen = [threading.Thread(target=work) for _ in range(3)]
    for postman in postmen:
        postman.start()
    for postman in postmen:
        postman.join(60)

    identifiers = [read(content)["Message-ID"] for content in server[0].taken]
    assert (len(identifiers), len(set(identifiers))) == (6, 6)
    assert {letter.state for letter in outbox(postal)} == {"sent"}


def test_a_daily_contact_gets_one_letter_of_the_day(postal: App, server: tuple[Server, int]) -> None:
    contacts.add(postal, LEAD, "min-sante", ContactIn(address="dsi@sante.gouv.bj", lang="en", daily=True))
    for number in range(3):
        submit(postal, f"portail-{number}")
    assert not post.send_next(postal), "the day's letter has its hour"
    with postal.bare_transaction() as session:
        for letter in session.exec(select(Letter)).all():
            letter.created_at -= timedelta(days=1)
            session.add(letter)
    server[0].on_rcpt = lambda: "451 later"
    assert post.send_next(postal)
    due(postal)
    server[0].on_rcpt = lambda: "250 OK"

    assert post.send_next(postal)
    assert not post.send_next(postal)

    (content,) = server[0].taken
    assert read(content)["Subject"] == "min-sante: 3 message(s) of the day"
    assert {(letter.state, letter.message_id) for letter in outbox(postal)} == {("sent", read(content)["Message-ID"])}


def test_a_day_whose_letter_was_late_and_the_next_one_are_two_letters_or_one_and_nothing_twice(postal: App, server: tuple[Server, int]) -> None:
    """The server is away from yesterday's hour until today's: what was tried stays the letter that it was, what came later is the next one's."""
    contacts.add(postal, LEAD, "min-sante", ContactIn(address="dsi@sante.gouv.bj", lang="fr", daily=True))
    aged(postal, [submit(postal, "portail")], days=2)
    server[0].on_rcpt = lambda: "451 later"
    assert post.send_next(postal)
    aged(postal, [submit(postal, "dossier")], days=1)
    submit(postal, "aujourdhui")  # whose hour has not come
    due(postal)
    server[0].on_rcpt = lambda: "250 OK"

    while post.send_next(postal):
        pass

    told = [str(read(content).get_body(("plain",))) for content in server[0].taken]
    assert sorted([name for name in ("portail", "dossier", "aujourdhui") if name in text] for text in told) == [["dossier"], ["portail"]]
    assert [letter.state for letter in outbox(postal)] == ["sent", "sent", "waiting"]


def aged(app: App, numbers: list[str], *, days: int) -> None:
    with app.bare_transaction() as session:
        for letter in session.exec(select(Letter)).all():
            if letter.params.get("number") in numbers:
                letter.created_at -= timedelta(days=days)
                session.add(letter)


def test_a_removed_contact_gets_nothing_that_still_waits(postal: App) -> None:
    submit(postal)
    contacts.remove(postal, LEAD, "min-sante", "dsi@sante.gouv.bj")
    assert not post.send_next(postal)
    submit(postal, "portail")
    assert [letter.state for letter in outbox(postal)] == ["given_up"]


@pytest.mark.parametrize(
    "address",
    ["a@b.bj\r\nBcc: all@b.bj", "a@b.bj\nX: y", "<a@b.bj>", "a b@b.bj", '"a"@b.bj', "a@b", "a@b.bj,c@d.bj", "@b.bj", "a" * 65 + "@b.bj",
     "a@b.bj\x00", "-oQ@b.bj"],
)  # fmt: skip
def test_an_address_is_an_address(address: str) -> None:
    with pytest.raises(ValueError):
        ContactIn(address=address)


def test_no_text_makes_a_header(postal: App, server: tuple[Server, int]) -> None:
    submit(postal)
    hostile = "x\r\nBcc: all@sante.gouv.bj\r\n\r\n.\r\nMAIL FROM:<a@b.bj>\r\n.\r\n"
    with postal.bare_transaction() as session:
        request = session.exec(select(Request)).one()
        told = {"number": request.number, "kind": "environment", "state": "refused", "administration": "min-sante", "requester_id": "x"}
        request_like = Request(**told, environment=hostile)
        letters.write(session, "refused", request_like, by=hostile, reason=f".\r\n.{hostile}")
    while post.send_next(postal):
        pass

    mail = read(server[0].taken[-1])
    assert len(server[0].taken) == 2
    assert mail["Bcc"] is None
    assert sorted(mail.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language", "MIME-Version", "Content-Type"]
    )


def test_waits_grow_and_end() -> None:
    waits = [post.wait(attempts) for attempts in range(1, 40)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (post.FIRST_WAIT, post.LONGEST_WAIT)


def test_what_is_returned_is_told_with_its_reason(postal: App) -> None:
    number = submit(postal)
    with postal.bare_transaction() as session:
        request = session.get_one(Request, number)
        request.state, request.digest = "in_review", "e" * 64
        request.needs = [{"role": "dc_lead", "administration": "min-sante"}]
        session.add(request)

    decisions.decide(postal, LEAD, number, DecisionIn(verdict="return", reason="Le réseau manque", digest="e" * 64))

    letter = outbox(postal)[-1]
    assert (letter.occasion, letter.params["by"], letter.params["reason"]) == ("returned", LEAD.user, "Le réseau manque")
