"""The states of requests, environments and operations, and what leads from one to another.

This module is pure. The three tables are the documentation; anything that is not in them is refused with the list of what is possible.
"""

from collections.abc import Mapping
from enum import StrEnum

from dcctl.errors import DcctlError


class RequestState(StrEnum):
    """Where a request is."""

    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    RETURNED = "returned"
    PROPOSED = "proposed"
    """Less than was asked was approved, and the requester says yes or no."""
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    FULFILLING = "fulfilling"
    FULFILLED = "fulfilled"
    FAILED = "failed"
    ABANDONED = "abandoned"


class EnvironmentState(StrEnum):
    """Where an environment is."""

    PROVISIONING = "provisioning"
    ACTIVE = "active"
    WARNING = "warning"
    STOPPED = "stopped"
    FAILED = "failed"
    DECOMMISSIONING = "decommissioning"
    DECOMMISSIONED = "decommissioned"


class OperationState(StrEnum):
    """Where one run of the provisioner is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Kind(StrEnum):
    """What a request asks for."""

    ENVIRONMENT = "environment"
    CHANGE = "change"
    EXTENSION = "extension"
    REPAIR = "repair"
    ENVELOPE = "envelope"
    DECOMMISSION = "decommission"


#: Kinds that work on an environment that exists and lead through the engine to another form of it, or back to its own.
ALTERING = frozenset({Kind.CHANGE, Kind.REPAIR})

R, E, O = RequestState, EnvironmentState, OperationState  # noqa: E741 - three letters keep the tables readable

#: (state, action) -> next state.
REQUEST: Mapping[tuple[RequestState, str], RequestState] = {
    (R.SUBMITTED, "review"): R.IN_REVIEW,
    (R.SUBMITTED, "fail"): R.FAILED,
    (R.SUBMITTED, "withdraw"): R.WITHDRAWN,
    (R.SUBMITTED, "lapse"): R.LAPSED,
    (R.IN_REVIEW, "approve"): R.APPROVED,
    (R.IN_REVIEW, "refuse"): R.REFUSED,
    (R.IN_REVIEW, "return"): R.RETURNED,
    (R.IN_REVIEW, "propose"): R.PROPOSED,
    (R.IN_REVIEW, "evidence"): R.SUBMITTED,  # the engine's preview, made anew, is another one: it is examined as a new round
    (R.IN_REVIEW, "withdraw"): R.WITHDRAWN,
    (R.IN_REVIEW, "lapse"): R.LAPSED,
    (R.RETURNED, "submit"): R.SUBMITTED,
    (R.RETURNED, "withdraw"): R.WITHDRAWN,
    (R.RETURNED, "lapse"): R.LAPSED,
    (R.PROPOSED, "accept"): R.APPROVED,
    (R.PROPOSED, "withdraw"): R.WITHDRAWN,
    (R.PROPOSED, "lapse"): R.LAPSED,
    (R.APPROVED, "fulfil"): R.FULFILLING,
    (R.APPROVED, "withdraw"): R.WITHDRAWN,
    (R.FULFILLING, "succeed"): R.FULFILLED,
    (R.FULFILLING, "fail"): R.FAILED,
    (R.FAILED, "fulfil"): R.FULFILLING,
    (R.FAILED, "abandon"): R.ABANDONED,
    (R.FAILED, "withdraw"): R.WITHDRAWN,  # one that failed when it was examined; with an operation it is abandoned
}

ENVIRONMENT: Mapping[tuple[EnvironmentState, str], EnvironmentState] = {
    (E.PROVISIONING, "activate"): E.ACTIVE,
    (E.PROVISIONING, "fail"): E.FAILED,
    (E.FAILED, "provision"): E.PROVISIONING,
    (E.ACTIVE, "warn"): E.WARNING,
    (E.WARNING, "stop"): E.STOPPED,
    (E.WARNING, "renew"): E.ACTIVE,
    (E.STOPPED, "renew"): E.ACTIVE,
    (E.ACTIVE, "decommission"): E.DECOMMISSIONING,
    (E.WARNING, "decommission"): E.DECOMMISSIONING,
    (E.STOPPED, "decommission"): E.DECOMMISSIONING,
    (E.FAILED, "decommission"): E.DECOMMISSIONING,
    (E.DECOMMISSIONING, "decommission"): E.DECOMMISSIONING,
    (E.DECOMMISSIONING, "end"): E.DECOMMISSIONED,
}

OPERATION: Mapping[tuple[OperationState, str], OperationState] = {
    (O.QUEUED, "run"): O.RUNNING,
    (O.QUEUED, "cancel"): O.CANCELLED,
    (O.RUNNING, "requeue"): O.QUEUED,
    (O.RUNNING, "succeed"): O.SUCCEEDED,
    (O.RUNNING, "fail"): O.FAILED,
    (O.RUNNING, "cancel"): O.CANCELLED,
    (O.FAILED, "retry"): O.QUEUED,
    (O.CANCELLED, "retry"): O.QUEUED,
}


def possible(state: StrEnum) -> list[str]:
    """What can be done from `state`, in the order of its table."""
    table: Mapping[tuple[StrEnum, str], StrEnum] = _TABLES[type(state)]
    return [action for (of, action) in table if of == state]


def request_after(number: str, state: RequestState, action: str) -> RequestState:
    """The state after `action`; DCCTL-301 with what is possible when it is not."""
    try:
        return REQUEST[state, action]
    except KeyError:
        raise DcctlError("DCCTL-301", number=number, state=str(state), action=action, possible=possible(state)) from None


def environment_after(name: str, state: EnvironmentState, action: str) -> EnvironmentState:
    """The state after `action`; DCCTL-305 with what is possible when it is not."""
    try:
        return ENVIRONMENT[state, action]
    except KeyError:
        raise DcctlError("DCCTL-305", name=name, state=str(state), action=action, possible=possible(state)) from None


def operation_after(identifier: str, state: OperationState, action: str) -> OperationState:
    """The state after `action`; DCCTL-305 with what is possible when it is not."""
    try:
        return OPERATION[state, action]
    except KeyError:
        raise DcctlError("DCCTL-305", name=identifier, state=str(state), action=action, possible=possible(state)) from None


_TABLES: dict[type[StrEnum], Mapping[tuple[StrEnum, str], StrEnum]] = {
    RequestState: REQUEST,  # type: ignore[dict-item]
    EnvironmentState: ENVIRONMENT,  # type: ignore[dict-item]
    OperationState: OPERATION,  # type: ignore[dict-item]
}

#: Requests whose hold the clock may end.
EXPIRING = frozenset({R.SUBMITTED, R.IN_REVIEW, R.RETURNED, R.PROPOSED})
#: Requests about which nothing more will happen by itself.
ENDED = frozenset({R.REFUSED, R.WITHDRAWN, R.LAPSED, R.FULFILLED, R.ABANDONED})
