"""What people and services do in the middle of a run: limits changed by hand, servers in ERROR, an image gone, a role revoked. The operation ends
with the service's own words, what exists stays known, and a retry, or giving up, leads to cloud = state = ledger.
"""

import io
from collections.abc import Callable
from typing import Any

from tests.acceptance.main_job.conftest import ByHand, Connect, Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS
from tests.chaos.conftest import Agree
from tests.chaos.crew import Crew
from tests.chaos.proxy import Call, Fault
from tests.chaos.test_deaths import GROWN, KEYS, WEB
from tests.chaos.troubling import followed, retry, submitted

pytestmark = WITNESS_WARNINGS

Do = Callable[[Call], None]
#: No volume to start from: it is made faster.
PLAIN: dict[str, Any] = {"name": "web", "flavor": "m1.tiny", "image": "cirros"}
BARE: dict[str, Any] = {"servers": [], "quota": {"networks": 1, "routers": 1, "floatingips": 1}}


def once(wanted: Callable[[Call], bool], do: Do) -> tuple[Do, list[str]]:
    """Does it at the first call that is wanted; the calls at which it was done."""
    done: list[str] = []

    def hear(call: Call) -> None:
        if not done and wanted(call):
            done.append(f"{call.method} {call.path}")
            do(call)

    return hear, done


def project_of(crew: Crew) -> str:
    [(project,)] = crew.ask("SELECT project_id FROM environment WHERE administration = %s AND name = %s", crew.code, crew.environment)
    return str(project)


def makes(kind: str) -> Callable[[Call], bool]:
    return lambda call: call.method == "POST" and call.path.rstrip("/").endswith(kind)


def test_a_limit_that_is_lowered_by_hand_in_the_middle_is_written_again_by_the_retry(
    crew: Crew, ministry: Ministry, connect: Connect, by_hand: ByHand, agree: Agree
) -> None:
    admin = connect()

    def lower(call: Call) -> None:
        project = project_of(crew)
        by_hand(project)
        admin.compute.put(f"/os-quota-sets/{project}", json={"quota_set": {"instances": 0, "force": True}})

    crew.weather.before, done = once(makes("/networks"), lower)
    number = submitted(crew, ministry, "limite", servers=[PLAIN])
    told = followed(crew, ministry, number, retrying=False)

    failed = crew.request(number)
    assert (told.state, bool(done), failed["error"]["code"]) == ("failed", True, "DCCTL-404"), failed
    assert "instances" in failed["error"]["params"]["words"], failed["error"]
    assert "limite-web-1" in failed["error"]["params"]["resource"], failed["error"]
    retry(crew, ministry, failed["operation"])
    assert followed(crew, ministry, number).state == "fulfilled"
    agree()


def test_a_server_that_goes_to_error_while_it_is_made_is_made_again(crew: Crew, ministry: Ministry, connect: Connect, agree: Agree) -> None:
    admin = connect()
    broken: list[str] = []

    def spoil(call: Call) -> None:
        [server] = admin.compute.servers(all_projects=True, project_id=project_of(crew))
        # Its maker hears of it, and looks at it, only after this. Nova resets no state of what it has not built yet.
        admin.compute.wait_for_server(server, interval=0.5, wait=120)
        admin.compute.post(f"/servers/{server.id}/action", json={"os-resetState": {"state": "error"}}).raise_for_status()
        assert admin.compute.get_server(server.id).status == "ERROR"
        broken.append(server.id)

    crew.weather.after, _ = once(makes("/servers"), spoil)
    number = submitted(crew, ministry, "erreur", servers=[PLAIN])
    told = followed(crew, ministry, number)

    assert (told.state, len(broken)) == ("fulfilled", 1), told
    agree()
    [server] = admin.compute.servers(all_projects=True, project_id=project_of(crew))
    assert (server.status, server.id != broken[0]) == ("ACTIVE", True)


def test_an_image_that_is_deleted_between_approval_and_run_is_named_and_giving_up_gives_all_back(
    crew: Crew, ministry: Ministry, connect: Connect, agree: Agree
) -> None:
    admin, site = connect(), ministry.site
    image = admin.image.create_image(
        name=f"debian-{ministry.code}", data=io.BytesIO(b"essai"), disk_format="raw", container_format="bare", visibility="public", wait=True,
        allow_duplicates=True, validate_checksum=False,
    )  # fmt: skip
    spec = ministry.spec("image", servers=[PLAIN | {"image": image.name}])
    site.until(lambda: site.dcctl(ministry.agent, "request", "submit", str(spec)).returncode == 0, "the image is known", seconds=120, pause=3)
    crew.of(ministry, "image")
    number = site.answer(ministry.agent, "request", "list")["items"][0]["number"]
    site.until(lambda: crew.request(number).get("state") == "in_review", "in review", seconds=120)
    try:
        site.answer("operator", "maintenance", "on", "--reason", "essai")
        ministry.approve(number)
        admin.image.delete_image(image.id)
    finally:
        site.answer("operator", "maintenance", "off")

    told = followed(crew, ministry, number, retrying=False)
    failed = crew.request(number)
    assert (told.state, failed["error"]["code"]) == ("failed", "DCCTL-404"), failed
    assert image.id in failed["error"]["params"]["words"] or "image" in failed["error"]["params"]["words"].lower(), failed["error"]
    assert "image-web-1" in failed["error"]["params"]["resource"], failed["error"]

    site.answer(ministry.lead, "operation", "abandon", failed["operation"])
    site.until(lambda: crew.request(number).get("state") == "abandoned", "given up", seconds=240, pause=1)
    agree()


def test_a_role_that_is_revoked_and_restored_stops_the_run_and_a_retry_ends_it(
    crew: Crew, ministry: Ministry, connect: Connect, agree: Agree
) -> None:
    admin = connect()
    [user] = admin.identity.users(name="dcctl-build")
    [role] = [role for role in admin.identity.roles() if role.name == "member"]

    def revoke(call: Call) -> None:
        admin.identity.unassign_project_role_from_user(project=project_of(crew), user=user.id, role=role.id)

    crew.weather.before, done = once(makes("/routers"), revoke)
    number = submitted(crew, ministry, "role", servers=[PLAIN])
    told = followed(crew, ministry, number, retrying=False)

    failed = crew.request(number)
    assert (told.state, bool(done)) == ("failed", True), failed
    assert failed["error"]["code"] in ("DCCTL-401", "DCCTL-404"), failed["error"]
    admin.identity.assign_project_role_to_user(project=project_of(crew), user=user.id, role=role.id)
    retry(crew, ministry, failed["operation"])
    assert followed(crew, ministry, number).state == "fulfilled"
    agree()


def test_the_administrators_role_that_is_revoked_and_restored_likewise(crew: Crew, ministry: Ministry, connect: Connect, agree: Agree) -> None:
    admin = connect()
    [user] = admin.identity.users(name="dcctl-admin")
    [role] = [role for role in admin.identity.roles() if role.name == "admin"]
    given = [one for one in admin.identity.role_assignments(user_id=user.id, role_id=role.id) if one.scope.get("project")]
    places = [one.scope["project"]["id"] for one in given]
    assert places

    def revoke(call: Call) -> None:
        for project in places:
            admin.identity.unassign_project_role_from_user(project=project, user=user.id, role=role.id)

    crew.weather.after, done = once(makes("/projects"), revoke)
    number = submitted(crew, ministry, "service", **BARE)
    try:
        told = followed(crew, ministry, number, retrying=False)
        failed = crew.request(number)
    finally:
        for project in places:
            admin.identity.assign_project_role_to_user(project=project, user=user.id, role=role.id)
    assert (told.state, bool(done)) == ("failed", True), failed
    retry(crew, ministry, failed["operation"])
    assert followed(crew, ministry, number).state == "fulfilled"
    agree()


def test_a_resize_whose_run_is_killed_before_it_is_confirmed_is_confirmed_by_the_next(
    crew: Crew, ministry: Ministry, connect: Connect, agree: Agree
) -> None:
    admin = connect()
    assert followed(crew, ministry, submitted(crew, ministry, "taille", servers=[WEB], **KEYS)).state == "fulfilled"
    project = project_of(crew)

    def kill(call: Call) -> None:
        crew.kill("engine")
        crew.kill("provider")

    crew.weather.after, done = once(lambda call: b'"resize"' in call.body, kill)
    number = submitted(crew, ministry, "taille", "--confirm", "taille", servers=[GROWN], **KEYS)
    told = followed(crew, ministry, number)

    assert (told.state, len(done)) == ("fulfilled", 1), told
    [server] = admin.compute.servers(all_projects=True, project_id=project)
    assert (server.status, server.flavor.original_name) == ("ACTIVE", "m1.small")
    agree()


def test_a_project_made_just_before_a_kill_is_found_when_it_is_given_up(crew: Crew, ministry: Ministry, connect: Connect, agree: Agree) -> None:
    """Neither the engine's state nor dcctl's tables know it by then."""
    admin = connect()
    killed: list[str] = []

    def kill(call: Call) -> None:
        if call.by_the_engine and makes("/projects")(call) and not killed:
            killed.append(call.path)
            for part in ("engine", "provider", "run"):
                crew.kill(part)

    crew.weather.after = kill
    # What looks for it afterwards gets no answer, until the operation has failed.
    crew.weather.choose = lambda call: Fault.ERROR if killed and not call.by_the_engine and call.path.startswith("/v3/projects") else None
    number = submitted(crew, ministry, "perdu", **BARE)
    told = followed(crew, ministry, number, retrying=False)
    crew.weather.clear()

    assert (told.state, len(killed)) == ("failed", 1), told
    [(domain,)] = crew.ask("SELECT domain_id FROM administration WHERE code = %s", ministry.code)
    assert [project.name for project in admin.identity.projects(domain_id=domain)] == ["perdu"]
    assert crew.ask("SELECT project_id FROM environment WHERE administration = %s", ministry.code) == [(None,)]
    ministry.site.answer(ministry.lead, "operation", "abandon", crew.request(number)["operation"])
    ministry.site.until(lambda: crew.request(number).get("state") == "abandoned", "given up", seconds=240, pause=1)
    assert [project.name for project in admin.identity.projects(domain_id=domain)] == []
    agree()


def test_a_project_that_somebody_deleted_beside_dcctl_is_swept_all_the_same(
    crew: Crew, ministry: Ministry, connect: Connect, agree: Agree
) -> None:
    """Keystone does not look what is in a project."""
    admin = connect()
    assert followed(crew, ministry, submitted(crew, ministry, "efface", servers=[PLAIN])).state == "fulfilled"
    admin.identity.delete_project(project_of(crew))

    assert followed(crew, ministry, ministry.decommission("efface")).state == "fulfilled"
    agree()
