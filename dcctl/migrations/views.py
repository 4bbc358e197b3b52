"""What exporter and auditor may read: views, each role's in a schema of its name. They have no right on any table. This module builds text.

A view runs with its owner's rights, so what it leaves out stays out of reach: of a request the exporter counts state and kind, and sees neither the
spec nor the people. Views hold nothing: each upgrade drops them first, so that no revision has to mind them, and makes them anew.
"""

from dcctl.store import AUDIT
from quotas.schema.sealing import LEDGER, Sealed
from quotas.store import ALL_BALANCES, CAPACITIES

EXPORTER, AUDITOR = "exporter", "auditor"

#: By view of the exporter, its columns of the table of that name.
MEASURED = {
    "environment": "administration, name, project_id, expires_at, state",
    "project_observation": "project_id, region, service_type, resource, usage, backend_quota, quota_at",
    "project_limit": "project_id, service_type, key, value, state, read_at",
    "request": "number, administration, state, kind, created_at",
    "decision": "request, verdict",
    "act": "number, administration, kind, waits",
    "act_decision": "act, verdict",
    "operation": "id, kind, state, created_at, started_at",
    "event": "operation, at",
    "source": "name, last_success_at, last_error IS NULL AND last_success_at IS NOT NULL AS complete, seconds",
    "ledger_proof": 'position, finding IS NULL AS "right", checked_at',
    "administration": "code, domain_id, name, parent",
    "observed_project": "project_id, domain_id, name",
    "openstack_requests": "process, service_type, method, outcome, total",
    "discrepancy": "name, state, region",
    "collect_calls": "service_type, code, total",
    "letter": "state, created_at",
}
#: The same of what is no table's.
COMPUTED = {
    "ledger_region": "SELECT DISTINCT region FROM quotas.account",
    "ledger_balance": ALL_BALANCES,
    "ledger_capacity": CAPACITIES,
    "ledger_seal": "SELECT position, sealed_at FROM quotas.seal",
    "ledger_unsealed": LEDGER.unsealed("recorded_at"),
    "audit_seal": "SELECT position, sealed_at FROM audit.seal",
    "audit_unsealed": AUDIT.unsealed("at"),
}
#: Tables that an auditor reads whole. Keys of calls, states of the engine, the queue, and addresses of people prove nothing.
AUDITED = (
    "administration", "offer", "policy", "catalogue_item", "environment", "request", "decision", "emergency_review", "act", "act_decision",
    "operation", "event", "certificate", "maintenance", "region_mode", "reconciliation", "discrepancy", "discrepancy_note", "project_limit",
    "ledger_proof", "ledger_acceptance", "project_observation", "observed_project", "source", "usage_hour", "usage_sum", "usage_coverage",
)  # fmt: skip
#: The two chains whole, as ``ledger_…`` and ``audit_…``.
CHAINS: dict[str, tuple[Sealed, tuple[str, ...]]] = {
    "ledger": (LEDGER, ("holder", "holder_edge", "account", "entry", "hold", "seal", "checkpoint")),
    "audit": (AUDIT, ("event", "seal", "checkpoint")),
}

DROP = [f"DROP SCHEMA IF EXISTS {schema} CASCADE" for schema in (EXPORTER, AUDITOR)]


def create() -> list[str]:
    """Statements that make both schemas; what they show is there already."""
    return [
        *(f"CREATE SCHEMA {schema}" for schema in (EXPORTER, AUDITOR)),
        *(f"CREATE VIEW {EXPORTER}.{name} AS SELECT {columns} FROM public.{name}" for name, columns in MEASURED.items()),
        *(f"CREATE VIEW {EXPORTER}.{name} AS {statement}" for name, statement in COMPUTED.items()),
        *(f"CREATE VIEW {AUDITOR}.{name} AS SELECT * FROM public.{name}" for name in AUDITED),
        *(f"CREATE VIEW {AUDITOR}.{chain}_{name} AS SELECT * FROM {of.schema}.{name}" for chain, (of, names) in CHAINS.items() for name in names),
    ]


def seal_of(sealed: Sealed) -> str:
    """The auditor's view of a chain's seals."""
    return f"{AUDITOR}.{next(chain for chain, (of, _) in CHAINS.items() if of is sealed)}_seal"


def grants(exporter: str, auditor: str) -> list[str]:
    """Both roles read their views and nothing else (names are quoted already); what an earlier release granted is taken back."""
    both = f"{exporter}, {auditor}"
    return [
        *(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {both}" for schema in ("public", "quotas", "audit")),
        *(f"REVOKE ALL ON SCHEMA {schema} FROM {both}" for schema in ("public", "quotas", "audit")),
        f"GRANT USAGE ON SCHEMA {EXPORTER} TO {exporter}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {EXPORTER} TO {exporter}",
        f"GRANT USAGE ON SCHEMA {AUDITOR}, quotas, audit TO {auditor}",  # the two chains' for what records a checkpoint
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {AUDITOR} TO {auditor}",
    ]
