"""What a route is given: the application, who asks, and the policy; and the order of questions: may they see it, then may they do it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request

from dcctl.api.front import ACTOR, DEED
from dcctl.api.policy import Policy
from dcctl.errors import NotVisible
from dcctl.workflow import environments, idempotency, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.witness import Deed

#: Longest wait when all places of those who wait are taken: the caller asks again, others get their turn.
CROWDED_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class Service:
    """One for the process, on the application's state."""

    app: App
    policy: Policy
    waiting: threading.BoundedSemaphore
    """Places for callers that wait for news, fewer than threads, so that watching never stops the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One request's."""

    service: Service
    actor: Actor
    deed: Deed
    """What the audit trail is told of this call."""
    call: str
    """Method and path."""

    @property
    def app(self) -> App:
        return self.service.app

    def once(self, key: str | None, do: Callable[[], dict[str, Any]], again: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do it; what was done before under the same key is not done again, and `again` says how things stand. It must be one transaction."""
        if key is None:
            return do()
        of = idempotency.fingerprint({"call": self.call, "body": self.deed.body})
        with self.app.reading() as session:
            known = idempotency.is_known(session, self.actor, key, of)
        if known:
            return again()
        try:
            with idempotency.under(self.actor, key, of):
                return do()
        except idempotency.Repeated:
            return again()

    def may(self, action: str) -> None:
        """Return when the roles allow the action, whatever it is about; DCCTL-106 otherwise."""
        self.deed.action = action
        self.service.policy.require(self.actor, action)

    def may_for(self, action: str, administration: str) -> None:
        """Return when the administration is visible and the roles allow the action for it; NotVisible or DCCTL-106 otherwise."""
        self.deed.action, self.deed.administration = action, administration
        with self.app.reading() as session:
            sight.require_visible(session, self.actor, administration)
        self.service.policy.require(self.actor, action, administration)

    def may_or_not_there(self, action: str, kind: str, name: str) -> None:
        """Return when the roles allow the action; to anybody else, what it is about does not exist."""
        self.deed.action = action
        if kind == "administration":
            self.deed.administration = name
        if not self.service.policy.allows(self.actor, action):
            raise NotVisible(kind, name)

    def may_submit(self, administration: str | None) -> None:
        """The same for asking: for the administration that is named, or the actor's own."""
        self.deed.action, self.deed.administration = "request:submit", administration or self.actor.administration
        if administration is None or administration == sight.own(self.actor):
            self.service.policy.require(self.actor, "request:submit", self.actor.administration)
        else:
            self.may_for("request:submit", administration)

    def may_on_request(self, action: str, number: str) -> None:
        """The same for what is done to a request."""
        self.deed.action = action
        with self.app.reading() as session:
            administration = sight.request_administration(session, self.actor, number)
        self.deed.administration = administration
        self.service.policy.require(self.actor, action, administration)

    def may_decide(self, number: str) -> None:
        """The same for deciding: of a larger envelope, the administration above decides too, for it is the one that gives."""
        with self.app.reading() as session:
            administrations = sight.deciding_administrations(session, self.actor, number)
        own = self.actor.administration
        self.service.policy.require(self.actor, "request:decide", own if own in administrations else administrations[0])

    def may_on_operation(self, action: str, identifier: str) -> None:
        """The same for what is done to an operation."""
        self.deed.action = action
        with self.app.reading() as session:
            administration = sight.operation_administration(session, self.actor, identifier)
        self.deed.administration = administration
        self.service.policy.require(self.actor, action, administration)

    def may_on_environment(self, action: str, administration: str, name: str) -> None:
        """The same for what is done to an environment."""
        self.deed.action = action
        with self.app.reading() as session:
            found = environments.find(session, self.actor, administration, name).administration
        self.deed.administration = found
        self.service.policy.require(self.actor, action, found)

    @contextmanager
    def patience(self, wait: float) -> Iterator[float]:
        """How long this caller may wait for news."""
        if wait <= CROWDED_SECONDS:
            yield wait
        elif self.service.waiting.acquire(blocking=False):
            try:
                yield wait
            finally:
                self.service.waiting.release()
        else:
            yield CROWDED_SECONDS


async def asking(request: Request) -> Asking:
    """A coroutine, though it waits for nothing: so it costs no change of threads."""
    environ = request.scope["wsgi_environ"]
    call = f"{request.method} {request.url.path}"
    return Asking(service=request.app.state.service, actor=environ[ACTOR], deed=environ[DEED], call=call)


Caller = Annotated[Asking, Depends(asking)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Wait = Annotated[float, Query(ge=0, le=10)]
Name = Annotated[str | None, Query(max_length=255)]
_KEY = Header(alias="Idempotency-Key", min_length=8, max_length=128, pattern="^[A-Za-z0-9._:-]+$")
#: Of a call that must, and of one that may, say by which key it may be sent twice.
Key = Annotated[str, _KEY]
OptionalKey = Annotated[str | None, _KEY]
