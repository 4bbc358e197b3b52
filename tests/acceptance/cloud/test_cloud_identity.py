"""People, roles, groups and the service catalogue in a real Keystone; and what errors look like when the cloud refuses or is not there."""

import json
import secrets
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dcctl.cloud import identity, registry
from dcctl.cloud.catalogue import catalogue
from dcctl.cloud.connect import Cloud
from dcctl.cloud.failures import status_of
from tests.acceptance.cloud.conftest import REGION
from tests.acceptance.cloud.tenants import Tenant, refusal

PASSWORD = secrets.token_urlsafe(18)


@pytest.fixture
def domain(admin: Cloud) -> Iterator[str]:
    """The code of an administration of our own."""
    code = f"cloudtest-{secrets.token_hex(3)}"
    yield code
    domain_id = identity.find_domain(admin, code)
    if domain_id is not None:
        admin.call("identity", "PATCH", f"/domains/{domain_id}", body={"domain": {"enabled": False}})
        admin.call("identity", "DELETE", f"/domains/{domain_id}")


def test_a_domain_is_made_once_and_adopted_afterwards(admin: Cloud, domain: str) -> None:
    made = identity.ensure_domain(admin, domain, "Mairie de Ouidah")
    admin.call("identity", "PATCH", f"/domains/{made}", body={"domain": {"enabled": False}})

    assert identity.ensure_domain(admin, domain, "autre") == made
    found = admin.call("identity", "GET", f"/domains/{made}")["domain"]
    assert (found["enabled"], found["description"]) == (True, "Mairie de Ouidah")


def test_a_user_is_found_by_exact_name_in_the_first_domain_that_has_one(admin: Cloud, domain: str) -> None:
    lead = identity.find_user(admin, "sante-lead", ["asin", "min-sante"])
    assert lead is not None
    assert (lead.domain, lead.enabled) == ("asin", True)
    assert identity.find_user(admin, "Sante-Lead", ["asin"]) is None
    assert identity.find_user(admin, "sante-lead", ["no-such-domain"]) is None

    user_id = registry.ensure_user(admin, "sante-lead", domain, PASSWORD)
    local = identity.find_user(admin, "sante-lead", [domain, "asin"])
    assert local is not None
    assert (local.id, local.domain) == (user_id, domain)
    assert identity.find_user(admin, "sante-lead", ["asin", domain]) == lead


def test_roles_are_given_to_users_listed_and_taken_back(admin: Cloud, domain: str) -> None:
    domain_id = identity.ensure_domain(admin, domain, "")
    user_id = registry.ensure_user(admin, "agent-ouidah", domain, PASSWORD)
    group = admin.call("identity", "POST", "/groups", body={"group": {"name": "tous", "domain_id": domain_id}})["group"]["id"]
    role_id = identity.ensure_role(admin, "dc_agent")
    assert identity.ensure_role(admin, "dc_agent") == role_id
    admin.call("identity", "PUT", f"/domains/{domain_id}/groups/{group}/roles/{role_id}")

    identity.assign(admin, user_id, "dc_agent", domain_id=domain_id)
    identity.assign(admin, user_id, "dc_agent", domain_id=domain_id)
    identity.assign(admin, user_id, "reader", domain_id=domain_id)

    expected = identity.Assignment(user_id=user_id, user_name="agent-ouidah", user_domain=domain, role="dc_agent")
    assert identity.assignments(admin, ["dc_agent", "dc_lead"], domain_id=domain_id) == [expected]
    identity.unassign(admin, user_id, "dc_agent", domain_id=domain_id)
    identity.unassign(admin, user_id, "dc_agent", domain_id=domain_id)
    assert identity.assignments(admin, ["dc_agent", "dc_lead"], domain_id=domain_id) == []
    assert status_of(refusal(lambda: identity.assign(admin, user_id, "dc_emperor", domain_id=domain_id))) == 404


def test_roles_on_a_project_are_told_from_those_on_its_domain(admin: Cloud, tenant: Callable[..., Tenant]) -> None:
    project = tenant("roles", {})

    identity.assign(admin, admin.own_user_id, "reader", project_id=project.id)

    found = identity.assignments(admin, ["reader", "member"], project_id=project.id)
    assert [assignment.role for assignment in found] == ["member", "reader"]
    assert identity.assignments(admin, ["dc_lead"], project_id=project.id) == []


def test_a_group_has_exactly_its_people_and_its_role(admin: Cloud, domain: str, tenant: Callable[..., Tenant]) -> None:
    domain_id = identity.ensure_domain(admin, domain, "")
    project = tenant("group", {})
    group = admin.call("identity", "POST", "/groups", body={"group": {"name": "dossier-patient", "domain_id": domain_id}})["group"]["id"]
    first, second, third = (registry.ensure_user(admin, f"agent-{number}", domain, PASSWORD) for number in (1, 2, 3))

    identity.fill_group(admin, group, [first, second])
    identity.fill_group(admin, group, [second, third])

    assert {user["id"] for user in admin.pages("identity", f"/groups/{group}/users", "users")} == {second, third}
    identity.fill_group(admin, group, [])
    assert admin.pages("identity", f"/groups/{group}/users", "users") == []
    granted = {"group.id": group, "scope.project.id": project.id}
    identity.grant_group(admin, project.id, group)
    identity.grant_group(admin, project.id, group)
    assert len(admin.pages("identity", "/role_assignments", "role_assignments", granted)) == 1
    identity.revoke_group(admin, project.id, group)
    identity.revoke_group(admin, project.id, group)
    assert admin.pages("identity", "/role_assignments", "role_assignments", granted) == []


def test_a_project_is_found_deleted_and_gone(admin: Cloud, domain: str) -> None:
    domain_id = identity.ensure_domain(admin, domain, "")
    made = identity.ensure_project(admin, "cloudtest-portail", domain_id, "essai")

    assert identity.ensure_project(admin, "cloudtest-portail", domain_id) == made
    assert identity.project(admin, made.id) == made
    assert made == replace(made, name="cloudtest-portail", domain_id=domain_id, enabled=True, description="essai")
    identity.delete_project(admin, made.id)
    identity.delete_project(admin, made.id)
    assert identity.project(admin, made.id) is None


def test_a_service_is_registered_once_and_its_address_follows(admin: Cloud) -> None:
    kind = f"cloudtest-{secrets.token_hex(3)}"
    made = registry.ensure_service(admin, type=kind, name="essai", url="http://127.0.0.1:1/", region=REGION)
    try:
        again = registry.ensure_service(admin, type=kind, name="essai", url="http://127.0.0.1:2/", region=REGION)
        endpoints = admin.pages("identity", "/endpoints", "endpoints", {"service_id": made})
        assert again == made
        assert {(e["interface"], e["url"]) for e in endpoints} == {(i, "http://127.0.0.1:2/") for i in ("public", "internal", "admin")}
        assert len(endpoints) == 3
    finally:
        admin.call("identity", "DELETE", f"/services/{made}")


def test_a_service_users_password_is_set_only_when_it_differs(admin: Cloud, domain: str) -> None:
    identity.ensure_domain(admin, domain, "")
    user_id = registry.ensure_user(admin, "dcctl-essai", domain, PASSWORD)
    before = admin.call("identity", "GET", f"/users/{user_id}")["user"]
    assert registry.ensure_user(admin, "dcctl-essai", domain, PASSWORD) == user_id
    assert admin.call("identity", "GET", f"/users/{user_id}")["user"] == before

    other = secrets.token_urlsafe(18)
    assert registry.ensure_user(admin, "dcctl-essai", domain, other) == user_id
    assert registry.password_works(admin, user_id, other)
    assert not registry.password_works(admin, user_id, PASSWORD)


def test_the_catalogue_has_what_a_spec_may_name(admin: Cloud) -> None:
    found = catalogue(admin)

    assert {"m1.tiny", "m1.small", "m1.medium"} <= {flavor.name for flavor in found.flavors}
    assert {"cirros", "debian-12"} <= {image.name for image in found.images}
    networks = [network.name for network in found.networks]
    assert "public" in networks
    # Other tests make external networks for a while; those that projects have inside are none.
    assert [name for name in networks if not name.startswith("public")] == []
    assert {(volume_type.name, volume_type.default) for volume_type in found.volume_types} == {("standard", True), ("ssd", False)}
    tiny = next(flavor for flavor in found.flavors if flavor.name == "m1.tiny")
    assert (tiny.vcpus, tiny.ram_mib, tiny.public) == (1, 512, True)


def test_refusals_keep_the_services_own_words(admin: Cloud) -> None:
    missing = refusal(lambda: admin.call("compute", "GET", "/servers/00000000-0000-0000-0000-000000000000"))
    assert (missing.code, missing.params["service"], missing.params["status"]) == ("DCCTL-401", "Nova", 404)
    assert "could not be found" in missing.params["words"]
    html = refusal(lambda: admin.call("image", "GET", "/images/00000000-0000-0000-0000-000000000000"))
    assert (html.params["service"], html.params["status"]) == ("Glance", 404)
    assert "<" not in html.params["words"]
    assert admin.call("image", "GET", "/images/00000000-0000-0000-0000-000000000000", absent_ok=True) is None


def test_a_wrong_password_a_closed_port_and_an_unknown_entry_are_three_clear_errors(
    clouds_yaml: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    closed = socket.socket()
    request.addfinalizer(closed.close)
    closed.bind(("127.0.0.1", 0))  # bound, and nobody listens
    port = closed.getsockname()[1]
    auth = {"username": "admin", "user_domain_name": "Default", "project_name": "admin", "project_domain_name": "Default", "password": "wrong"}
    real_url = Cloud(clouds_yaml, "cloud-admin", REGION).auth_url
    entries = {name: {"auth": auth | {"auth_url": url}} for name, url in (("wrong", real_url), ("away", f"http://127.0.0.1:{port}/v3"))}
    file = tmp_path / "clouds.yaml"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"clouds": entries}))

    wrong = refusal(lambda: Cloud(file, "wrong", REGION).call("compute", "GET", "/servers"))
    assert (wrong.code, wrong.params["service"], wrong.params["status"]) == ("DCCTL-401", "Keystone", 401)
    away = refusal(lambda: Cloud(file, "away", REGION).call("compute", "GET", "/servers"))
    assert (away.code, away.params["status"]) == ("DCCTL-402", None)
    unknown = refusal(lambda: Cloud(file, "nowhere", REGION).call("compute", "GET", "/servers"))
    assert unknown.code == "DCCTL-402"
    assert "nowhere" in unknown.params["words"]


def test_threads_share_a_cloud(admin: Cloud) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: identity.find_domain(admin, "min-sante"), range(12)))

    assert len(set(found)) == 1
    assert found[0]


def test_pages_are_followed_to_their_end(admin: Cloud) -> None:
    # Other tests make and delete images and types at the same time: what was there before and after was there in between.
    lists = [
        ("compute", "/flavors/detail", "flavors", {}), ("image", "/images", "images", {"visibility": "public"}),
        ("block_storage", "/types", "volume_types", {}),
    ]  # fmt: skip
    for service, path, key, only in lists:
        before = {item["id"] for item in admin.pages(service, path, key, only)}
        paged = {item["id"] for item in admin.pages(service, path, key, only | {"limit": 1})}
        after = {item["id"] for item in admin.pages(service, path, key, only)}

        assert len(before & after) > 1
        assert paged >= before & after
