"""The program of a job, served to the engine from this process, and the guard that keeps it inside the plan.

Importing this module imports the engine's Python SDK: half a second.
"""

from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
import pulumi
from pulumi.automation._server import LanguageServer
from pulumi.runtime import proto

from dcctl.provisioner.errors import Step
from dcctl.provisioner.job import Job
from stacks import tenant, workload
from stacks.plan import Resolved, plan
from stacks.specs import parse
from stacks.tokens import STRUCTURE

MESSAGE_BYTES = 400 * 1024 * 1024  # as the engine's own


class Guarded:
    """A program whose every registration must be in the plan; one that is not is kept from the engine and noted in `beyond`."""

    def __init__(self, program: Callable[[], None], allowed: frozenset[tuple[str, str]]) -> None:
        self._program, self._allowed = program, allowed
        self.beyond: list[Step] = []

    def __call__(self) -> None:
        pulumi.runtime.register_stack_transformation(self._look)
        self._program()

    def _look(self, args: pulumi.ResourceTransformationArgs) -> None:
        if args.type_ not in STRUCTURE and (args.type_, args.name) not in self._allowed:
            self.beyond.append(Step(op="create", type=args.type_, name=args.name))
            raise RuntimeError(f"{args.type_} {args.name} is not in the plan")


def allowed(job: Job) -> frozenset[tuple[str, str]]:
    """(type, logical name) of everything that the job's plan has in its stack."""
    spec, resolved = parse(job.spec), Resolved.from_document(job.resolved or {})
    return plan(spec, resolved).keys("tenant" if job.layer == "tenant" else "workload")


def of(job: Job) -> Guarded:
    spec, resolved = parse(job.spec), Resolved.from_document(job.resolved or {})
    make = tenant.program if job.layer == "tenant" else workload.program
    return Guarded(make(spec, resolved, job.adopt), allowed(job))


_servers: list[Any] = []  # a server that nothing refers to stops


def serve(program: Callable[[], None]) -> str:
    """The address that the engine calls to have the program run, any number of times while this process lives."""
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=4),
        options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)],
    )
    proto.language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(program), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _servers.append(server)
    return f"127.0.0.1:{port}"
