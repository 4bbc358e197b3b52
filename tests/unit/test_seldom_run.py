"""What `make test` does not run still fits what it is about: benches can be imported, tests of the chaos collected."""

import importlib
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from infra.site.layout import CHECKOUT
from stacks import tokens
from stacks.plan import Resolved, plan
from stacks.specs import parse
from tests.bench import script

BENCHES = sorted(path.stem for path in (CHECKOUT / "tests" / "bench").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_can_be_imported(name: str):
    importlib.import_module(f"tests.bench.{name}")


def test_the_script_that_dcctl_is_measured_beside_makes_everything_of_the_plan():
    spec = parse(YAML(typ="safe").load((CHECKOUT / "examples" / "dossier-patient.yaml").read_text()))
    ids = {"m1.small": "f1", "m1.medium": "f2"}
    resolved = Resolved(
        region="cotonou", administration=spec.administration, environment=spec.name, request="R-2026-0042", domain_id="d", member_role_id="m",
        build_user_id="b", default_volume_type="ssd", external_network_id="e", flavor_ids=ids, image_ids={"cirros": "i"}, volume_types={"ssd": "s"},
    )  # fmt: skip
    planned = plan(spec, resolved)

    text = "".join([*script.tenant(planned, resolved), *script.workload(planned)])

    variables = [script.name(thing.name) for thing in planned.of("workload") if f"{script.name(thing.name)}=$(" in text]
    named = {tokens.NETWORK, tokens.SUBNET, tokens.ROUTER, tokens.SECURITY_GROUP, tokens.SERVER_GROUP, tokens.PORT, tokens.SERVER, tokens.VOLUME}
    assert len(variables) == sum(thing.type in {*named, tokens.FLOATING_IP} for thing in planned.of("workload"))
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0


def test_the_chaos_can_be_collected():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/chaos"]

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
