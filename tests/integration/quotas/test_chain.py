"""The chain of entries on a real database: nothing committed is left out, nothing changed goes unseen, and only the sealer seals."""

import hashlib
import signal
import subprocess
import sys
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from quotas import chain, proof, schema, store
from quotas.ledger import POOL, Kind, correct, grant, hold
from tests.postgres import alchemy

from .conftest import AGENT, APPLICATION, CORRECTION, READER, REGION, REQUEST, Ledger

SEALER = "ledger_sealer"
NOW = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


@pytest.fixture
def sealed_ledger(shared_ledger: Ledger) -> Ledger:
    with psycopg.connect(shared_ledger.owner_dsn) as owner:
        if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", (SEALER,)).fetchone() is None:
            owner.execute(f"CREATE ROLE {SEALER} LOGIN")
        for statement in schema.grants(APPLICATION, [READER], sealer=SEALER, auditor=READER):
            owner.execute(statement.encode())
    return shared_ledger


def seal(ledger: Ledger) -> int:
    connection = ledger.connect(SEALER)
    sealed = proof.seal(connection)
    connection.commit()
    return sealed


def exported(ledger: Ledger) -> list[bytes]:
    engine = create_engine(alchemy(ledger.dsn(READER)), poolclass=NullPool, isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        return list(proof.export(connection, NOW))


def verified(ledger: Ledger, *kept: chain.Checkpoint) -> chain.Report:
    return chain.verify(exported(ledger), kept)


def a_life(ledger: Ledger) -> None:
    """Every kind of entry, with words that a careless form would confuse."""
    ledger.allocate({"cores": 8, "ram": 4096}, "R-2026-0042")
    ledger.hold({"cores": 2}, "R-2026\t0043\\n\n\\N")
    ledger.end(Kind.RELEASE, "R-2026\t0043\\n\n\\N")
    ledger.take(ledger.justice, cores=5)
    given = ledger.give(ledger.justice, cores=1, ram=1)
    ledger.post([correct(given.entries[0]), *grant(POOL, ledger.justice, REGION, {"cores": 2})], CORRECTION)


def test_every_entry_has_the_hash_of_its_line_whichever_way_it_was_posted(sealed_ledger: Ledger) -> None:
    a_life(sealed_ledger)

    lines = [line for line in exported(sealed_ledger) if line.startswith(b"U\t")]

    kinds = {line.split(b"\t")[3].decode() for line in lines}
    assert kinds == {str(kind) for kind in Kind} - {"retract", "expire", "free"}
    for line in lines:
        told, content = line[2:].rstrip(b"\n").rsplit(b"\t", 1)
        assert hashlib.sha256(told).hexdigest() == content.decode()


def test_sealed_entries_have_positions_without_gaps_and_the_chain_is_proved_from_zero(sealed_ledger: Ledger) -> None:
    a_life(sealed_ledger)
    before = verified(sealed_ledger)
    count = seal(sealed_ledger)
    assert seal(sealed_ledger) == 0

    report = verified(sealed_ledger)

    assert (before.finding, before.sealed, before.unsealed) == (None, 0, count)
    assert (report.finding, report.sealed - report.bound, report.unsealed, report.oldest_unsealed) == (None, count, 0, None)
    assert report.bound == report.accounts > 10, "the chain says of every account whose it is"
    assert report.chain_hash != chain.GENESIS


def test_an_entry_that_commits_late_gets_a_later_position(sealed_ledger: Ledger) -> None:
    ledger = sealed_ledger
    late, early = ledger.connect(), ledger.connect()
    first = store.post(late, hold(ledger.sante, REGION, {"cores": 1}, "R-1"), actor=AGENT, cause=REQUEST)
    second = store.post(early, hold(ledger.justice, REGION, {"cores": 1}, "R-2"), actor=AGENT, cause=REQUEST)
    early.commit()
    assert first.entries < second.entries

    for _ in range(3):  # the mark may move while the late transaction is open, but not past it
        seal(ledger)
    assert verified(ledger).unsealed == 0
    late.commit()

    reader = ledger.connect(READER)
    assert proof.unsealed(reader).oldest_recorded_at == first.recorded_at
    assert seal(ledger) == 1
    reader.rollback()
    assert proof.unsealed(reader).oldest_recorded_at is None
    report = verified(ledger)
    assert (report.finding, report.unsealed) == (None, 0)
    order = reader.execute(text("SELECT entry_id FROM quotas.seal WHERE entry_id > 0 ORDER BY position DESC LIMIT 2")).scalars().all()
    assert list(order) == [first.entries[0], second.entries[0]]


def test_the_sealers_mark_follows_so_that_it_looks_through_little(sealed_ledger: Ledger) -> None:
    ledger = sealed_ledger
    for number in range(3):
        ledger.hold({"cores": 1}, f"R-{number}")
        seal(ledger)
    seal(ledger)
    seal(ledger)
    below, newest = ledger.connection.execute(text("SELECT below, (SELECT max(id) FROM quotas.entry) FROM quotas.sealed")).one()
    assert below == newest


def test_a_sealer_killed_at_work_leaves_a_chain_that_the_next_one_continues(sealed_ledger: Ledger) -> None:
    ledger = sealed_ledger
    seal(ledger)
    before = verified(ledger)
    ledger.hold({"cores": 1}, "R-1")
    script = (
        f"import psycopg, time\nc = psycopg.connect({ledger.dsn(SEALER)!r})\nc.execute('SELECT quotas.seal()')\nprint(1, flush=True)\ntime.sleep(60)"
    )
    sealer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert sealer.stdout is not None
    sealer.stdout.readline()
    sealer.send_signal(signal.SIGKILL)
    sealer.wait(20)
    sealer.stdout.close()

    assert seal(ledger) == 1
    report = verified(ledger)
    assert (report.finding, report.unsealed, report.sealed - report.bound) == (None, 0, before.sealed - before.bound + 1)


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        ("UPDATE quotas.entry SET amount = amount + 1 WHERE id = 3", "content"),
        ("UPDATE quotas.entry SET amount = amount + 1, content_hash = sha256('x') WHERE id = 3", "content"),
        ("UPDATE quotas.entry SET actor_name = 'personne' WHERE id = 2", "content"),
        ("UPDATE quotas.entry SET content_hash = (SELECT content_hash FROM quotas.entry WHERE id = 1) WHERE id = 2", "content"),
        ("DELETE FROM quotas.entry WHERE id = 4", "missing"),
        ("DELETE FROM quotas.entry WHERE id = 4; DELETE FROM quotas.seal WHERE entry_id = 4", "position"),
        ("UPDATE quotas.seal SET chain_hash = sha256('x') WHERE entry_id = 5", "chain"),
        ("UPDATE quotas.account SET balance = balance + 1 WHERE id = 2", "balance"),
        (
            "UPDATE quotas.account a SET holder_id = j.id FROM quotas.holder s, quotas.holder j WHERE s.code = 'min-sante' AND j.code = 'min-justice'"
            " AND (a.holder_id, a.resource, a.place) = (s.id, 'gigabytes', 'available')",
            "account",
        ),
        ("UPDATE quotas.account SET place = 'held' WHERE id = 2", "account"),
        ("UPDATE quotas.account SET holder_kind = 'world' WHERE id = (SELECT max(id) FROM quotas.account)", "account"),
        ("UPDATE quotas.holder SET code = 'min-autre' WHERE code = 'min-sante'", "account"),
        ("DELETE FROM quotas.account WHERE id = 2", "account"),
        ("DELETE FROM quotas.hold WHERE reference = 'R-2026-0044'", "balance"),
        ("UPDATE quotas.hold SET amount = amount + 1 WHERE reference = 'R-2026-0044'", "balance"),
        ("UPDATE quotas.hold SET reference = 'R-2026-0001' WHERE reference = 'R-2026-0044'", "balance"),
        ("UPDATE quotas.hold SET state = 'open' WHERE reference = 'R-2026-0042' AND resource = 'cores'", "balance"),
        ("DELETE FROM quotas.seal WHERE position = :last", "cut"),
    ],
)
def test_what_a_superuser_changes_is_named(sealed_ledger: Ledger, attack: str, code: str) -> None:
    """With the triggers off; the last one, a cut tail of the chain, only a kept checkpoint tells from entries that wait for their seal."""
    ledger = sealed_ledger
    a_life(ledger)
    ledger.hold({"cores": 3}, "R-2026-0044")
    seal(ledger)
    kept = proof.head(ledger.connect(READER), NOW)
    assert kept is not None
    superuser = ledger.connect("postgres")
    for table in ("entry", "seal", "account", "holder", "hold"):
        superuser.execute(text(f"ALTER TABLE quotas.{table} DISABLE TRIGGER USER"))
    for statement in attack.split("; "):
        assert superuser.execute(text(statement), {"last": kept.position} if ":last" in statement else {}).rowcount == 1
    report = chain.verify(list(proof.export(superuser, NOW)), [kept])
    unkept = chain.verify(list(proof.export(superuser, NOW)))
    superuser.rollback()  # the ledger is left whole
    assert report.finding is not None
    assert report.finding.code == code
    assert unkept.finding == (None if code == "cut" else report.finding)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM quotas.entry", "SELECT * FROM quotas.seal", "INSERT INTO quotas.seal VALUES (1, 1, sha256('x'), now())",
        "SELECT nextval('quotas.entry_number')", "UPDATE quotas.sealed SET below = 10", "SET ROLE dcctl_owner",
        "SELECT quotas.post('[]', '{}', '{}')", "SELECT quotas.open_holder('administration', 'x', 2)", "SELECT quotas.keep_holds('R-1', NULL)",
        "SELECT quotas.record_checkpoint(1, sha256('x'), now(), sha256('x'), sha256('x'))", "DROP FUNCTION quotas.seal()",
    ],
)  # fmt: skip
def test_the_sealers_role_seals_and_can_do_nothing_else(sealed_ledger: Ledger, statement: str) -> None:
    with sealed_ledger.connect(SEALER) as sealer, pytest.raises(DBAPIError, match=r"permission denied|must be owner|must be able to SET ROLE"):
        sealer.execute(text(statement))


@pytest.mark.parametrize("role", [APPLICATION, READER])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT quotas.seal()", "INSERT INTO quotas.seal VALUES (1, 1, sha256('x'), now())", "DELETE FROM quotas.seal",
        "TRUNCATE quotas.seal CASCADE",
        "UPDATE quotas.sealed SET below = 10 ^ 9", "DELETE FROM quotas.checkpoint", "UPDATE quotas.checkpoint SET signature = ''",
        "INSERT INTO quotas.checkpoint VALUES (1, sha256('x'), now(), sha256('x'), sha256('x'))", "SELECT nextval('quotas.entry_number')",
    ],
)  # fmt: skip
def test_nobody_else_seals_or_touches_seals_and_checkpoints(sealed_ledger: Ledger, statement: str, role: str) -> None:
    with sealed_ledger.connect(role) as connection, pytest.raises(DBAPIError, match="permission denied"):
        connection.execute(text(statement))


def test_a_checkpoint_is_recorded_where_the_chain_has_its_hash_and_never_changed(sealed_ledger: Ledger) -> None:
    ledger = sealed_ledger
    seal(ledger)
    auditor = ledger.connect(READER)
    made = proof.head(auditor, NOW)
    assert made is not None
    key, signature = b"k" * 32, b"s" * 64
    other = chain.Checkpoint(position=made.position, chain_hash=bytes(32), signed_at=made.signed_at)
    assert not proof.record(auditor, other, key, signature)
    assert proof.record(auditor, made, key, signature)
    auditor.commit()
    assert verified(ledger).checkpoints == [(made, key, signature)]
    with ledger.connect("dcctl_owner") as owner, pytest.raises(DBAPIError, match="refused"):
        owner.execute(text("UPDATE quotas.checkpoint SET position = 1"))
