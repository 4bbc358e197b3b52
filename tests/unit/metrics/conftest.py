"""What the database of a small datacenter holds: two ministries, an agency beside them, three projects."""

from datetime import UTC, datetime

import pytest

from metrics.facts import About, CapacityFact, ChainFact, EnvironmentFact, Facts, ProofFact, SourceFact
from tests.unit.metrics.rows import READ_AT, TAKEN_AT, ledger, limit, observed


@pytest.fixture
def facts() -> Facts:
    """min-sante has an environment (project 0f, 24 cores), and project 0a beside dcctl in its domain; project 99 is nobody's."""
    return Facts(
        taken_at=TAKEN_AT,
        region="cotonou",
        administrations={"min-sante": "d-sante", "min-justice": "d-justice", "cnhu": "d-cnhu"},
        environments=(EnvironmentFact(administration="min-sante", holder="min-sante/dossier-patient", project_id="0f",
                                      expires_at=datetime.fromtimestamp(1790000000, UTC)),),
        domains={"0f": "d-sante", "0a": "d-sante", "99": "d-asin"},
        holders=(
            ledger("min-sante", "cores", available=100, held=4, allocated=24, granted=128),
            ledger("min-sante/dossier-patient", "cores", allocated=24, granted=24),
            ledger("cnhu", "gigabytes_ssd", available=50, granted=50),
        ),
        capacity=(CapacityFact(region="cotonou", resource="cores", capacity=1024, granted=512, available=508, held=4),),
        observations=(
            observed("0f", "compute", "cores", 9),
            observed("0a", "compute", "cores", 2),
            observed("99", "compute", "cores", 64),
            observed("0f", "network", "networks", 1, quota=2),
            observed("0a", "network", "networks", 0, quota=-1),
        ),
        limits=(limit("0f", "compute", "cores", 24), limit("0f", "compute", "instances", None)),
        requests={("min-sante", "in_review", "environment"): 2, ("cnhu", "fulfilled", "envelope"): 1},
        sources={"keystone": READ_AT, "compute": READ_AT},
        calls={("worker", "compute", "GET", "ok"): 1200, ("worker", "compute", "PUT", "refused"): 3},
        discrepancies={("limit_mismatch", "open"): 1},
        sealed_position=1042,
        sealed_at=datetime.fromtimestamp(1780000014, UTC),
        proof=ProofFact(position=1042, right=True, checked_at=READ_AT),
        about={"min-sante": About(name="Ministère de la Santé"), "min-justice": About(name="Ministère de la Justice"),
               "cnhu": About(name="Centre national hospitalier universitaire", parent="min-sante")},
        names={"0f": "min-sante-dossier-patient", "0a": "essais", "99": "exploitation"},
        oldest={("min-sante", "in_review", "environment"): datetime.fromtimestamp(1779990000, UTC)},
        decisions={("min-sante", "environment", "approve"): 7},
        operations={("fulfil", "failed"): 1, ("fulfil", "succeeded"): 6},
        idle={("fulfil", "running"): datetime.fromtimestamp(1779999000, UTC)},
        limit_states={"in_sync": 24, "refused": 1},
        attempts={"compute": SourceFact(complete=True, seconds=1.25), "network": SourceFact(complete=False)},
        api_calls={("compute", 200): 1100, ("compute", 0): 2},
        unsealed_since=datetime.fromtimestamp(1780000014.5, UTC),
        trail=ChainFact(position=2042, sealed_at=datetime.fromtimestamp(1780000013, UTC), unsealed_since=datetime.fromtimestamp(1780000013.5, UTC)),
        letters={"waiting": 3, "sent": 812},
        letters_since={"waiting": datetime.fromtimestamp(1779998000, UTC), "sent": datetime.fromtimestamp(1700000000, UTC)},
    )  # fmt: skip
