"""dcctl's API in memory, over real HTTP on loopback: our own interface, so that the command line can be met without servers.

It answers in the shapes of `dcctl.schemas` (a test checks that) and keeps what it was asked. `refuse` makes a call fail as the real one would;
`broken` breaks the connection before or after the call was done, as bad links do.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from dcctl.errors import CATALOGUE, DcctlError, NotVisible

Json = dict[str, Any]
VERSION = {"apiVersion": "dcctl/v1"}
AT = "2026-11-22T16:05:00+00:00"
DIGEST = "5f2c" + "0" * 60

CATALOGUE_ITEMS = [
    {"kind": "flavor", "name": "m1.small", "document": {"vcpus": 1, "ram_mib": 2048, "disk_gib": 10}},
    {"kind": "flavor", "name": "m1.medium", "document": {"vcpus": 2, "ram_mib": 4096, "disk_gib": 20}},
    {"kind": "image", "name": "cirros", "document": {}},
    {"kind": "image", "name": "debian-12", "document": {}},
    {"kind": "network", "name": "public", "document": {}},
    {"kind": "volume_type", "name": "standard", "document": {"default": True}},
    {"kind": "volume_type", "name": "ssd", "document": {}},
]
OFFER = {
    **VERSION,
    "name": "standard",
    "version": 1,
    "title": {"fr": "Environnement standard", "en": "Standard environment"},
    "description": {"fr": "Un projet, ses serveurs, ses volumes.", "en": "A project, its servers, its volumes."},
    "document": {"quota": {"cores": 64, "ram": 131072}, "flavors": ["*"], "images": ["*"], "volume_types": ["*"], "duration_months": 36},
}
PERSON = {"user_id": "u-7", "user": "sante-agent", "domain": "asin", "roles": ["dc_agent"]}
QUOTA = [
    {"resource": "cores", "unit": "", "granted": 64, "available": 48, "held": 8, "allocated": 8, "limit": 8, "usage": 4},
    {"resource": "ram", "unit": "MiB", "granted": 131072, "available": 98304, "held": 16384, "allocated": 16384, "limit": None, "usage": None},
]


USAGE = [
    {"resource": "cores", "unit": "", "capacity": None, "granted": 64, "available": 48, "held": 8, "allocated": 8, "usage": 4, "at": AT},
    {"resource": "ram", "unit": "MiB", "capacity": None, "granted": 0, "available": 0, "held": 0, "allocated": 0, "usage": None, "at": None},
]
#: A morning of min-sante: 2 cores for an hour, 4 for half of the next, nothing is known of the third, 6 in the fourth.
HOURS = [
    {"hour": f"2026-11-22T{hour:02}:00:00+00:00", "resource": "cores", "unit": "", "average": average, "known": known}
    for hour, average, known in ((6, 2.0, 1.0), (7, 4.0, 0.5), (9, 6.0, 1.0))
]


@dataclass
class Call:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class FakeApi:
    """The server's state; tests change it before and look at it after a command."""

    calls: list[Call] = field(default_factory=list)
    requests: dict[str, Json] = field(default_factory=dict)
    keys: dict[str, tuple[Any, str]] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    acts: dict[str, Json] = field(default_factory=dict)
    shortfalls: list[Json] = field(default_factory=list)
    environments: dict[str, Json] = field(default_factory=dict)
    refusals: dict[tuple[str, str], list[DcctlError | tuple[int, bytes]]] = field(default_factory=dict)
    broken: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    catalogue: list[Json] = field(default_factory=lambda: [dict(item) for item in CATALOGUE_ITEMS])
    review_seconds: float = 0.0
    operation_state: str = "failed"
    looked: Json = field(default_factory=lambda: {"things": [], "needed": False})
    slow: dict[tuple[str, str], float] = field(default_factory=dict)
    on_events: Callable[["FakeApi", str], None] | None = None
    url: str = ""

    # -- for tests

    def refuse(self, method: str, path: str, *answers: DcctlError | tuple[int, bytes]) -> None:
        """The next calls of this address fail so, one after the other."""
        self.refusals.setdefault((method, path), []).extend(answers)

    def break_off(self, method: str, path: str, *how: str) -> None:
        """The connections of the next calls break: "before" or "after" the call was done."""
        self.broken.setdefault((method, path), []).extend(how)

    def asked(self, method: str, path: str) -> list[Call]:
        return [call for call in self.calls if (call.method, call.path) == (method, path)]

    def happens(self, kind: str, **document: Any) -> None:
        self.events.append({"id": len(self.events) + 1, "at": AT, "kind": kind, "operation": None, **document})

    def request(self, number: str, state: str = "in_review", **more: Any) -> Json:
        """Put a request on the server."""
        self.requests[number] = {
            **VERSION, "number": number, "state": state, "kind": "environment", "administration": "min-sante", "environment": "dossier-patient",
            "requester": PERSON, "created_at": AT, "updated_at": AT, "justification": "Dossier patient partagé, phase 1",
            "demand": {"cores": 8, "ram": 16384}, "offer": "standard@1", "digest": DIGEST,
            "plan": [
                {"stack": "tenant", "type": "openstack:identity/project:Project", "name": "project", "cloud_name": "dossier-patient",
                 "properties": {}},
                {"stack": "workload", "type": "openstack:compute/instance:Instance", "name": "server-web-1",
                 "cloud_name": "min-sante-dossier-patient-web-1", "properties": {}},
            ],
            "notices": [], "evidence": {"at": AT, "envelope": {"cores": {"granted": 64, "available": 48, "held": 8, "allocated": 8}}},
            "decisions": [], "missing": [{"role": "dc_lead", "administration": "min-sante"}] if state in ("submitted", "in_review") else [],
            "operation": None, "error": None, "events": [], **more,
        }  # fmt: skip
        return self.requests[number]

    def environment(self, name: str = "dossier-patient", state: str = "active", **more: Any) -> Json:
        """Put an environment on the server."""
        servers = {
            "server-web-1": {"id": "s-1", "name": f"min-sante-{name}-web-1", "address": "10.20.0.11", "floating_ip": "198.51.100.7"},
            "server-base-1": {"id": "s-2", "name": f"min-sante-{name}-base-1", "address": "10.20.0.12", "floating_ip": None},
        }
        self.environments[name] = {
            **VERSION, "name": name, "administration": "min-sante", "state": state, "project_id": "p-1", "offer": "standard@1",
            "request": "R-2026-0042", "created_at": AT, "expires_at": "2027-11-22T16:05:00+00:00",
            "spec": {"servers": [{"name": "web", "image": "cirros"}, {"name": "base", "image": "debian-12"}]}, "outputs": {"servers": servers},
            "limits": [{"service_type": "compute", "key": "cores", "wanted": 8, "value": 8, "state": "in_sync", "read_at": AT}],
            "operation": "O-2026-0042-1", "error": None, **more,
        }  # fmt: skip
        return self.environments[name]

    # -- the API

    def answer(self, call: Call) -> tuple[int, Json]:
        parts = [unquote(part) for part in call.path.split("/")[2:]]
        name = f"{call.method.lower()}_{parts[0]}" if parts else ""
        if not hasattr(self, name):
            raise NotVisible("address", call.path)
        found: tuple[int, Json] = getattr(self, name)(call, *parts[1:])
        return found

    def get_whoami(self, call: Call) -> tuple[int, Json]:
        return 200, {
            **VERSION, "user": "sante-agent", "user_id": "u-7", "domain": "asin", "scope": {"kind": "domain", "name": "min-sante"},
            "roles": ["dc_agent"], "administrations": ["min-sante"], "expires_at": "2026-11-22T17:05:00+00:00",
        }  # fmt: skip

    def get_status(self, call: Call) -> tuple[int, Json]:
        mine = {"code": "min-sante", "quota": QUOTA, "requests_waiting": 1, "environments": {"active": 2, "failed": 1}, "next": ["decide", "retry"]}
        warnings = [{"code": "source_failing", "source": "network", "detail": "HTTP 503"}]
        return 200, {**VERSION, "administrations": [mine], "sources": [], "warnings": warnings, "next": []}

    def get_offers(self, call: Call, name: str | None = None) -> tuple[int, Json]:
        if name is None:
            return 200, {**VERSION, "items": [OFFER]}
        if name != "standard":
            raise NotVisible("offer", name)
        return 200, OFFER

    def get_catalogue(self, call: Call) -> tuple[int, Json]:
        return 200, {**VERSION, "items": self.catalogue, "seen_at": AT}

    def get_quota(self, call: Call) -> tuple[int, Json]:
        holder = call.query.get("administration", "min-sante")
        if holder != "min-sante":
            raise NotVisible("administration", holder)
        return 200, {**VERSION, "holder": holder, "kind": "administration", "region": "cotonou", "items": QUOTA}

    def get_usage(self, call: Call, what: str | None = None) -> tuple[int, Json]:
        holder = call.query.get("administration", "min-sante")
        if holder != "min-sante":
            raise NotVisible("administration", holder)
        top = {"resource": call.query.get("resource", "cores"), "unit": "", "at": AT}
        environment = top | {"administration": "min-sante", "project": "dossier-patient", "project_id": "p-1", "usage": 4, "limit": 8}
        foreign = top | {"administration": "min-sante", "project": None, "project_id": "p-9", "usage": 1, "limit": None}
        of_project = [{"granted": None, "allocated": None} | item for item in (environment, foreign)]
        whole = {"project": None, "project_id": None, "limit": None}
        of_administration = [whole | top | {"administration": "min-sante", "usage": 5, "granted": 64, "allocated": 8}]
        period = {"since": call.query.get("since", AT), "until": call.query.get("until", AT)}
        ranked = [{"administration": "min-sante", "name": "Ministère de la Santé", "resource": "cores", "unit": "", "unit_hours": 12.5}]
        match what:
            case None:
                return 200, {**VERSION, "holder": holder, "kind": "administration", "region": "cotonou", "items": USAGE}
            case "hours":
                return 200, {**VERSION, "administration": holder, "region": "cotonou", **period, "items": HOURS}
            case "ranking":
                return 200, {**VERSION, "region": "cotonou", **period, "known_hours": 2.5, "items": ranked}
            case _:
                by = call.query.get("by", "administration")
                items = of_project if by == "project" else of_administration
                return 200, {**VERSION, "region": "cotonou", "resource": top["resource"], "by": by, "items": items}

    def get_history(self, call: Call) -> tuple[int, Json]:
        after, limit = int(call.query.get("after", 4)), int(call.query.get("limit", 100))
        items = [
            {"entry": entry, "kind": "grant", "resource": "cores", "unit": "", "amount": 16, "source": "pool", "destination": "min-sante",
             "effective_at": AT, "recorded_at": AT, "actor": "operator", "cause": f"A-2026-000{entry}", "document": "décret 2026-118",
             "reason": "=2+2"}
            for entry in range(after - 1, 0, -1)
        ]  # fmt: skip
        page = items[: min(limit, 2)]
        return 200, {**VERSION, "items": page, "cursor": page[-1]["entry"] if len(items) > len(page) else None}

    def get_capacity(self, call: Call) -> tuple[int, Json]:
        return 200, {**VERSION, "region": "cotonou", "items": [{"resource": "cores", "unit": "", "declared": 256, "granted": 64, "available": 192}]}

    def put_capacity(self, call: Call) -> tuple[int, Json]:
        return self._acted(call, "declare", self.get_capacity(call)[1])

    def post_grants(self, call: Call) -> tuple[int, Json]:
        found = self.get_quota(Call("GET", "/v1/quota", {"administration": call.body["administration"]}, {}, None))[1]
        return self._acted(call, "grant", found)

    post_revocations = post_grants

    def _acted(self, call: Call, kind: str, done: Json) -> tuple[int, Json]:
        """More than 500 cores wait for a second operator."""
        cores = call.body.get("resources", {}).get("cores", 0)
        act = self.act(f"A-2026-{len(self.acts) + 1:04d}", "waiting" if cores > 500 else "posted", kind=kind)
        return 202 if act["state"] == "waiting" else 200, {**done, "act": {k: v for k, v in act.items() if k not in ("apiVersion", "details")}}

    def act(self, number: str, state: str = "waiting", **more: Any) -> Json:
        """Put an act on the server."""
        self.acts[number] = {
            **VERSION, "number": number, "kind": "grant", "state": state, "administration": "min-sante", "resources": {"cores": 600},
            "reason": "programme 2026", "document": "décret 2026-118", "asked_by": {**PERSON, "user": "operator", "roles": ["dc_operator"]},
            "created_at": AT, "over": {"cores": {"asked": 600, "allowed": 500}} if state == "waiting" else {}, "digest": DIGEST, "decision": None,
            "details": {"payer": "pool"}, **more,
        }  # fmt: skip
        return self.acts[number]

    def get_acts(self, call: Call, number: str | None = None) -> tuple[int, Json]:
        if number is None:
            items = [{k: v for k, v in act.items() if k not in ("apiVersion", "details")} for act in self.acts.values()]
            return 200, {**VERSION, "items": items, "cursor": None}
        if number not in self.acts:
            raise NotVisible("act", number)
        return 200, self.acts[number]

    def post_acts(self, call: Call, number: str, verb: str) -> tuple[int, Json]:
        act, body = self.acts[number], call.body
        if body["verdict"] == "approve" and body["digest"] != act["digest"]:
            raise DcctlError("DCCTL-551", number=number, given=body["digest"], digest=act["digest"])
        decision = {"verdict": body["verdict"], "user": "operator-2", "user_id": "u-9", "reason": body["reason"], "decided_at": AT}
        act.update(state={"approve": "posted", "refuse": "refused"}[body["verdict"]], decision=decision)
        return 200, act

    def post_imports(self, call: Call) -> tuple[int, Json]:
        entries = [
            {"administration": line["administration"], "payer": "pool", "resource": name, "unit": "", "amount": amount}
            for line in call.body["envelopes"]
            for name, amount in line["resources"].items()
        ]
        done = {**VERSION, "items": [{"resource": "cores", "unit": "", "amount": 600}], "administrations": 1, "count": len(entries)}
        if call.body["dry_run"]:
            return 200, {**done, "entries": entries, "shortfalls": self.shortfalls, "over": {}}
        return self._acted(Call("POST", "", {}, {}, {"resources": {"cores": 600}}), "import", done)

    def post_corrections(self, call: Call) -> tuple[int, Json]:
        items = [{"entry": 4, "kind": "correct", "resource": "cores", "unit": "", "amount": 16, "reverses": call.body["entry"]}]
        return self._acted(call, "correct", {**VERSION, "items": items})

    def get_administrations(self, call: Call, code: str | None = None, people: str | None = None) -> tuple[int, Json]:
        known = {
            **VERSION,
            "code": "min-sante",
            "name": "Ministère de la Santé",
            "parent": None,
            "domain_id": "d-1",
            "created_at": AT,
            "environments": 3,
        }
        if code is None:
            return 200, {**VERSION, "items": [known]}
        if code != "min-sante":
            raise NotVisible("administration", code)
        if people == "people":
            return 200, {**VERSION, "items": [{**VERSION, "user": "sante-agent", "user_id": "u-7", "domain": "asin", "role": "dc_agent"}]}
        return 200, known

    def post_administrations(self, call: Call, code: str | None = None, people: str | None = None) -> tuple[int, Json]:
        if people == "parent":
            return 200, {**self.get_administrations(call, code)[1], "parent": call.body["parent"]}
        if people == "people":
            return 200, {**VERSION, "user": call.body["user"], "user_id": "u-8", "domain": "asin", "role": call.body["role"]}
        return 201, {**VERSION, **call.body, "domain_id": "d-2", "created_at": AT, "environments": 0}

    def delete_administrations(self, call: Call, code: str, people: str, user: str) -> tuple[int, Json]:
        return 200, {**VERSION, "user": user, "user_id": "u-8", "domain": "asin", "role": call.query["role"]}

    def get_requests(self, call: Call, number: str | None = None, events: str | None = None) -> tuple[int, Json]:
        if number is None:
            keys = ("number", "state", "kind", "administration", "environment", "created_at", "digest")
            items = [{**{key: one[key] for key in keys}, "requester": one["requester"]["user"]} for one in self.requests.values()]
            return 200, {**VERSION, "items": items, "cursor": None}
        if number not in self.requests:
            raise NotVisible("request", number)
        return (200, self.requests[number]) if events is None else self._events(call, number)

    def _events(self, call: Call, number: str) -> tuple[int, Json]:
        if self.on_events is not None:
            self.on_events(self, number)
        after = int(call.query.get("after", 0))
        items = [event for event in self.events if event["id"] > after]
        if not items:
            time.sleep(min(float(call.query.get("wait", 0)), 0.05))
        state = self.requests[number]["state"]
        ended = state in ("fulfilled", "failed", "refused", "withdrawn", "lapsed", "abandoned")
        resting = self.requests[number].get("resting")
        return 200, {**VERSION, "items": items, "cursor": items[-1]["id"] if items else after, "state": state, "ended": ended, "resting": resting}

    def post_requests(self, call: Call, number: str | None = None, verb: str | None = None) -> tuple[int, Json]:
        if number is not None:
            return self._act(call, number, str(verb))
        key = call.headers["idempotency-key"]
        if key in self.keys:
            body, known = self.keys[key]
            if body != call.body:
                raise DcctlError("DCCTL-303", key=key)
            return 200, self.requests[known]
        made = f"R-2026-{len(self.requests) + 1:04d}"
        self.keys[key] = (call.body, made)
        spec = call.body.get("spec") or {}
        state = "submitted" if self.review_seconds else "in_review"
        request = self.request(
            made, state, kind=call.body["kind"], administration=spec.get("administration") or call.body.get("administration") or "min-sante",
            environment=spec.get("name") or call.body.get("environment"),
        )  # fmt: skip
        self.happens("submitted", user="sante-agent")
        if self.review_seconds:
            threading.Timer(self.review_seconds, lambda: request.update(state="in_review")).start()
        return 201, request

    def _act(self, call: Call, number: str, verb: str) -> tuple[int, Json]:
        if number not in self.requests:
            raise NotVisible("request", number)
        request = self.requests[number]
        if verb == "withdraw":
            request["state"] = "withdrawn"
        elif call.body["verdict"] == "refuse":
            request["state"] = "refused"
        elif call.body["digest"] != request["digest"]:
            raise DcctlError("DCCTL-203", number=number, given=call.body["digest"], digest=request["digest"])
        else:
            request.update(state="approved", missing=[])
        return 200, request

    def get_environments(self, call: Call, administration: str | None = None, name: str | None = None, cloud: str | None = None) -> tuple[int, Json]:
        if administration is None:
            return 200, {**VERSION, "items": list(self.environments.values()), "cursor": None}
        if name not in self.environments or administration not in ("-", "min-sante"):
            raise NotVisible("environment", str(name))
        if cloud is None:
            return 200, self.environments[name]
        entry = {"auth": {"auth_url": "https://keystone.example/v3", "project_id": "p-1"}, "region_name": "cotonou", "identity_api_version": 3}
        return 200, {**VERSION, "cloud": f"min-sante-{name}", "entry": entry}

    def post_environments(self, call: Call, administration: str, name: str, state: str, looks: str | None = None) -> tuple[int, Json]:
        return 200, {**VERSION, "number": 7} if looks or state == "plans" else self.operation("O-2026-0042-2", "queued")

    def get_plans(self, call: Call, number: str) -> tuple[int, Json]:
        return 200, {
            **VERSION, "number": int(number), "administration": "min-sante", "environment": "dossier-patient", "state": "done", "drift": False,
            "rebuild": True, "steps": [], "counts": {}, "quota": {}, "demand": {}, "digest": DIGEST, "error": None, "created_at": AT,
            "finished_at": AT, **self.looked,
        }  # fmt: skip

    def operation(self, identifier: str, state: str | None = None) -> Json:
        state = state or self.operation_state
        error = {"code": "DCCTL-404", "params": {"resource": "server-web-1", "words": "No valid host was found."}} if state == "failed" else None
        return {
            **VERSION, "id": identifier, "kind": "fulfil", "state": state, "step": "workload", "administration": "min-sante",
            "environment": "dossier-patient", "request": "R-2026-0042", "attempt": 1, "created_at": AT, "started_at": AT, "finished_at": None,
            "seconds": {"queue": 0.4, "tenant": 6.1}, "error": error, "resources": [],
        }  # fmt: skip

    def get_operations(self, call: Call, identifier: str | None = None, events: str | None = None) -> tuple[int, Json]:
        if identifier is None:
            return 200, {**VERSION, "items": [self.operation("O-2026-0042-1")], "cursor": None}
        if events is not None:
            items = [event for event in self.events if event["id"] > int(call.query.get("after", 0))]
            return 200, {**VERSION, "items": items, "cursor": len(self.events), "state": self.operation_state, "ended": True}
        return 200, self.operation(identifier)

    def post_operations(self, call: Call, identifier: str, verb: str) -> tuple[int, Json]:
        return 200, self.operation(identifier, {"retry": "queued", "cancel": "cancelled", "abandon": "queued"}[verb])


def serve(api: FakeApi) -> ThreadingHTTPServer:
    """Start it on a free port of loopback; `shutdown` and `server_close` end it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: Any) -> None:
            """Quiet."""

        def _take(self) -> None:
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, split.path, {k: v[-1] for k, v in parse_qs(split.query).items()}, headers, json.loads(raw) if raw else None)
            api.calls.append(call)
            address = (call.method, call.path)
            how = api.broken[address].pop(0) if api.broken.get(address) else ""
            if how == "before":
                self._drop()
                return
            time.sleep(api.slow.get(address, 0))
            status, content = self._answered(call, address)
            if how == "after":
                self._drop()
                return
            with contextlib.suppress(ConnectionError):  # whoever asked may have lost patience
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def _answered(self, call: Call, address: tuple[str, str]) -> tuple[int, bytes]:
            try:
                if api.refusals.get(address):
                    refusal = api.refusals[address].pop(0)
                    if isinstance(refusal, tuple):
                        return refusal
                    raise refusal
                if "x-auth-token" not in call.headers:
                    return 401, b"Authentication required"
                status, document = api.answer(call)
                return status, json.dumps(document).encode()
            except DcctlError as error:
                entry = CATALOGUE[error.code]
                return entry.http, json.dumps(
                    {**VERSION, "error": {**error.to_json(), "message": "server's words", "next": "", "exit": entry.exit}}
                ).encode()

        def _drop(self) -> None:
            self.close_connection = True
            self.connection.close()

        do_GET = do_POST = do_PUT = do_DELETE = _take  # noqa: N815 - names of the standard library

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server
