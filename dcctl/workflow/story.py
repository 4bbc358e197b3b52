"""The whole story of a request, in order: who did what, when, why, on which evidence, and what it did to the ledger."""

from datetime import UTC
from typing import Any

from sqlmodel import Session, col, select

from dcctl.store import Decision, Event, Request
from dcctl.workflow import feed
from quotas import store as accounts

#: What the engine tells of each thing is the operation's story.
LEFT_OUT = ("resource", "step")
#: Only the newest of these are told.
COMMENT = "commented"


def of(session: Session, request: Request) -> list[dict[str, Any]]:
    """Everything that happened to it, the oldest first (of comments the newest 500); a decision with its evidence, postings with their entries."""
    # What was decided and done is bounded by what may be done; what is said is not, and must not hide it.
    of_it = select(Event).where(Event.request == request.number)
    said = of_it.where(Event.kind == COMMENT).order_by(col(Event.id).desc()).limit(feed.PAGE)
    done = of_it.where(col(Event.kind).not_in((*LEFT_OUT, COMMENT)))
    events = sorted((*session.exec(said).all(), *session.exec(done).all()), key=lambda event: event.id or 0)
    decisions = list(session.exec(select(Decision).where(Decision.request == request.number).order_by(col(Decision.id))).all())
    told: list[tuple[Any, int, dict[str, Any]]] = []
    for event in events:
        told.append((event.at.astimezone(UTC), 0, {"kind": event.kind, **_with_decision(event, decisions)}))
    granted = [entry for _, _, line in told if line["kind"] == "granted" for entry in line.get("entries", ())]
    holder = accounts.find_holder(session, f"{request.administration}/{request.environment}") if request.environment else None
    for entry in accounts.of_reference(session, request.number, holder, granted):
        line = {
            "kind": "ledger", "what": str(entry.kind), "entry": entry.id, "amount": entry.amount, "resource": entry.resource,
            "source": f"{entry.source}.{entry.source_place}", "target": f"{entry.target}.{entry.target_place}", "user": entry.actor.user_name,
        }  # fmt: skip
        told.append((entry.recorded_at.astimezone(UTC), 1, line))
    told.sort(key=lambda one: (one[0], one[1]))
    return [{"at": at.isoformat(), **line} for at, _, line in told]


def _with_decision(event: Event, decisions: list[Decision]) -> dict[str, Any]:
    """What the event tells; of a decision also the role in which it was made, the policy's version and the evidence."""
    told = {key: value for key, value in event.document.items() if value is not None}
    if event.kind not in ("approved", "refused", "returned"):
        return told
    made = next((one for one in decisions if one.actor.get("user") == told.get("user") and one.digest == (told.get("digest") or "")), None)
    if made is None:
        return told
    decisions.remove(made)
    facts = {"evidence": made.evidence, "evidence_seen": made.evidence_seen}
    return told | {"role": made.role, "policy": made.policy, "emergency": made.emergency} | facts
