"""What the database of a small datacenter holds: two ministries, an agency beside them, three projects."""

from datetime import UTC, datetime

import pytest

from metrics.facts import CapacityFact, EnvironmentFact, Facts
from tests.unit.metrics.rows import READ_AT, TAKEN_AT, ledger, limit, observed


@pytest.fixture
def facts() -> Facts:
    """min-sante has an environment (project 0f, 24 cores), and project 0a beside dcctl in its domain; project 99 is nobody's."""
    return Facts(
        taken_at=TAKEN_AT,
        region="cotonou",
        administrations={"min-sante": "d-sante", "min-justice": "d-justice", "cnhu": "d-cnhu"},
        environments=(EnvironmentFact(administration="min-sante", holder="min-sante/dossier-patient", project_id="0f"),),
        domains={"0f": "d-sante", "0a": "d-sante", "99": "d-asin"},
        holders=(
            ledger("min-sante", "cores", available=100, held=4, allocated=24, granted=128),
            ledger("min-sante/dossier-patient", "cores", allocated=24, granted=24),
            ledger("cnhu", "gigabytes_ssd", available=50, granted=50),
        ),
        capacity=(CapacityFact(region="cotonou", resource="cores", capacity=1024, granted=512),),
        observations=(
            observed("0f", "compute", "cores", 9),
            observed("0a", "compute", "cores", 2),
            observed("99", "compute", "cores", 64),
            observed("0f", "network", "networks", 1, quota=2),
            observed("0a", "network", "networks", 0, quota=-1),
        ),
        limits=(limit("0f", "compute", "cores", 24), limit("0f", "compute", "instances", None)),
        requests={("min-sante", "in_review", "environment"): 2, ("cnhu", "fulfilled", "envelope"): 1},
        sources={"compute": READ_AT},
        calls={("worker", "compute", "GET", "ok"): 1200, ("worker", "compute", "PUT", "refused"): 3},
        discrepancies={("limit_mismatch", "open"): 1},
        sealed_position=1042,
        unsealed_since=datetime.fromtimestamp(1780000014.5, UTC),
    )
