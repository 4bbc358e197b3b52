"""What each read answers, over the whole stack."""

import pytest

from dcctl.store import Administration, ObservedProject, ProjectLimit, ProjectObservation, now
from tests.integration.api.stack import CAPACITY, ENVELOPE, Api

READS = [
    "/v1/whoami", "/v1/status", "/v1/administrations", "/v1/administrations/min-sante", "/v1/catalogue", "/v1/offers", "/v1/offers/standard",
    "/v1/quota", "/v1/history", "/v1/requests", "/v1/requests/R-2026-9001", "/v1/requests/R-2026-9001/events", "/v1/environments",
    "/v1/environments/min-sante/portail", "/v1/environments/min-sante/portail/cloud", "/v1/operations", "/v1/operations/O-2026-9001-1",
    "/v1/operations/O-2026-9001-1/events",
]  # fmt: skip


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("person", ["sante-agent", "sante-lead", "operator", "auditor"])
def test_everybody_with_a_role_reads_their_own(standing: Api, path: str, person: str) -> None:
    answer = standing("GET", path, person)

    assert answer.status == 200, answer.body
    assert answer.body["apiVersion"] == "dcctl/v1"


def test_a_ministry_reads_its_own_quota_and_an_operator_the_pool(standing: Api) -> None:
    mine, pool = standing("GET", "/v1/quota", "sante-agent").body, standing("GET", "/v1/quota", "operator").body

    assert (mine["holder"], mine["kind"], mine["region"]) == ("min-sante", "administration", "cotonou")
    assert {item["resource"]: item["available"] for item in mine["items"]} == ENVELOPE
    assert mine["items"][2] == {
        "resource": "ram", "unit": "MiB", "granted": 163_840, "available": 163_840, "held": 0, "allocated": 0, "limit": None, "usage": None,
    }  # fmt: skip
    assert pool["holder"] == "pool"
    assert {item["resource"]: item["available"] for item in pool["items"]} == {r: n - 2 * ENVELOPE[r] for r, n in CAPACITY.items()}


def test_limits_and_use_are_the_last_ones_read_and_summed_over_projects(api: Api) -> None:
    with api.app.transaction() as session:
        session.add(ProjectLimit(project_id="p-portail", service_type="network", key="floatingip", wanted=2, value=2, state="in_sync"))
        session.add(ProjectLimit(project_id="p-portail", service_type="compute", key="cores", wanted=4, value=4, state="in_sync"))
        session.add(ProjectLimit(project_id="p-portail", service_type="compute", key="key_pairs", wanted=100, value=100, state="in_sync"))
        session.flush()
        seen = {"project_id": "p-portail", "region": "cotonou", "usage_at": now(), "quota_at": now()}
        session.add(ProjectObservation(service_type="network", resource="floatingips", usage=1, backend_quota=3, **seen))
        session.add(ProjectObservation(service_type="compute", resource="cores", usage=3, backend_quota=None, **seen | {"quota_at": None}))
        session.add(ProjectObservation(service_type="compute", resource="ram", usage=6144, backend_quota=-1, **seen))

    items = {item["resource"]: item for item in api("GET", "/v1/quota", "sante-lead").body["items"]}

    assert {name: (items[name]["limit"], items[name]["usage"]) for name in ("floatingips", "cores", "ram", "volumes")} == {
        "floatingips": (3, 1), "cores": (4, 3), "ram": (-1, 6144), "volumes": (None, None),
    }  # fmt: skip
    assert "key_pairs" not in items


def test_a_project_of_the_domain_that_dcctl_did_not_make_counts_too_and_no_other(api: Api) -> None:
    with api.app.transaction() as session:
        own = session.get_one(Administration, "min-sante").domain_id
        session.add(ObservedProject(project_id="p-ancien", name="ancien", domain_id=own, domain_name="min-sante"))
        session.add(ObservedProject(project_id="p-foreign", name="foreign", domain_id="default", domain_name="Default"))
        session.flush()
        for project, cores in (("p-portail", 3), ("p-ancien", 8), ("p-foreign", 100)):
            seen = {"project_id": project, "region": "cotonou", "usage_at": now(), "quota_at": now()}
            session.add(ProjectObservation(service_type="compute", resource="cores", usage=cores, backend_quota=cores, **seen))

    [cores] = [item for item in api("GET", "/v1/quota", "sante-lead").body["items"] if item["resource"] == "cores"]

    assert (cores["limit"], cores["usage"]) == (11, 11)


def test_history_tells_who_why_and_on_which_paper(standing: Api) -> None:
    first = standing("GET", "/v1/history", "sante-agent", limit=4).body
    rest = standing("GET", "/v1/history", "sante-agent", after=first["cursor"]).body

    assert len(first["items"]) == 4
    assert len(rest["items"]) == len(ENVELOPE) - 4
    assert rest["cursor"] is None
    last = rest["items"][-1]
    assert {key: last[key] for key in ("kind", "resource", "amount", "source", "destination", "actor", "document", "reason")} == {
        "kind": "grant", "resource": "instances", "amount": 40, "source": "pool", "destination": "min-sante", "actor": "operator",
        "document": "Arrêté 12", "reason": "Dotation 2026",
    }  # fmt: skip
    assert last["cause"].startswith("A-2026-") or last["cause"].startswith("A-20")


def test_whoami_says_who_where_which_roles_and_what_one_sees(standing: Api) -> None:
    lead, nobody = standing("GET", "/v1/whoami", "sante-lead").body, standing("GET", "/v1/whoami", "sante-manager").body

    assert (lead["user"], lead["domain"], lead["scope"]) == ("sante-lead", "asin", {"kind": "domain", "name": "min-sante"})
    assert (lead["roles"], lead["administrations"]) == (["dc_lead"], ["anpc", "min-sante"])
    assert (nobody["roles"], nobody["administrations"]) == ([], [])


def test_status_of_a_ministry_says_what_to_do_next(standing: Api) -> None:
    ours, theirs = standing("GET", "/v1/status", "sante-lead").body, standing("GET", "/v1/status", "justice-lead").body

    assert [(a["code"], a["requests_waiting"], a["environments"]) for a in ours["administrations"]] == [("min-sante", 0, {"active": 1})]
    assert theirs["administrations"][0]["next"] == ["ask"]
    assert standing("GET", "/v1/status", "anpc-agent").body["administrations"][0]["next"] == ["no_envelope"]
    assert [a["code"] for a in standing("GET", "/v1/status", "operator").body["administrations"]] == ["anpc", "min-justice", "min-sante"]


def test_the_entry_for_clouds_yaml_has_the_project_and_no_secret(standing: Api) -> None:
    answer = standing("GET", "/v1/environments/-/portail/cloud", "sante-agent")

    assert answer.body["cloud"] == "min-sante-portail"
    assert answer.body["entry"] == {
        "auth": {"auth_url": "http://127.0.0.1:22001/v3", "project_id": "p-portail"}, "region_name": "cotonou", "identity_api_version": 3,
    }  # fmt: skip


def test_the_processs_health_needs_no_token(standing: Api) -> None:
    assert standing("GET", "/healthz", None).body == {"status": "ok"}
    assert standing("GET", "/readyz", None).body == {"status": "ok"}


def test_lists_come_in_pages_of_at_most_a_thousand(standing: Api) -> None:
    page = standing("GET", "/v1/administrations", limit=2).body

    assert [a["code"] for a in page["items"]] == ["anpc", "min-justice"]
    assert [a["code"] for a in standing("GET", "/v1/administrations", after=page["cursor"]).body["items"]] == ["min-sante"]
    assert standing("GET", "/v1/requests", limit=1001).code == "DCCTL-002"
    assert standing("GET", "/v1/requests", limit=0).code == "DCCTL-002"
