"""What is carried out is what was approved: the digest is computed again from what stands in the request, and every approval named it."""

from typing import Any

from sqlmodel import Session, col, select

from dcctl.errors import DcctlError
from dcctl.store import Decision, Request
from dcctl.workflow.fingerprint import fingerprint


def require_approved(session: Session, request: Request) -> None:
    """Before anything is done for it: nothing of what the approvals bind has changed since.

    Raises:
        DcctlError: 203, it is not what they named, or nobody approved it.
    """
    found = _named(request, request.granted)
    of_round = (Decision.request == request.number, Decision.round == request.round, col(Decision.verdict) == "approve")
    made = session.exec(select(Decision.digest, Decision.granted).where(*of_round).order_by(col(Decision.id))).all()
    # Each approval names what was granted before it; the one that grants less is its own word for that, and the next ones name it.
    present: dict[str, Any] | None = None
    for digest, granted in made:
        if digest != _named(request, present):
            raise DcctlError("DCCTL-203", number=request.number, given=digest, digest=found)
        present = dict(granted) if granted is not None else present
    if not made or present != request.granted or request.digest != found:
        raise DcctlError("DCCTL-203", number=request.number, given=request.digest, digest=found)


def _named(request: Request, granted: dict[str, Any] | None) -> str:
    """The digest of the request where so much was granted."""
    return fingerprint(request, request.resolved, request.plan, request.steps, granted=granted)
