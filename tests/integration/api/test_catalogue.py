"""Offers and their versions; the copy of OpenStack's catalogue."""

import shutil
from pathlib import Path

import pytest
from sqlmodel import select

from dcctl import words
from dcctl.cli import status
from dcctl.cloud.limit_rules import limit_key
from dcctl.errors import CloudError, DcctlError
from dcctl.store import Offer, Source, now
from dcctl.workflow import catalogue, offers
from tests.integration.api.stack import SPEC, Api

STANDARD = (offers.SHIPPED / "standard.yaml").read_text(encoding="utf-8")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(offers.SHIPPED, tmp_path / "offers"))


def names(api: Api) -> list[tuple[str, int]]:
    return [(offer["name"], offer["version"]) for offer in api("GET", "/v1/offers", "sante-agent").body["items"]]


def test_the_shipped_offers_are_listed_with_words_in_both_languages(standing: Api) -> None:
    *_, offer = standing("GET", "/v1/offers", "sante-agent").body["items"]

    assert names(standing) == [("essai", 1), ("plateforme-nationale", 1), ("production", 1), ("standard", 1)]
    assert (offer["title"]["fr"], offer["title"]["en"]) == ("Environnement standard", "Standard environment")
    assert standing("GET", "/v1/offers/standard", "sante-agent").body == offer
    assert standing("GET", "/v1/offers/standart", "sante-agent").code == "DCCTL-107"


@pytest.mark.parametrize("name", ["essai", "plateforme-nationale", "production", "standard"])
def test_every_key_of_a_shipped_offer_is_one_of_a_services(standing: Api, name: str) -> None:
    document = standing("GET", f"/v1/offers/{name}", "sante-agent").body["document"]

    for key in (*document["quota"], *document["structural"]):
        limit_key(key)


def test_an_offer_is_published_anew_only_when_it_changed_and_an_old_version_stays_as_it_was(api: Api, directory: Path) -> None:
    assert offers.load(api.app, directory) == []

    (directory / "standard.yaml").write_text(STANDARD.replace("duration_months: 36", "duration_months: 24"), encoding="utf-8")

    assert offers.load(api.app, directory) == ["standard@2"]
    assert api("GET", "/v1/offers/standard", "sante-agent").body["document"]["duration_months"] == 24
    with api.app.reading() as session:
        versions = session.exec(select(Offer).where(Offer.name == "standard").order_by(Offer.version)).all()
    assert [(offer.version, offer.document["duration_months"]) for offer in versions] == [(1, 36), (2, 24)]


def test_a_retired_offer_is_no_longer_there(api: Api) -> None:
    assert api("POST", "/v1/offers/standard/retire", "operator").body["version"] == 1

    assert "standard" not in dict(names(api))
    assert api("GET", "/v1/offers/standard", "sante-agent").code == "DCCTL-107"
    assert api("POST", "/v1/offers/standard/retire", "operator").code == "DCCTL-107"
    asked = api("POST", "/v1/requests", "sante-agent", {"kind": "environment", "spec": SPEC}, headers={"Idempotency-Key": "retired-1"})
    assert [fault["code"] for fault in asked.body["error"]["params"]["faults"]] == ["spec.unknown_offer"]


def test_an_operator_publishes_the_next_version_and_what_was_asked_for_cites_the_one_before(api: Api) -> None:
    document = api("GET", "/v1/offers/standard", "operator").body["document"]
    asked = api("POST", "/v1/requests", "sante-agent", {"kind": "environment", "spec": SPEC}, headers={"Idempotency-Key": "cited-01"})
    assert asked.body["offer"] == "standard@1"

    same = api("POST", "/v1/offers", "operator", {"document": document})
    new = api("POST", "/v1/offers", "operator", {"document": document | {"approval": ["dc_lead", "dc_operator"]}})

    assert (same.status, same.body["version"], new.status, new.body["version"]) == (200, 1, 201, 2)
    assert api("GET", f"/v1/requests/{asked.body['number']}", "sante-agent").body["offer"] == "standard@1"
    later = api("POST", "/v1/requests", "sante-agent", {"kind": "environment", "spec": SPEC | {"name": "second"}},
                headers={"Idempotency-Key": "cited-02"})  # fmt: skip
    assert (later.body["offer"], [one["role"] for one in later.body["missing"]]) == ("standard@2", ["dc_lead", "dc_operator"])
    assert offers.load(api.app) == []  # what was shipped is not published over the site's own


def test_an_offer_with_faults_names_all_of_them_and_is_not_published(api: Api) -> None:
    document = api("GET", "/v1/offers/essai", "operator").body["document"]
    wrong = document | {"approval": ["dc_chef"], "duration_months": 1, "quota": {"coeurs": 1, "cores": -1}, "flavor": [], "name": "Essai !",
                        "title": {"fr": "Essai"}}  # fmt: skip

    refused = api("POST", "/v1/offers", "operator", {"document": wrong})

    assert refused.code == "DCCTL-001"
    assert {(".".join(map(str, fault["path"])), fault["code"]) for fault in refused.body["error"]["params"]["faults"]} == {
        ("approval.0", "policy.unknown_value"), ("duration_days", "offer.one_duration"), ("quota.coeurs", "offer.not_counted"),
        ("quota.cores", "spec.out_of_range"), ("flavor", "spec.unknown_key"), ("name", "spec.bad_name"), ("title", "spec.missing"),
    }  # fmt: skip
    assert api("POST", "/v1/offers", "sante-lead", {"document": document}).code == "DCCTL-106"
    assert dict(names(api))["essai"] == 1


def test_every_fault_of_a_file_is_named_and_nothing_is_published(api: Api, directory: Path) -> None:
    wrong = STANDARD.replace("cores: 400", "cores: -1").replace("ports: 500", "ports: 5.5").replace("  en: Standard environment\n", "")
    (directory / "standard.yaml").write_text(wrong.replace("routers: 10", "routeurs: 10"), encoding="utf-8")
    (directory / "essai.yaml").write_text("name: essai\n", encoding="utf-8")

    with pytest.raises(DcctlError) as refused:
        offers.load(api.app, directory)

    assert refused.value.code == "DCCTL-001"
    paths = {".".join(fault["path"]) for fault in refused.value.params["faults"]}
    assert {"standard.yaml.quota.cores", "standard.yaml.structural.ports", "standard.yaml.title", "standard.yaml.quota.routeurs"} <= paths
    assert "essai.yaml" in paths
    assert {version for _, version in names(api)} == {1}


def test_a_file_that_is_no_yaml_is_named(api: Api, directory: Path) -> None:
    (directory / "standard.yaml").write_text("quota: [", encoding="utf-8")

    with pytest.raises(DcctlError) as refused:
        offers.load(api.app, directory)

    assert (refused.value.code, Path(refused.value.params["path"]).name) == ("DCCTL-003", "standard.yaml")


def test_default_quotas_that_are_not_zero_are_a_warning_of_the_status(api: Api) -> None:
    said = "default_quota_not_zero: compute cores 20"
    with api.app.transaction() as session:
        session.add(Source(name="default-quotas", last_success_at=now(), last_attempt_at=now(), last_error=said))
        session.add(Source(name="catalogue", last_attempt_at=now(), last_error="Nova does not answer: timeout"))

    told = api("GET", "/v1/status", "operator").body

    assert told["warnings"] == [
        {"code": "source_failing", "source": "catalogue", "detail": "Nova does not answer: timeout"},
        {"code": "default_quota_not_zero", "source": "default-quotas", "detail": "compute cores 20"},
    ]
    assert [source["name"] for source in told["sources"]] == ["catalogue", "default-quotas"]


def test_a_source_that_fails_travels_as_code_and_parameters_and_is_told_in_the_readers_language(api: Api) -> None:
    with pytest.raises(CloudError):
        catalogue.refresh(api.app)  # nobody listens where its clouds.yaml says

    told = api("GET", "/v1/status", "operator").body

    ((warning, source),) = zip(told["warnings"], told["sources"], strict=True)
    assert (warning["code"], warning["source"], warning["error"]["code"]) == ("source_failing", "catalogue", "DCCTL-402")
    assert warning["detail"] == source["last_error"]
    assert not any(ours in warning["detail"] for ours in ("does not answer", "ne répond pas", "DCCTL"))
    spoken = {}
    for lang in ("fr", "en"):
        words.use(lang)
        spoken[lang] = status.warning(warning)
    assert spoken["fr"].startswith("catalogue ne répond pas entièrement\u00a0: ")
    assert "Nova ne répond pas\u00a0: " in spoken["fr"]
    assert "does not answer" not in spoken["fr"]
    assert "Nova does not answer: " in spoken["en"]
