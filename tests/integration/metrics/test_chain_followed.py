"""The worker follows the ledger's chain from where it was right last; what it found is exported."""

from datetime import datetime

import pytest
from sqlalchemy import text
from sqlmodel import Session

from dcctl.cli import proving
from dcctl.config import Database, Settings
from dcctl.errors import DcctlError
from dcctl.workflow import verifying
from dcctl.workflow.app import App
from metrics.facts import ProofFact
from quotas import ledger, proof
from quotas import store as accounts
from quotas.chain import Finding
from tests.integration.metrics.known import ACT, OPERATOR
from tests.integration.metrics.site import REGION, Site, as_role


@pytest.fixture
def app(known: Site):
    made = App(Settings(database=Database(application=as_role(known.dsn, "dcctl_app")), cloud={"region": REGION}))
    with Session(known.owner) as session:
        session.connection().execute(text("DELETE FROM ledger_proof"))
        session.commit()
    yield made
    made.close()


def declared(session: Session, cores: int) -> datetime:
    """When it was recorded."""
    world, pool = accounts.find_holder(session, "world"), accounts.find_holder(session, "pool")
    assert world is not None
    assert pool is not None
    posting = accounts.post(session, ledger.declare(world, pool, REGION, {"cores": cores}), actor=OPERATOR, cause=ACT)
    session.commit()
    return posting.recorded_at


def declared_and_sealed(site: Site, cores: int) -> int:
    """The position of what was declared."""
    with Session(site.owner) as session:
        declared(session, cores)
        proof.seal(session)
        proof.seal(session)
        session.commit()
        return proof.unsealed(session).position


def changed(site: Site, *statements: str) -> None:
    """As whoever has the database may."""
    with site.owner.begin() as owner:
        for statement in ("ALTER TABLE quotas.entry DISABLE TRIGGER USER", "ALTER TABLE quotas.seal DISABLE TRIGGER USER", *statements):
            owner.execute(text(statement))


def exported(site: Site) -> tuple[int, bool]:
    found = site.facts().proof
    assert isinstance(found, ProofFact)
    return found.position, found.right


def test_the_chain_is_followed_to_its_end_and_later_from_there(app: App, known: Site):
    assert known.facts().proof is None
    position = declared_and_sealed(known, 1)

    assert verifying.follow(app) is None
    assert exported(known) == (position, True)

    assert verifying.follow(app) is None
    assert declared_and_sealed(known, 2) == position + 1
    assert verifying.follow(app) is None
    assert exported(known) == (position + 1, True)


def test_the_oldest_entry_outside_the_chain_is_told_with_the_time_at_which_it_was_recorded(known: Site):
    declared_and_sealed(known, 1)
    assert known.facts().unsealed_since is None

    with Session(known.owner) as session:
        first, second = declared(session, 2), declared(session, 3)

    assert known.facts().unsealed_since == first < second
    with Session(known.owner) as session:
        proof.seal(session)
        session.commit()
    assert known.facts().unsealed_since is None


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE quotas.entry SET amount = 9 WHERE id = (SELECT entry_id FROM quotas.seal ORDER BY position DESC LIMIT 1)", "content"),
        ("UPDATE quotas.seal SET chain_hash = sha256('x') WHERE position = (SELECT max(position) FROM quotas.seal)", "chain"),
        ("DELETE FROM quotas.entry WHERE id = (SELECT entry_id FROM quotas.seal ORDER BY position DESC LIMIT 1)", "missing"),
    ],
)
def test_what_was_changed_after_that_is_found_and_stays_wrong(app: App, known: Site, statement: str, code: str):
    position = declared_and_sealed(known, 1)
    assert verifying.follow(app) is None
    declared_and_sealed(known, 2)
    changed(known, statement)

    for _twice in range(2):
        found = verifying.follow(app)
        assert isinstance(found, Finding)
        assert (found.code, found.position) == (code, position + 1)
        assert exported(known) == (position, False)


def test_a_chain_that_was_cut_off_or_written_anew_before_that_is_found(app: App, known: Site):
    position = declared_and_sealed(known, 1)
    assert verifying.follow(app) is None

    changed(known, f"UPDATE quotas.seal SET chain_hash = sha256('anew') WHERE position = {position}")
    assert verifying.follow(app) == Finding(code="chain", position=position)
    changed(known, f"DELETE FROM quotas.seal WHERE position = {position}")
    assert verifying.follow(app) == Finding(code="cut", position=position)
    assert exported(known) == (position, False)


def test_a_ledger_that_is_wrong_is_not_followed_again_whoever_wants_it(app: App, known: Site):
    position = declared_and_sealed(known, 1)
    assert verifying.follow(app) is None
    declared_and_sealed(known, 2)
    changed(known, "UPDATE quotas.entry SET amount = 9 WHERE id = (SELECT entry_id FROM quotas.seal ORDER BY position DESC LIMIT 1)")
    assert verifying.follow(app) is not None

    with pytest.raises(DcctlError, match="position") as refused:
        verifying.follow_again(app, "racine", "pour faire taire l'alerte", lambda report: proving.refuse(report, None))

    assert refused.value.code == "DCCTL-540"
    assert exported(known) == (position, False)
    with known.owner.connect() as owner:
        assert owner.execute(text("SELECT count(*) FROM ledger_acceptance")).scalar_one() == 0
