"""All of nova in one process: API, conductor, scheduler, and a compute service for each hypervisor.

One process, because they talk over oslo.messaging's in-process transport: there is no broker.
`python -m devcloud.servers.nova PORT PLACEMENT_PORT`, with OS_NOVA_CONFIG_DIR set.
"""

import http.client
import sys
import time
import urllib.error
import urllib.request
import warnings

THREADS = 10


def wait_for(port: int, seconds: float = 120.0) -> None:
    """Wait until something answers there: a compute service that cannot reach Placement registers no capacity."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
            return
        except urllib.error.HTTPError:
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    raise SystemExit(f"nothing answers on port {port}")


def main() -> None:
    port, *needed = map(int, sys.argv[1:])
    sys.argv = ["nova"]
    warnings.simplefilter("ignore")
    import nova.monkey_patch  # noqa: F401, I001  first, and told by the environment to patch nothing
    from nova.wsgi import osapi_compute as api
    import os_brick
    import os_vif
    import waitress
    from nova import context, objects, service
    from nova.compute import rpcapi as compute
    from nova.conductor import rpcapi as conductor
    from nova.objects import host_mapping
    from nova.scheduler import rpcapi as scheduler

    from devcloud.drivers import hypervisor
    from devcloud.servers import collecting

    objects.register_all()
    os_brick.setup(hypervisor.CONF)
    os_vif.initialize()
    for other in needed:
        wait_for(other)
    wanted = [{"binary": "nova-conductor", "topic": conductor.RPC_TOPIC}, {"binary": "nova-scheduler", "topic": scheduler.RPC_TOPIC}]
    wanted += [
        {"binary": "nova-compute", "topic": compute.RPC_TOPIC, "topic_alt": getattr(compute, "RPC_TOPIC_ALT", None), "host": host,
         "manager": hypervisor.MANAGER}
        for host in hypervisor.sizes()
    ]  # fmt: skip
    running = []
    for arguments in wanted:
        running.append(service.Service.create(**arguments))
        running[-1].start()
    # What `nova-manage cell_v2 discover_hosts` does; without it the first server on a new host fails.
    host_mapping.discover_hosts(context.get_admin_context())
    collecting.after_imports()
    waitress.serve(api.application, listen=f"127.0.0.1:{port}", threads=THREADS, ident=None)


if __name__ == "__main__":
    main()
