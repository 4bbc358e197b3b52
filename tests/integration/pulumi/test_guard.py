"""A registration that the plan does not have never reaches the engine, whatever the program says."""

import json
import subprocess
import sys

from dcctl.provisioner import directories, processes
from dcctl.provisioner.engine import Engine, Work
from dcctl.provisioner.job import Job
from stacks import tokens
from stacks.specs import to_document
from tests.integration.pulumi.conftest import Silence

# A run whose program makes one network more than the plan has.
RUN = """
import os, sys
import dcctl.provisioner.program as program
import dcctl.provisioner.run as run
from pulumi_openstack import networking
from stacks import workload
of_the_plan = workload.program
def with_one_more(spec, resolved, adopt):
    def make():
        networking.Network("network-of-nobody", name="network-of-nobody")
        of_the_plan(spec, resolved, adopt)()
    return make
program.workload.program = with_one_more
status = run.main()
sys.stdout.flush()
os._exit(status)
"""


def test_what_is_beyond_the_plan_stops_the_run_before_it_is_made(engine: Engine, work: Work, silence: Silence) -> None:
    with directories.private(engine.home, silence.cloud) as directory:
        job = Job(
            action="up", stack=work.stack, directory=str(directory), engine=str(engine.home / "bin" / "pulumi"), seconds=300, parallel=4,
            layer=work.layer, spec=to_document(work.spec), resolved=work.resolved.to_document(),
        )  # fmt: skip
        environment = engine._environment(directory, work.stack, "a-token")
        # It has no guardian: the workers of a site on this machine would end it as a survivor.
        del environment[processes.GUARDED]
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/", env=environment
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(job.to_document()) + "\n")
            process.stdin.flush()
            lines = [json.loads(line) for line in process.stdout]

    error = lines[-1]["error"]
    assert error["kind"] == "exceeded"
    assert [(step["op"], step["type"], step["name"]) for step in error["steps"]] == [("create", tokens.NETWORK, "network-of-nobody")]
    assert not silence.reached.is_set()
    state = engine.export(work.stack)
    assert state is not None
    assert not [resource for resource in state["deployment"].get("resources") or () if resource["type"] in tokens.ALL]
