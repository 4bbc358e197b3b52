"""The worker's sealer as it is shipped: what is committed is in the chain at its next look, twice a second, without anybody asking."""

import time

from dcctl.config import Database, Worker
from dcctl.workflow.app import App
from dcctl.workflow.sealing import Sealer
from quotas import store
from quotas.ledger import POOL, Actor, Cause, CauseKind, grant
from tests import postgres
from tests.integration.workflow.conftest import BOOTSTRAP

ACT = Cause(kind=CauseKind.ACT, reference="A-2026-0042", document="Arrêté 2026-12")
#: Entries, and the pause between them: they come at every phase of the sealer's pace.
ENTRIES, PAUSE = 7, 0.17


def granted(app: App, actor: Actor = BOOTSTRAP) -> int:
    """One entry more; its id."""
    with app.transaction() as session:
        sante = store.find_holder(session, "min-sante")
        assert sante is not None
        (entry,) = store.post(session.connection(), grant(POOL, sante, "cotonou", {"cores": 1}), actor=actor, cause=ACT).entries
    return entry


def test_whatever_is_committed_is_in_the_chain_without_anybody_asking(app: App, database: str) -> None:
    url = postgres.alchemy(database).replace(postgres.OWNER, "dcctl_sealer")
    shipped = Worker()
    assert shipped.seal_seconds <= 0.5, "a look and what it takes are within a second"
    sealer = Sealer(app.settings.model_copy(update={"database": Database(sealer=url), "worker": shipped}))
    sealer.start()
    try:
        with app.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for _ in range(ENTRIES):
                entry, committed = granted(app), time.monotonic()
                while connection.exec_driver_sql(f"SELECT count(*) FROM quotas.seal WHERE entry_id = {entry}").scalar_one() == 0:
                    assert time.monotonic() - committed < 60, "it is not sealed at all"
                    time.sleep(0.02)
                time.sleep(PAUSE)
    finally:
        sealer.ending.set()
        sealer.join(60)
    assert not sealer.is_alive()
