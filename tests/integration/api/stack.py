"""The API's whole WSGI stack over a real, migrated PostgreSQL; only Keystone's word about a token is given by hand.

The tree: min-sante with its agency anpc below it, min-justice beside it. Everything is in region cotonou.
"""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from dcctl.api.front import Front
from dcctl.schemas import CapacityIn, EnvelopeIn
from dcctl.store import Administration, CatalogueItem, Decision, Environment, Operation, Request
from dcctl.workflow import actor, envelopes, offers
from dcctl.workflow.app import App
from quotas import ledger
from quotas import store as accounts

REGION = "cotonou"
#: From where everybody calls.
ADDRESS = "192.0.2.7"
CAPACITY = {"instances": 1000, "cores": 4000, "ram": 8_000_000, "volumes": 1000, "gigabytes": 100_000, "gigabytes_ssd": 20_000,
            "networks": 100, "routers": 100, "floatingips": 200}  # fmt: skip
ENVELOPE = {"instances": 40, "cores": 80, "ram": 163_840, "volumes": 40, "gigabytes": 1000, "gigabytes_ssd": 200, "networks": 10, "routers": 10,
            "floatingips": 20}  # fmt: skip
PAPER = {"reason": "Programme 2026", "document": "Arrêté 2026-017"}
SPEC = {
    "apiVersion": "dcctl/v1", "kind": "Environment", "administration": "min-sante", "name": "dossier-patient", "offer": "standard",
    "quota": {"instances": 2, "cores": 4, "ram": 8192}, "duration": "12 months", "justification": "Dossier patient partagé, phase 1",
}  # fmt: skip


def token(user: str, *roles: str, domain: str | None = None, project: str | None = None, home: str = "asin") -> dict[str, Any]:
    """What Keystone says about a token: of `user` in the domain `home`, for a domain or a project ``domain/name``."""
    said: dict[str, Any] = {
        "user": {"id": f"id-{user}", "name": user, "domain": {"id": f"id-{home}", "name": home}},
        "roles": [{"id": f"id-{role}", "name": role} for role in roles],
        "audit_ids": [f"audit-{user}"],
        "expires_at": (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    if domain is not None:
        said["domain"] = {"id": f"id-{domain}", "name": domain}
    if project is not None:
        of, _, name = project.partition("/")
        said["project"] = {"id": f"id-{name}", "name": name, "domain": {"id": f"id-{of}", "name": of}}
    return said


PEOPLE: dict[str, dict[str, Any]] = {
    "operator": token("operator", "dc_operator", project="asin/exploitation"),
    "operator-2": token("operator-2", "dc_operator", project="asin/exploitation"),
    "auditor": token("auditor", "dc_auditor", project="asin/exploitation"),
    "sante-agent": token("sante-agent", "dc_agent", domain="min-sante"),
    "sante-lead": token("sante-lead", "dc_lead", domain="min-sante"),
    "justice-agent": token("justice-agent", "dc_agent", domain="min-justice"),
    "justice-lead": token("justice-lead", "dc_lead", domain="min-justice"),
    "anpc-agent": token("anpc-agent", "dc_agent", domain="anpc"),
    # Who has much to say elsewhere, and nothing here.
    "admin": token("admin", "admin", "manager", "member", project="Default/admin", home="Default"),
    "sante-manager": token("sante-manager", "manager", domain="min-sante", home="min-sante"),
    "puppet": token("puppet", "dc_lead", "dc_agent", domain="min-sante", home="min-sante"),
    "operator-in-a-ministry": token("operator", "dc_operator", domain="min-sante"),
    "lead-in-a-project": token("sante-lead", "dc_lead", "dc_operator", project="min-sante/dossier-patient"),
    "unscoped": token("sante-lead"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


@dataclass(slots=True)
class Api:
    """Asks the WSGI application as a server would."""

    front: Front
    app: App
    sent: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self,
        method: str,
        path: str,
        person: str | None = "operator",
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Answer:
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": urlencode({name: value for name, value in query.items() if value is not None}, quote_via=quote),
            "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "22000", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_LENGTH": str(len(data)),
            "CONTENT_TYPE": "application/json", "wsgi.input": io.BytesIO(data), "wsgi.url_scheme": "http", "HTTP_ACCEPT_LANGUAGE": "en",
            "REMOTE_ADDR": ADDRESS,
        }  # fmt: skip
        if person is not None:
            environ["HTTP_X_AUTH_TOKEN"] = person
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()}
        told: list[Any] = []

        def start_response(line: str, sent: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
            told.append((int(line.split()[0]), dict(sent)))
            return lambda data: None

        content = b"".join(self.front(environ, start_response))
        ((status, sent),) = told
        headers_sent = {name.lower(): value for name, value in sent.items()}
        if "json" not in headers_sent["content-type"]:  # streamed: its length is not known beforehand
            return Answer(status=status, headers=headers_sent, body=content)
        assert int(headers_sent["content-length"]) == len(content)
        return Answer(status=status, headers=headers_sent, body=json.loads(content))


class Keystone:
    """Stands where auth_token stands: the token's name is the person's; what it leaves behind is what auth_token leaves behind."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        said = PEOPLE.get(environ.get("HTTP_X_AUTH_TOKEN", ""))
        if said is None:
            start_response("401 Unauthorized", [("WWW-Authenticate", 'Keystone uri="http://127.0.0.1:15000/v3"'), ("Content-Length", "0")])
            return [b""]
        environ[actor.TOKEN_INFO] = {"token": said}
        environ |= {"HTTP_X_USER_NAME": said["user"]["name"], "HTTP_X_ROLES": "", "HTTP_X_PROJECT_ID": None}
        return self.inner(environ, start_response)


def seed(app: App) -> None:
    """Three administrations, capacity, envelopes, the shipped offers, a catalogue, and in min-sante an environment with all that belongs to it."""
    operator = actor.from_token(app, PEOPLE["operator"])
    with app.transaction() as session:
        for code, parent in (("min-sante", None), ("min-justice", None), ("anpc", "min-sante")):
            session.add(Administration(code=code, name=code.upper(), parent=parent, domain_id=f"id-{code}"))
            session.flush()
            above = accounts.find_holder(session, parent or "pool")
            assert above is not None
            accounts.open_holder(session, ledger.HolderKind.ADMINISTRATION, code, above)
        for kind, name, document in (
            ("flavor", "m1.small", {"vcpus": 1, "ram_mib": 2048}),
            ("image", "cirros", {}),
            ("network", "public", {}),
            ("volume_type", "ssd", {"default": True}),
        ):
            session.add(CatalogueItem(kind=kind, name=name, cloud_id=f"id-{name}", document=document))
    offers.load(app)
    envelopes.declare(app, operator, CapacityIn(resources=dict(CAPACITY), reason="Mise en service", document="PV 2022-06"))
    for code in ("min-sante", "min-justice"):
        envelopes.grant(app, operator, EnvelopeIn(administration=code, resources=dict(ENVELOPE), reason="Dotation 2026", document="Arrêté 12"))
    for code, name, number in (("min-sante", "portail", "2026-9001"), ("anpc", "alerte", "2026-9002")):
        person = actor.from_token(app, PEOPLE[f"{code.removeprefix('min-')}-agent"])
        with app.transaction() as session:
            of = {"administration": code, "request": f"R-{number}"}
            environment = Environment(**of, name=name, state="active", project_id=f"p-{name}", offer="standard", offer_version=1)
            session.add(environment)
            session.flush()
            made = {"administration": code, "environment": name, "environment_id": environment.id, "state": "failed"}
            asked = {"requester": person.document(), "requester_id": person.user_id, "justification": name, "digest": "0" * 64,
                     "needs": [{"role": "dc_lead", "administration": code}]}  # fmt: skip
            request = Request(**made | {"state": "in_review"}, **asked, number=f"R-{number}", kind="environment")
            session.add(request)
            session.flush()
            chief = {"user_id": f"id-chef-{code}", "user": f"chef-{code}", "roles": ["dc_lead"]}
            session.add(
                Decision(request=request.number, verdict="approve", digest="0" * 64, reason="conforme", user_id=chief["user_id"], actor=chief,
                         role="dc_lead", administration=code)
            )  # fmt: skip
            session.flush()
            request.state = "failed"
            session.flush()
            session.add(Operation(**made, id=f"O-{number}-1", kind="fulfil", request=f"R-{number}"))
