"""Another reference: the same environment by a bash script of `openstack` commands, as an operator would write it.

It is kind to the script: things are named by their ids, so that no name is looked up; servers are started one after the other and waited for
together. Project and role are a first script, what is inside the project a second one; the limits between them are outside of the measured time.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dcctl.cloud import identity, limits, sweep
from dcctl.cloud.connect import Cloud
from dcctl.config import Settings
from dcctl.workflow.credentials import service_entry
from infra.site.servers import BIN
from stacks import tokens
from stacks.environment import EnvironmentSpec
from stacks.plan import Plan, PlannedResource, Resolved, plan
from tests.bench.bare import AMPLE

HEAD = "set -euo pipefail\n"
ID = "-f value -c id"
WAIT = """\
for server in {servers}; do
  until [ "$(openstack server show $server -f value -c status)" = ACTIVE ]; do sleep 0.5; done
done
"""


def seconds(settings: Settings, cloud: Cloud, spec: EnvironmentSpec, resolved: Resolved) -> float:
    """Of both scripts together; what they made is swept outside of the measured time."""
    planned = plan(spec, resolved)
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        project_id = _run(Path(folder), service_entry(settings, "tenant"), HEAD + "".join(tenant(planned, resolved)) + 'echo "$project"\n')
        took = time.monotonic() - began
        try:
            for result in limits.write(cloud, project_id, dict.fromkeys(limits.read(cloud, project_id), AMPLE)):
                assert result.state == "in_sync", result
            entry = service_entry(settings, "workload", project_id)
            began = time.monotonic()
            _run(Path(folder), entry, HEAD + "".join(workload(planned)))
            took += time.monotonic() - began
        finally:
            sweep.sweep(cloud, project_id, deadline=180)
            identity.delete_project(cloud, project_id)
            sweep.last_traces(cloud, project_id)
    return took


def tenant(planned: Plan, resolved: Resolved) -> Iterator[str]:
    """Project and role; the group of its members is left out."""
    for thing in planned.of("tenant"):
        if thing.type == tokens.PROJECT:
            yield f"project=$(openstack project create --domain {resolved.domain_id} {thing.cloud_name} {ID})\n"
        elif thing.type == tokens.ROLE_ASSIGNMENT:
            yield f"openstack role add --project $project --user {resolved.build_user_id} {resolved.member_role_id}\n"


def workload(planned: Plan) -> Iterator[str]:
    """A command or two for each thing; attachments come once the servers run."""
    things = planned.of("workload")
    later = [thing for thing in things if thing.type == tokens.VOLUME_ATTACHMENT]
    for thing in things:
        if thing not in later:
            yield from command(thing)
    yield WAIT.format(servers=" ".join(f"${name(thing.name)}" for thing in things if thing.type == tokens.SERVER))
    for thing in later:
        yield from command(thing)


def name(logical: str) -> str:
    """A variable of bash for a thing's id."""
    return "_" + "".join(character if character.isalnum() else "_" for character in logical)


def command(thing: PlannedResource) -> Iterator[str]:
    """As `openstack` makes it; its id is kept in a variable."""
    given = dict(thing.properties)

    def of(key: str) -> str:
        return f"${name(str(given[key]))}"

    def made(words: str) -> str:
        return f"{name(thing.name)}=$(openstack {words} {thing.cloud_name or ''} {ID})\n"

    match thing.type:
        case tokens.NETWORK:
            yield made("network create")
        case tokens.SUBNET:
            yield made(f"subnet create --network {of('network')} --subnet-range {given['cidr']}")
        case tokens.ROUTER:
            yield made("router create")
            yield f"openstack router set --external-gateway {given['external_network_id']} ${name(thing.name)}\n"
        case tokens.ROUTER_INTERFACE:
            yield f"openstack router add subnet {of('router')} {of('subnet')}\n"
        case tokens.SECURITY_GROUP:
            yield made("security group create")
        case tokens.SECURITY_GROUP_RULE:
            rule = f"--protocol {given['protocol']} --dst-port {given['port']} --remote-ip {given['source']}"
            yield f"openstack security group rule create {rule} {of('group')} >/dev/null\n"
        case tokens.SERVER_GROUP:
            yield made(f"server group create --policy {given['policy']}")
        case tokens.PORT:
            yield made(f"port create --network {of('network')} --security-group {of('group')}")
        case tokens.SERVER:
            placed = f" --hint group={of('placement')}" if "placement" in given else ""
            sort = f"--image {given['image_id']} --flavor {given['flavor_id']}"
            yield made(f"server create {sort} --nic port-id={of('port')} --config-drive true{placed}")
        case tokens.VOLUME:
            yield made(f"volume create --size {given['size']} --type {given['type']}")
        case tokens.VOLUME_ATTACHMENT:
            yield f"openstack server add volume {of('server')} {of('volume')} >/dev/null\n"
        case tokens.FLOATING_IP:
            yield f"{name(thing.name)}=$(openstack floating ip create {given['external_network_id']} {ID})\n"
        case tokens.FLOATING_IP_ASSOCIATION:
            yield f"openstack floating ip set --port {of('port')} {of('address')}\n"
        case _:
            raise AssertionError(f"no command for {thing.type}")


def _run(folder: Path, entry: dict[str, object], script: str) -> str:
    """What the script prints; it signs in by one entry of a clouds.yaml of its own."""
    clouds = folder / "clouds.yaml"
    clouds.touch(mode=0o600)
    clouds.write_text(json.dumps({"clouds": {"banc": entry}}))
    kept = {key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ}
    chosen = {"OS_CLIENT_CONFIG_FILE": str(clouds), "OS_CLOUD": "banc", "OS_COMPUTE_API_VERSION": "2.64"}  # of soft anti-affinity
    environment = kept | chosen | {"PATH": f"{BIN}:/usr/bin:/bin"}
    done = subprocess.run(["bash", "-s"], input=script, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the script failed: {done.stderr}")
    return done.stdout.strip()
