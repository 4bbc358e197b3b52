"""Letters whose end nobody knows: an operator finds them, and says of each whether it is sent again; on a real database and a real mail server."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from dcctl.errors import DcctlError
from dcctl.store import Letter, now
from dcctl.workflow import contacts, outbox, post
from dcctl.workflow.app import App
from tests.integration.workflow.conftest import LEAD
from tests.integration.workflow.test_letters import Server, due, postal, read, server, submit

__all__ = ["postal", "server"]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(postal: App, tmp_path: Path) -> Run:
    """`dcctl-manage` as it is typed, with the database's address and nothing else."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DCCTL_CONFIG": os.devnull, "DCCTL_LANG": "en", "LANG": "C.UTF-8",
               "DCCTL_DATABASE__APPLICATION": postal.settings.database.application}  # fmt: skip

    def ran(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(Path(sys.executable).with_name("dcctl-manage")), "letters", *arguments]
        return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    return ran


def handed(app: App, server: tuple[Server, int], *, since: timedelta = timedelta(hours=1)) -> Letter:
    """The server has the last byte, and dies."""
    submit(app)
    server[0].on_data = lambda content: None
    assert post.send_next(app)
    server[0].on_data = lambda content: "250 OK"
    with app.bare_transaction() as session:
        letter = session.exec(select(Letter)).one()
        assert letter.state == "handed"
        letter.next_at -= since
        session.add(letter)
        return letter


def states(app: App) -> list[str]:
    with app.reading() as session:
        return list(session.exec(select(Letter.state)).all())


def test_an_operator_lists_them_and_sends_one_again_under_the_same_message_id(postal: App, server: tuple[Server, int], run: Run) -> None:
    letter = handed(postal, server)

    listed = run("list")
    number, state, _, whose, address, told, message_id, _ = listed.stdout.rstrip("\n").split("\t")
    assert (int(number), state, whose, address, message_id) == (letter.id, "handed", "min-sante", "dsi@sante.gouv.bj", letter.message_id)
    assert told.startswith("received R-")
    again = run("send", number, "--reason", "absent du journal du serveur")
    assert (again.returncode, again.stderr) == (0, f"Mail {number} will be sent.\n")
    assert post.send_next(postal)

    assert [read(content)["Message-ID"] for content in server[0].taken] == [letter.message_id] * 2
    assert states(postal) == ["sent"]
    assert run("list").stdout == ""
    with postal.reading() as session:
        event = session.execute(text("SELECT action, outcome, target, document FROM audit.event ORDER BY id DESC LIMIT 1")).one()
    assert event[:3] == ("letters:send", "success", number)
    assert "absent du journal du serveur" in event[3]


def test_what_has_arrived_is_dropped_and_never_sent(postal: App, server: tuple[Server, int], run: Run) -> None:
    letter = handed(postal, server)

    assert run("drop", str(letter.id), "--reason", "arrivée").returncode == 0

    due(postal)
    assert not post.send_next(postal)
    assert (states(postal), len(server[0].taken)) == (["dropped"], 1)
    unknown = run("send", str(letter.id), "--reason", "encore")
    assert (unknown.returncode, "DCCTL-610" in unknown.stderr) == (6, True)


def test_nobody_decides_on_what_may_be_on_its_way_or_without_a_reason(postal: App, server: tuple[Server, int], run: Run) -> None:
    letter = handed(postal, server, since=timedelta(0))
    for way in (outbox.send_again, outbox.drop):
        with pytest.raises(DcctlError) as early:
            way(postal, letter.id or 0, "exploitant", "-")
        assert early.value.code == "DCCTL-611"
    assert "DCCTL-613" in run("drop", str(letter.id), "--reason", " ").stderr
    assert states(postal) == ["handed"]


def test_a_removed_contact_is_not_written_to_again(postal: App, server: tuple[Server, int]) -> None:
    letter = handed(postal, server)
    contacts.remove(postal, LEAD, "min-sante", "dsi@sante.gouv.bj")
    with pytest.raises(DcctlError) as removed:
        outbox.send_again(postal, letter.id or 0, "exploitant", "-")
    assert removed.value.code == "DCCTL-612"
    assert outbox.drop(postal, letter.id or 0, "exploitant", "-") == [letter.id]


def test_the_letters_of_a_digest_go_together(postal: App, server: tuple[Server, int]) -> None:
    for number in range(3):
        submit(postal, f"portail-{number}")
    with postal.bare_transaction() as session:
        for letter in session.exec(select(Letter)).all():
            letter.daily, letter.state, letter.message_id, letter.lang = True, "handed", "<un@dcctl.invalid>", "en"
            letter.created_at = letter.next_at = now() - timedelta(days=2)
            session.add(letter)
    (mail,) = outbox.unsettled(postal)
    assert len(mail["told"]) == 3

    outbox.send_again(postal, mail["number"], "exploitant", "absent du journal")
    assert post.send_next(postal)
    assert not post.send_next(postal)

    (content,) = server[0].taken
    assert (read(content)["Message-ID"], read(content)["Subject"]) == ("<un@dcctl.invalid>", "min-sante: 3 message(s) of the day")
