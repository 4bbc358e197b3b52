"""What every request begins with: a number and a row, a spec that is well formed, and faults as they travel."""

from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from dcctl.errors import SpecRefused
from dcctl.lifecycle import Kind, RequestState
from dcctl.store import REQUEST_NUMBER, Request
from dcctl.workflow.actor import Actor
from stacks.environment import EnvironmentSpec
from stacks.faults import Fault, SpecFaults
from stacks.specs import parse


def new(session: Session, actor: Actor, kind: Kind, administration: str, environment: str) -> Request:
    """A submitted request with the next number."""
    number = session.execute(REQUEST_NUMBER.next_value()).scalar_one()
    return Request(
        number=f"R-{datetime.now(UTC).year}-{number:04d}",
        kind=kind,
        state=RequestState.SUBMITTED,
        administration=administration,
        environment=environment,
        requester=actor.document(),
        requester_id=actor.user_id,
    )


def spec_of(document: Any) -> EnvironmentSpec:
    """The spec that a document is; SpecRefused with every fault."""
    try:
        return parse(document)
    except SpecFaults as refused:
        raise SpecRefused(map(fault_json, refused.faults)) from refused


def fault_json(fault: Fault) -> dict[str, Any]:
    """A fault or notice as it travels."""
    params = {name: list(value) if isinstance(value, tuple) else value for name, value in fault.params.items()}
    return {"path": list(fault.path), "code": fault.code, "params": params}
