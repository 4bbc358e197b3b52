"""A database with something in every table that is exported."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlmodel import Session

from dcctl.store import (
    Act,
    ActDecision,
    Administration,
    Decision,
    Discrepancy,
    Environment,
    LedgerProof,
    Letter,
    Operation,
    ProjectLimit,
    Request,
    add_requests,
)
from metrics import store
from quotas import ledger, proof
from quotas import store as accounts
from quotas.ledger import Actor, Cause, CauseKind, HolderKind
from tests.integration.metrics.site import NINE, REGION, Site, projects, reading

OPERATOR = Actor(user_id="u-operator", user_name="operator", scope="project:asin/exploitation")
ACT = Cause(kind=CauseKind.ACT, reference="A-2026-0001", document="arrêté 12/2026")
ASKED = Cause(kind=CauseKind.REQUEST, reference="R-2026-0042")


@pytest.fixture
def known(site: Site) -> Site:
    """1,024 cores; 512 of them granted to min-sante, which passed 64 on to cnhu, allocated 24 to dossier-patient and holds 4 for a request."""
    with Session(site.owner) as session:
        for code, parent in (("min-sante", None), ("min-justice", None), ("cnhu", "min-sante")):
            session.add(Administration(code=code, name=code, parent=parent, domain_id=f"d-{code}"))
            session.flush()
        session.add_all(
            [
                Environment(administration="min-sante", name="dossier-patient", state="active", project_id="0f", offer="standard", offer_version=1,
                            request="R-2026-0042", expires_at=NINE + timedelta(days=90)),
                Environment(administration="min-sante", name="portail", state="decommissioned", project_id="0d", offer="standard", offer_version=1,
                            request="R-2026-0007"),
                ProjectLimit(project_id="0f", service_type="compute", key="cores", wanted=24, value=24, state="in_sync", read_at=NINE),
                ProjectLimit(project_id="0f", service_type="network", key="network", wanted=2, value=2, state="in_sync", read_at=NINE),
                ProjectLimit(project_id="0f", service_type="network", key="floatingip", wanted=1, value=-1, state="ineffective", read_at=NINE),
            ]
        )  # fmt: skip
        for number, state, kind in (("R-2026-0042", "fulfilled", "environment"), ("R-2026-0043", "in_review", "environment"),
                                    ("R-2026-0044", "in_review", "environment"), ("R-2026-0045", "refused", "decommission")):  # fmt: skip
            session.add(Request(number=number, kind=kind, state="in_review" if state == "fulfilled" else state, administration="min-sante",
                                environment=f"env-{number[-2:]}", requester_id="u", digest="d", created_at=NINE, updated_at=NINE,
                                needs=[{"role": "dc_lead", "administration": "min-sante"}]))  # fmt: skip
        session.flush()
        session.add(Decision(request="R-2026-0042", verdict="approve", digest="d", reason="conforme", user_id="lead", role="dc_lead",
                             actor={"user_id": "lead", "user": "sante-lead", "roles": ["dc_lead"]}, administration="min-sante",
                             decided_at=NINE))  # fmt: skip
        acts = (("A-2026-0001", "declare", None, False), ("A-2026-0002", "grant", "min-sante", True), ("A-2026-0003", "revoke", "min-sante", True),
                ("A-2026-0004", "grant", "min-sante", True))  # fmt: skip
        session.add_all(Act(number=number, kind=kind, administration=code, reason="arrêté 12/2026", waits=waits, digest="d", actor={"user_id": "u"},
                            over={"cores": {"asked": 600, "allowed": 500}} if waits else {})
                        for number, kind, code, waits in acts)  # fmt: skip
        session.flush()
        session.add_all(ActDecision(act=number, verdict=verdict, digest="d", reason="vu", user_id="u-2", actor={"user_id": "u-2"}, decided_at=NINE)
                        for number, verdict in (("A-2026-0002", "approve"), ("A-2026-0003", "refuse")))  # fmt: skip
        session.flush()
        session.get_one(Request, "R-2026-0042").state = "fulfilled"
        session.add(Operation(id="O-2026-0042-1", kind="fulfil", state="succeeded", request="R-2026-0042", administration="min-sante",
                              environment="dossier-patient"))  # fmt: skip
        session.add(Operation(id="O-2026-0045-1", kind="decommission", state="queued", request="R-2026-0045", administration="min-sante",
                              environment="portail", created_at=NINE))  # fmt: skip
        world, pool = accounts.find_holder(session, "world"), accounts.find_holder(session, "pool")
        assert world is not None
        assert pool is not None
        sante = accounts.open_holder(session, HolderKind.ADMINISTRATION, "min-sante", pool)
        accounts.open_holder(session, HolderKind.ADMINISTRATION, "min-justice", pool)
        cnhu = accounts.open_holder(session, HolderKind.ADMINISTRATION, "cnhu", sante)
        patients = accounts.open_holder(session, HolderKind.ENVIRONMENT, "dossier-patient", sante)
        for moves, cause in (
            (ledger.declare(world, pool, REGION, {"cores": 1024, "gigabytes_ssd": 100}), ACT),
            (ledger.grant(pool, sante, REGION, {"cores": 512}), ACT),
            (ledger.grant(sante, cnhu, REGION, {"cores": 64}), ACT),
            (ledger.hold(sante, REGION, {"cores": 24}, "R-2026-0042"), ASKED),
            (ledger.allocate(sante, patients, REGION, {"cores": 24}, "R-2026-0042"), ASKED),
            (ledger.hold(sante, REGION, {"cores": 4}, "R-2026-0043"), ASKED),
        ):
            accounts.post(session, moves, actor=OPERATOR, cause=cause)
        session.add(Discrepancy(region=REGION, name="orphan_project", subject="0a", item="", administration="min-sante"))
        session.add_all([
            Letter(message_id=f"<{number}@dcctl>", administration="min-sante", address="secretariat@sante.gouv.bj", lang="fr", occasion="received",
                   state=state, created_at=NINE - timedelta(hours=number))
            for number, state in enumerate(("waiting", "waiting", "sent", "given_up"))
        ])  # fmt: skip
        session.execute(text("SELECT audit.record('request:submit', 'success', 'id', 'sante-agent', 'none', 'api', NULL, NULL, NULL, NULL, '{}')"))
        proof.seal(session)
        session.execute(text("SELECT audit.seal()"))
        session.execute(text("SELECT audit.record('request:withdraw', 'success', 'id', 'sante-agent', 'none', 'api', NULL, NULL, NULL, NULL, '{}')"))
        session.add(LedgerProof(position=1, chain_hash=bytes(32), checked_at=NINE))
        session.commit()
    with site.collecting() as database:
        found = projects(NINE, "0f", "0a")
        store.write_projects(database, "keystone", found)
        store.write_reading(database, "compute", REGION, reading(NINE, {("0f", "cores"): 9, ("0a", "cores"): 2}))
        add_requests(database, "collector", {("compute", "GET", "ok"): 1})
        store.write_duration(database, "compute", 1.25)
        store.add_calls(database, {("compute", 200): 3, ("network", 0): 1})
    return site
