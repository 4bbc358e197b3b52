"""Who am I, and how do things stand: read from the database alone, so that it answers when OpenStack does not."""

from collections import defaultdict
from typing import Any

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from dcctl.lifecycle import EnvironmentState, RequestState
from dcctl.schemas import API_VERSION
from dcctl.store import Administration, Environment, Request, Source
from dcctl.workflow import resting, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.catalogue import NOT_ZERO, said
from dcctl.workflow.emergencies import unreviewed
from dcctl.workflow.quota import item, observed, rows
from quotas import store as accounts
from quotas.ledger import HolderKind

#: Requests that wait for somebody to decide.
WAITING = (RequestState.SUBMITTED, RequestState.IN_REVIEW)
#: What `next` may say, and a client puts into words.
DECIDE, ASK, ENVELOPE, RETRY, DECLARE, GRANT, CREATE = "decide", "ask", "no_envelope", "retry", "declare_capacity", "grant", "create_administration"
#: Beyond it a status names administrations without their figures.
MOST = 50


def ready(app: App) -> None:
    """Return when the database answers; DCCTL-501 when it does not."""
    with app.reading() as session:
        session.connection().execute(text("SELECT 1"))


def whoami(app: App, actor: Actor) -> dict[str, Any]:
    """The actor, in words: `schemas.Whoami`."""
    with app.reading() as session:
        query = select(Administration.code).where(sight.visible(actor, col(Administration.code))).order_by(col(Administration.code))
        codes = session.exec(query).all()
    kind, _, name = actor.scope.partition(":")
    return {
        "apiVersion": API_VERSION,
        "user": actor.user,
        "user_id": actor.user_id,
        "domain": actor.domain,
        "scope": {"kind": kind, "name": name},
        "roles": sorted(actor.roles),
        "administrations": list(codes),
        "expires_at": actor.expires_at,
    }


def status(app: App, actor: Actor, administration: str | None = None) -> dict[str, Any]:
    """How things stand: envelope, requests that wait, environments by state, what to do next, and how old our figures are.

    Args:
        administration: left out: the actor's own; for operators and auditors all, the first `MOST` by code.
    """
    with app.reading() as session:
        if administration is not None:
            codes = [sight.require_visible(session, actor, administration).code]
        elif (own := sight.own(actor)) is not None:
            codes = [own]
        else:
            query = select(Administration.code).where(sight.visible(actor, col(Administration.code))).order_by(col(Administration.code))
            codes = list(session.exec(query.limit(MOST)).all())
        waiting = _waiting(session, codes)
        environments = _environments(session, codes)
        figures = _figures(app, session, codes)
        sources = session.exec(select(Source).order_by(Source.name)).all()
        rests = resting.told(app, session)
        emergencies = [one for one in unreviewed(session, actor) if administration is None or one["administration"] == administration]
    return {
        "apiVersion": API_VERSION,
        "administrations": [
            {
                "code": code,
                "quota": figures[code],
                "requests_waiting": waiting[code],
                "environments": environments[code],
                "next": _next(actor, figures[code], waiting[code], environments[code]),
            }
            for code in codes
        ],
        "sources": [
            source.model_dump(include={"name", "last_success_at", "last_attempt_at"}) | {"last_error": _plain(source.last_error)}
            for source in sources
        ],
        "warnings": [_warning(s) for s in sources if s.last_error],
        "resting": rests,
        "emergencies": emergencies,
        "next": [CREATE] if not codes and "dc_operator" in actor.roles else [],
    }


def _waiting(session: Session, codes: list[str]) -> dict[str, int]:
    query = select(Request.administration, func.count()).where(col(Request.administration).in_(codes), col(Request.state).in_(WAITING))
    return defaultdict(int, {row[0]: row[1] for row in session.execute(query.group_by(col(Request.administration)))})


def _environments(session: Session, codes: list[str]) -> dict[str, dict[str, int]]:
    query = (
        select(Environment.administration, Environment.state, func.count())
        .where(col(Environment.administration).in_(codes), Environment.state != EnvironmentState.DECOMMISSIONED)
        .group_by(col(Environment.administration), col(Environment.state))
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for code, state, count in session.execute(query):
        found[code][state] = count
    return found


def _figures(app: App, session: Session, codes: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Quota items of each; limits and use only where one administration is shown."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    if len(codes) == 1:
        holder = accounts.find_holder(session, codes[0])
        if holder is not None:
            balances = accounts.balances(session, holder, app.region)
            found[codes[0]] = rows(balances, observed(app, session, administration=codes[0], named=balances))
        return found
    for line in accounts.all_balances(session, HolderKind.ADMINISTRATION):
        if line.region == app.region:
            found[line.holder.code].append(item(line.resource, line.balance, {}))
    return found


def _next(actor: Actor, figures: list[dict[str, Any]], waiting: int, environments: dict[str, int]) -> list[str]:
    """What this actor could do now, most urgent first."""
    empty = not any(figure["granted"] for figure in figures)
    if "dc_operator" in actor.roles:
        return [GRANT] if empty else []
    steps = [DECIDE] if waiting and "dc_lead" in actor.roles else []
    if EnvironmentState.FAILED in environments:
        steps.append(RETRY)
    if empty:
        return [*steps, ENVELOPE]
    return [*steps, ASK] if not environments and not waiting and actor.roles else steps


def _warning(source: Source) -> dict[str, Any]:
    """What a source said when it did not answer in full; `default_quota_not_zero` is such a saying of its own."""
    code, _, detail = str(source.last_error).partition(": ")
    if code == NOT_ZERO:
        return {"code": code, "source": source.name, "detail": detail}
    error = said(str(source.last_error))
    told = {"code": "source_failing", "source": source.name, "detail": _plain(source.last_error)}
    return told | {"error": error.to_json()} if error else told


def _plain(last_error: str | None) -> str | None:
    """What a source said, without a sentence of ours: the services' names, calls and words, which are the same in every language."""
    error = said(last_error) if last_error else None
    if error is None:
        return last_error
    return " ".join(str(error.params[key]) for key in ("service", "action", "status", "words") if error.params.get(key) is not None) or error.code
