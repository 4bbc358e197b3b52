"""Decisions that an operator made alone in an emergency: which are open, and the word of somebody else on each."""

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from dcctl.errors import DcctlError
from dcctl.lifecycle import RequestState, possible
from dcctl.schemas import ReviewIn
from dcctl.store import Decision, EmergencyReview, Request
from dcctl.workflow import feed, requests, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App

#: Open ones that a status names.
MOST = 50


def review(app: App, actor: Actor, number: str, body: ReviewIn) -> dict[str, Any]:
    """Say whether the decision was justified. What was decided stays; the word stays with it.

    Raises:
        DcctlError: 301 nothing is open, 204 by whoever asked, 608 by whoever decided.
    """
    try:
        with app.transaction() as session:
            request = requests.locked(session, actor, number)
            decision = session.exec(select(Decision).where(Decision.request == number, col(Decision.emergency))).first()
            if decision is None or session.get(EmergencyReview, number) is not None:
                raise _not_now(request)
            if actor.user_id == request.requester_id or actor.user_id in request.authors:
                raise DcctlError("DCCTL-204", noun="request", number=number)
            if actor.user_id == decision.user_id:
                raise DcctlError("DCCTL-608", number=number)
            verdict = "justified" if body.justified else "objected"
            session.add(EmergencyReview(request=number, verdict=verdict, reason=body.reason, user_id=actor.user_id, actor=actor.document()))
            feed.record(session, "emergency_reviewed", request=number, user=actor.user, verdict=verdict, reason=body.reason)
            session.flush()
            return requests.as_json(session, request)
    except IntegrityError as error:
        if "emergency_review_pkey" not in str(error.orig):
            raise
        raise DcctlError("DCCTL-301", number=number, state="–", action="review", possible=["show"]) from error


def _not_now(request: Request) -> DcctlError:
    can = possible(RequestState(request.state)) or ["show"]
    return DcctlError("DCCTL-301", number=request.number, state=request.state, action="review", possible=can)


def unreviewed(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """Those that the actor may see and nobody has reviewed, the oldest first."""
    query = (
        select(Decision, Request.administration, Request.environment)
        .join(Request, col(Request.number) == col(Decision.request))
        .outerjoin(EmergencyReview, col(EmergencyReview.request) == col(Decision.request))
        .where(col(Decision.emergency), col(EmergencyReview.request).is_(None), sight.visible(actor, col(Request.administration)))
        .order_by(col(Decision.id))
        .limit(MOST)
    )
    return [
        {
            "number": decision.request,
            "administration": administration,
            "environment": environment,
            "user": decision.actor.get("user"),
            "reason": decision.reason,
            "decided_at": decision.decided_at,
        }
        for decision, administration, environment in session.exec(query).all()
    ]
