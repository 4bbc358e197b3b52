"""Who is asking: what Keystone said about a token, and which of dcctl's own roles count in its scope.

Only what the token check put beside the request is read, never a header: a client cannot write there. A role counts
- for users of the domain that no ministry manages (a domain manager could otherwise make a puppet, or fill a group that has a role),
- dc_agent and dc_lead in a token for the domain of an administration,
- dc_operator and dc_auditor in a token for a project of the datacenter's own domain.
Everything else, Keystone's admin and manager included, gives nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import select

from dcctl.errors import DcctlError
from dcctl.store import Administration
from dcctl.workflow.app import App
from quotas import ledger

MINISTRY_ROLES = frozenset({"dc_agent", "dc_lead"})
DATACENTER_ROLES = frozenset({"dc_operator", "dc_auditor"})

#: Where `keystonemiddleware.auth_token` leaves Keystone's answer in a WSGI environ; no header can be of this name.
TOKEN_INFO = "keystone.token_info"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person, in the scope of one token.

    Attributes:
        domain_id, domain: where the account lives, not what the token is for.
        roles: those of dcctl that count in this scope.
        scope_kind: "domain", "project", "system" or "none".
        scope: of the token in words, as in ``domain:min-sante`` or ``project:asin/exploitation``.
        administration: code of the administration whose domain is the scope.
    """

    user_id: str
    user: str
    domain_id: str
    domain: str
    roles: frozenset[str]
    scope_kind: str
    scope_domain_id: str | None = None
    scope_project_id: str | None = None
    audit_id: str | None = None
    expires_at: datetime
    administration: str | None = None
    scope: str = "none"

    @property
    def sees_all(self) -> bool:
        """Operators and auditors see every administration."""
        return bool(self.roles & DATACENTER_ROLES)

    def document(self) -> dict[str, Any]:
        """Who it was, as it is stored with what they did."""
        return {
            "user_id": self.user_id,
            "user": self.user,
            "domain": self.domain,
            "roles": sorted(self.roles),
            "scope": self.scope,
            "audit_id": self.audit_id,
        }

    def in_ledger(self) -> ledger.Actor:
        """Who it was, as an entry of the ledger has it."""
        return ledger.Actor(user_id=self.user_id, user_name=self.user, scope=self.scope, audit_id=self.audit_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a token is for."""

    kind: str
    words: str
    domain_id: str | None = None
    project_id: str | None = None
    #: Name of the domain that the project is in.
    project_domain: str | None = None


#: Code of each administration by database and domain id; neither ever changes, so what was found once stays true.
_codes: dict[tuple[str, str], str] = {}


def from_environ(app: App, environ: Mapping[str, Any]) -> Actor:
    """The actor of a request that the token check let through.

    Raises:
        DcctlError: DCCTL-103, there is no checked token.
    """
    info = environ.get(TOKEN_INFO)
    token = info.get("token") if isinstance(info, Mapping) else None
    if not isinstance(token, Mapping):
        raise DcctlError("DCCTL-103")
    return from_token(app, token)


def from_token(app: App, token: Mapping[str, Any]) -> Actor:
    """The actor of a token as Keystone described it (the value of ``token`` in its answer)."""
    user, scope = token["user"], scope_of(token)
    home = user["domain"]
    administration = administration_of(app, scope.domain_id) if scope.domain_id else None
    named = frozenset(role["name"] for role in token.get("roles", ()))
    return Actor(
        user_id=user["id"],
        user=user["name"],
        domain_id=home["id"],
        domain=home["name"],
        roles=counting(named, scope, home=home["name"], administration=administration, people_domain=app.settings.cloud.people_domain),
        scope_kind=scope.kind,
        scope_domain_id=scope.domain_id,
        scope_project_id=scope.project_id,
        audit_id=next(iter(token.get("audit_ids") or ()), None),
        expires_at=datetime.fromisoformat(token["expires_at"]),
        administration=administration,
        scope=scope.words,
    )


def scope_of(token: Mapping[str, Any]) -> Scope:
    """What the token is for; a token without a scope is for nothing."""
    if domain := token.get("domain"):
        return Scope(kind="domain", words=f"domain:{domain['name']}", domain_id=domain["id"])
    if project := token.get("project"):
        of = project["domain"]["name"]
        return Scope(kind="project", words=f"project:{of}/{project['name']}", project_id=project["id"], project_domain=of)
    if token.get("system"):
        return Scope(kind="system", words="system:all")
    return Scope(kind="none", words="none")


def counting(named: frozenset[str], scope: Scope, *, home: str, administration: str | None, people_domain: str) -> frozenset[str]:
    """Those of the token's role names that mean something to dcctl in this scope, for a user whose account lives in the domain `home`."""
    if home != people_domain:
        return frozenset()
    if scope.kind == "domain" and administration is not None:
        return named & MINISTRY_ROLES
    if scope.kind == "project" and scope.project_domain == people_domain:
        return named & DATACENTER_ROLES
    return frozenset()


def administration_of(app: App, domain_id: str) -> str | None:
    """Code of the administration whose Keystone domain this is."""
    key = app.settings.database.application, domain_id
    if key not in _codes:
        with app.reading() as session:
            code = session.exec(select(Administration.code).where(Administration.domain_id == domain_id)).first()
        if code is None:
            return None
        _codes[key] = code
    return _codes[key]
