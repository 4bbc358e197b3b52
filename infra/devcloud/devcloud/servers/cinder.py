"""All of cinder in one process: API, scheduler, and a volume service for each backend.

`python -m devcloud.servers.cinder PORT CONFIG_FILE`. Cinder needs eventlet's monkey patch, and needs it before anything else is imported.
"""

import sys
import warnings


def main() -> None:
    port, config_file = sys.argv[1:]
    sys.argv = ["cinder", "--config-file", config_file]
    from cinder.cmd import volume  # noqa: I001  patches with eventlet; so before everything else
    import eventlet

    eventlet.monkey_patch()
    from cinder.common import constants
    from cinder.wsgi import wsgi
    from eventlet import wsgi as server
    from oslo_config import cfg
    from oslo_service import service

    application = wsgi.initialize_application()
    from devcloud.drivers.volumes import HeartbeatService
    from devcloud.servers import collecting

    # Importing switched them on again; they would go on for ever in a file that does not turn over.
    warnings.simplefilter("ignore")
    conf = cfg.CONF
    launcher = service.ServiceLauncher(conf)
    launcher.launch_service(HeartbeatService.create(binary="cinder-scheduler"))
    for backend in conf.enabled_backends:
        conf.register_opt(volume.host_opt, group=backend)
        launcher.launch_service(
            HeartbeatService.create(host=f"{conf.host}@{backend}", service_name=backend, binary=constants.VOLUME_BINARY, coordination=True)
        )
    eventlet.spawn(server.server, eventlet.listen(("127.0.0.1", int(port))), application, log_output=False)
    collecting.after_imports()
    launcher.wait()


if __name__ == "__main__":
    main()
