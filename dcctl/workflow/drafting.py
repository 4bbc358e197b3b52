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

#: Of a request that is only tried (`Session.info`): it has no number, and leaves none missing.
TRIAL, TRIED = "trial", "R-0000-0000"


def new(actor: Actor, kind: Kind, administration: str, environment: str) -> Request:
    """A submitted request that has no number yet."""
    return Request(
        number="",
        kind=kind,
        state=RequestState.SUBMITTED,
        administration=administration,
        environment=environment,
        requester=actor.document(),
        requester_id=actor.user_id,
    )


def number(session: Session, request: Request) -> None:
    """Give it the next number, once it is known to be well asked."""
    if request.number:
        return
    if TRIAL in session.info:
        session.info[TRIAL] += 1
        request.number = f"{TRIED}-{session.info[TRIAL]}"
        return
    drawn = session.execute(REQUEST_NUMBER.next_value()).scalar_one()
    request.number = f"R-{datetime.now(UTC).year}-{drawn:04d}"


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
