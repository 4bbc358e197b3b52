"""Who may do what to whose, written by hand: persons x calls x (own, parent, sibling, child, unknown), and what is nobody's but the datacenter's.

Every rule of the policy has a row. An agent and a lead belong to *own*; *parent* is above it, *sibling* beside it, *child* below it, *unknown* is
not there. Operator and auditor belong to the datacenter. *Nobody* is any of: the cloud's administrator, a manager of own's Keystone domain, and a
puppet that such a manager made, with dcctl's roles on an account of the ministry's own domain. For each of the five in this order:

    +  let through (what comes then is another matter)      -  403: it is seen, and not allowed      0  404: as if it were not there
"""

from dataclasses import dataclass

RELATIONS = ("own", "parent", "sibling", "child", "unknown")
PERSONS = ("agent", "lead", "operator", "auditor", "nobody")
NOBODIES = ("admin", "manager", "puppet")

#: Rule, method, path, then for each of PERSONS.
TABLE = """
status:show             GET    /v1/status?administration={a}                            +00+0 +00+0 ++++0 ++++0 -----
administration:show     GET    /v1/administrations/{a}                                  +00+0 +00+0 ++++0 ++++0 -----
administration:move     POST   /v1/administrations/{a}/parent                           00000 00000 ++++0 00000 00000
person:list             GET    /v1/administrations/{a}/people                           +00+0 +00+0 ++++0 ++++0 -----
person:add              POST   /v1/administrations/{a}/people                           -00-0 -00-0 ++++0 ----0 00000
person:remove           DELETE /v1/administrations/{a}/people/nobody-here?role=dc_lead  -00-0 -00-0 ++++0 ----0 00000
contact:list            GET    /v1/administrations/{a}/contacts                         +00+0 +00+0 ++++0 ++++0 -----
contact:add             POST   /v1/administrations/{a}/contacts                         -00-0 +00-0 ++++0 ----0 00000
contact:remove          DELETE /v1/administrations/{a}/contacts/x@sante.bj              -00-0 +00-0 ++++0 ----0 00000
quota:show              GET    /v1/quota?administration={a}                             +00+0 +00+0 ++++0 ++++0 -----
quota:show              GET    /v1/quota?administration={a}&environment=portail         +00+0 +00+0 ++++0 ++++0 -----
quota:history           GET    /v1/history?administration={a}                           +00+0 +00+0 ++++0 ++++0 -----
quota:grant             POST   /v1/grants                                               00000 00000 ++++0 00000 00000
quota:revoke            POST   /v1/revocations                                          00000 00000 ++++0 00000 00000
usage:show              GET    /v1/usage?administration={a}                             +00+0 +00+0 ++++0 ++++0 -----
usage:show              GET    /v1/usage/hours?since=2026-01-01T00:00:00Z&administration={a} +00+0 +00+0 ++++0 ++++0 -----
request:submit          POST   /v1/requests                                             +00-0 +00-0 ----0 ----0 00000
request:list            GET    /v1/requests?administration={a}                          +00+0 +00+0 ++++0 ++++0 -----
request:show            GET    /v1/requests/{r}                                         +00+0 +00+0 ++++0 ++++0 -----
request:show            GET    /v1/requests/{r}/events                                  +00+0 +00+0 ++++0 ++++0 -----
request:decide          POST   /v1/requests/{r}/decisions                               -00-0 +00-0 ----0 ----0 00000
request:withdraw        POST   /v1/requests/{r}/withdraw                                +00-0 +00-0 ----0 ----0 00000
request:edit            POST   /v1/requests/{r}/edit                                    +00-0 +00-0 ----0 ----0 00000
request:edit            POST   /v1/requests/{r}/answer                                  +00-0 +00-0 ----0 ----0 00000
request:comment         POST   /v1/requests/{r}/comments                                +00-0 +00-0 ++++0 ----0 00000
request:comment         POST   /v1/requests/{r}/evidence                                +00-0 +00-0 ++++0 ----0 00000
request:review          POST   /v1/requests/{r}/review                                  -00-0 +00-0 ++++0 ++++0 00000
environment:list        GET    /v1/environments?administration={a}                      +00+0 +00+0 ++++0 ++++0 -----
environment:show        GET    /v1/environments/{a}/portail                             +00+0 +00+0 ++++0 ++++0 -----
environment:show        GET    /v1/environments/{a}/portail/drift                       +00+0 +00+0 ++++0 ++++0 -----
environment:cloud       GET    /v1/environments/{a}/portail/cloud                       +00+0 +00+0 ++++0 ++++0 -----
environment:certificate GET    /v1/environments/{a}/portail/certificate                 +00+0 +00+0 ++++0 ++++0 -----
environment:plan        POST   /v1/environments/{a}/portail/plans                       +00-0 +00-0 ++++0 ----0 00000
environment:accept      POST   /v1/environments/{a}/portail/drift/accept                -00-0 +00-0 ++++0 ----0 00000
operation:repair        POST   /v1/environments/{a}/portail/state/looks                 -00-0 -00-0 ++++0 ----0 00000
operation:repair        POST   /v1/environments/{a}/portail/state                       -00-0 -00-0 ++++0 ----0 00000
operation:list          GET    /v1/operations?administration={a}                        +00+0 +00+0 ++++0 ++++0 -----
operation:show          GET    /v1/operations/{o}                                       +00+0 +00+0 ++++0 ++++0 -----
operation:show          GET    /v1/operations/{o}/events                                +00+0 +00+0 ++++0 ++++0 -----
operation:retry         POST   /v1/operations/{o}/retry                                 +00-0 +00-0 ++++0 ----0 00000
operation:cancel        POST   /v1/operations/{o}/cancel                                +00-0 +00-0 ++++0 ----0 00000
operation:abandon       POST   /v1/operations/{o}/abandon                               -00-0 +00-0 ++++0 ----0 00000
"""

#: The same of calls that are about no administration: one sign for each of PERSONS.
SITE = """
whoami:show             GET    /v1/whoami                                               + + + + +
status:show             GET    /v1/status                                               + + + + -
administration:list     GET    /v1/administrations                                      + + + + -
administration:create   POST   /v1/administrations                                      - - + - -
capacity:show           GET    /v1/capacity                                             - - + + -
capacity:declare        PUT    /v1/capacity                                             - - + - -
catalogue:list          GET    /v1/catalogue                                            + + + + -
offer:list              GET    /v1/offers                                               + + + + -
offer:show              GET    /v1/offers/standard                                      + + + + -
offer:publish           POST   /v1/offers                                               - - + - -
offer:publish           POST   /v1/offers/none/retire                                   - - + - -
policy:show             GET    /v1/policy                                               + + + + -
policy:show             GET    /v1/policies/99                                          + + + + -
policy:check            POST   /v1/policies/check                                       + + + + -
policy:publish          POST   /v1/policies                                             - - + - -
quota:show              GET    /v1/quota                                                + + + + -
quota:history           GET    /v1/history                                              + + + + -
quota:verify            GET    /v1/ledger                                               - - + + -
quota:import            POST   /v1/imports                                              - - + - -
quota:correct           POST   /v1/corrections                                          0 0 + 0 0
usage:show              GET    /v1/usage                                                + + + + -
usage:top               GET    /v1/usage/top                                            + + + + -
usage:top               GET    /v1/usage/ranking?since=2026-01-01T00:00:00Z             + + + + -
act:list                GET    /v1/acts                                                 - - + + -
act:show                GET    /v1/acts/{act}                                           0 0 + + 0
act:decide              POST   /v1/acts/{act}/decisions                                 0 0 + 0 0
request:list            GET    /v1/requests                                             + + + + -
request:submit          POST   /v1/requests/trials                                      + + - - -
environment:list        GET    /v1/environments                                         + + + + -
environment:list        GET    /v1/drift                                                + + + + -
environment:show        GET    /v1/plans/2000000000                                     + + + + -
operation:list          GET    /v1/operations                                           + + + + -
reconciliation:run      POST   /v1/reconciliations                                      - - + + -
reconciliation:apply    POST   /v1/reconciliations                                      - - + - -
reconciliation:show     GET    /v1/reconciliations/2000000000                           - - + + -
discrepancy:list        GET    /v1/discrepancies                                        - - + + -
discrepancy:show        GET    /v1/discrepancies/D-999                                  - - + + -
discrepancy:say         POST   /v1/discrepancies/D-999/explain                          - - + - -
region:show             GET    /v1/region                                               - - + + -
region:mode             PUT    /v1/region                                               - - + - -
audit:list              GET    /v1/audit                                                - - + + -
audit:list              GET    /v1/audit/events/2000000000                              - - + + -
audit:export            GET    /v1/audit/export                                         - - + + -
maintenance:show        GET    /v1/maintenance                                          - - + + -
maintenance:set         PUT    /v1/maintenance                                          - - + - -
"""
#: What may be missing in an answer 404 to somebody who was let through.
BESIDE = frozenset({"user", "contact", "offer", "policy", "plan", "reconciliation", "discrepancy", "event"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call of one person about one administration, and what must come of it."""

    rule: str
    method: str
    path: str
    person: str
    relation: str
    expected: str


def cases() -> list[Case]:
    """All of them; each of NOBODIES is asked."""
    found = []
    for table, relations in ((TABLE, RELATIONS), (SITE, RELATIONS[:1])):
        for row in table.strip().splitlines():
            rule, method, path, *columns = row.split()
            assert len(columns) == len(PERSONS), row
            for column, expected in zip(PERSONS, columns, strict=True):
                for person in NOBODIES if column == "nobody" else (column,):
                    for relation, says in zip(relations, expected, strict=True):
                        found.append(Case(rule=rule, method=method, path=path, person=person, relation=relation, expected=says))
    return found


_PAPER = {"reason": "Essai", "document": "Note 10"}
#: Refused in the end, or of no consequence: an administration that is there already, resources and offers that nobody knows.
OF_RULE: dict[str, dict[str, object]] = {
    "administration:create": {"name": "Essai"}, "capacity:declare": {"resources": {"horses": 4}, **_PAPER},
    "offer:publish": {"document": {}}, "policy:check": {"document": {}}, "policy:publish": {"document": {}, "reason": "Essai"},
    "quota:import": {"envelopes": [{"administration": "min-none", "resources": {"cores": 1}}], "dry_run": True, **_PAPER},
    "quota:correct": {"entry": 1, "resources": {"horses": 4}, **_PAPER},
    "act:decide": {"verdict": "refuse", "reason": "Non conforme", "digest": "1" * 64},
    "reconciliation:run": {"apply": False}, "reconciliation:apply": {"apply": True}, "discrepancy:say": {"reason": "Migration du portail"},
    "region:mode": {"mode": "enforce", "reason": "Essai"}, "maintenance:set": {"on": False},
}  # fmt: skip


def body(case: Case, administration: str) -> dict[str, object] | None:
    """What is sent: in order as far as the policy is asked, and harmless where it is let through."""
    if case.method in ("GET", "DELETE"):
        return None
    address = case.path
    if case.rule in OF_RULE:
        return OF_RULE[case.rule] | ({"code": administration} if case.rule == "administration:create" else {})
    if address.endswith("/people"):
        return {"user": "nobody-here", "role": "dc_agent"}
    if address.endswith("/contacts"):
        return {"address": "x@sante.bj"}
    if address.endswith("/parent"):
        return {"parent": administration, **_PAPER}  # below itself: refused by the ledger
    if address in ("/v1/grants", "/v1/revocations"):
        return {"administration": administration, "resources": {"cores": 2**40}, **_PAPER}  # more than anybody has
    if address == "/v1/requests":
        return {"kind": "environment", "spec": {"administration": administration, "name": "portail"}}  # too little for a spec
    if address.endswith("/decisions"):
        return {"verdict": "refuse", "reason": "Non conforme", "digest": "1" * 64}
    by_verb: dict[str, dict[str, object]] = {
        "edit": {"kind": "environment", "spec": {"administration": administration, "name": "portail"}}, "answer": {"accept": False},
        "comments": {"text": "Vu"}, "review": {"justified": True, "reason": "Vu"}, "state": {"digest": "1" * 64, "reason": "DCCTL-421"},
        "trials": {"requests": [{"kind": "?"}]},
    }  # fmt: skip
    if (verb := address.rpartition("/")[2]) in by_verb:
        return by_verb[verb]
    if address.endswith("/accept"):
        return {"reason": "Connu"}
    return {}


def said(status: int, document: dict[str, dict[str, object]]) -> str:
    """An answer in the table's signs; what is missing beside the thing itself (BESIDE) was let through."""
    error = document.get("error", {})
    if status == 403 and error.get("code") == "DCCTL-106":
        return "-"
    if status == 404 and error.get("code") == "DCCTL-107":
        params = error.get("params", {})
        assert isinstance(params, dict)
        return "+" if params.get("kind") in BESIDE else "0"
    return "+" if status < 500 and status not in (401, 403, 404, 405, 429) else f"{status} {error.get('code')}"
