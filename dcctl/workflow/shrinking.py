"""Changes that failed because use stands against a limit that they lower: what they want is a difference, and they are taken up again by themselves.

A tenant's extra server is enough: the change is carried out but for its last step, the ledger still has what was to be freed, and the limits with it.
"""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from dcctl import alterations, sizing
from dcctl.lifecycle import ALTERING, EnvironmentState, OperationState, RequestState
from dcctl.store import Environment, Operation, Request
from dcctl.workflow import operations, regions
from dcctl.workflow.app import App
from dcctl.workflow.holding import ITSELF
from quotas.resources import Demand
from stacks.specs import parse

#: What is written in the error of a write (`fulfilment.apply_limits`).
_BLOCKED = "blocked_by_usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An operation that failed, and what it wants its environment to have."""

    operation: str
    demand: Demand

    def lower(self, allocated: Demand) -> Demand:
        """The limits that are to fall, with what they are to fall to."""
        return {resource: self.demand.get(resource, 0) for resource in alterations.shrinkage(allocated, self.demand)}


def waiting(session: Session) -> dict[int, Waiting]:
    """What waits for use to fall, by the environment's id."""
    query = (
        select(Operation, Request, Environment)
        .join(Request, col(Request.number) == Operation.request)
        .join(Environment, col(Environment.id) == Request.environment_id)
        .where(col(Request.kind).in_(ALTERING), Request.state == RequestState.FAILED, Environment.state != EnvironmentState.DECOMMISSIONED)
        .order_by(col(Operation.created_at))
    )
    newest = {environment.id or 0: (operation, request, environment) for operation, request, environment in session.exec(query).all()}
    return {
        identifier: Waiting(operation=operation.id, demand=sizing.demand(parse(environment.spec if operation.kind == "undo" else request.spec)))
        for identifier, (operation, request, environment) in newest.items()
        if operation.state == OperationState.FAILED and _blocked(operation)
    }


def _blocked(operation: Operation) -> bool:
    error = operation.error or {}
    return error.get("code") == "DCCTL-403" and any(_BLOCKED in str(said) for said in error["params"].get("results") or ())


def take_up(app: App, identifier: str) -> bool:
    """Queue it again, as a person's retry would; False where it does not wait any more."""
    with app.transaction() as session:
        number = session.get_one(Operation, identifier).request
        request = session.get_one(Request, number, with_for_update=True, populate_existing=True)
        operation = session.get_one(Operation, identifier, with_for_update=True, populate_existing=True)
        if request.state != RequestState.FAILED or operation.state != OperationState.FAILED or regions.observes(app, session):
            return False
        operations.again(app, session, operation, request, ITSELF.user_name)
        return True
