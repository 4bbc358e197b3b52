"""Rows as the exporter finds them in the database, in short."""

from datetime import UTC, datetime

from metrics.facts import LedgerFact, LimitFact, ObservationFact

READ_AT = datetime.fromtimestamp(1780000000, UTC)
TAKEN_AT = datetime.fromtimestamp(1780000015, UTC)


def observed(project: str, service: str, resource: str, usage: int | None, quota: int | None = None) -> ObservationFact:
    return ObservationFact(
        project_id=project, region="cotonou", service_type=service, resource=resource, usage=usage, backend_quota=quota, quota_at=READ_AT
    )


def ledger(holder: str, resource: str, available: int = 0, held: int = 0, allocated: int = 0, granted: int = 0) -> LedgerFact:
    return LedgerFact(holder=holder, region="cotonou", resource=resource, available=available, held=held, allocated=allocated, granted=granted)


def limit(project: str, service: str, key: str, value: int | None, read_at: datetime = READ_AT) -> LimitFact:
    return LimitFact(project_id=project, service_type=service, key=key, value=value, read_at=read_at)
