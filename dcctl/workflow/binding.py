"""What is carried out is what was approved: the digest is computed again from what stands in the request, and every approval named it."""

from sqlmodel import Session, col, select

from dcctl.errors import DcctlError
from dcctl.store import Decision, Request
from dcctl.workflow.fingerprint import fingerprint


def require_approved(session: Session, request: Request) -> None:
    """Before anything is done for it: nothing of what the approvals bind has changed since.

    Raises:
        DcctlError: 203, it is not what they named, or nobody approved it.
    """
    found = fingerprint(request, request.resolved, request.plan, request.steps)
    of_round = (Decision.request == request.number, Decision.round == request.round, col(Decision.verdict) == "approve")
    named = set(session.exec(select(Decision.digest).where(*of_round)).all())
    if named != {found} or request.digest != found:
        raise DcctlError("DCCTL-203", number=request.number, given=request.digest, digest=found)
