"""`dcctl-api`: the HTTP service, in the foreground until SIGTERM."""

import logging
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

import structlog
import waitress
from keystonemiddleware import auth_token
from oslo_config import cfg

from dcctl import heap, logs
from dcctl.api.application import build
from dcctl.api.asking import Service
from dcctl.api.bridge import Bridge
from dcctl.api.door import Doubtful, Witness
from dcctl.api.doubt import Doubt
from dcctl.api.front import Admitted, Front, Wsgi
from dcctl.api.pace import Pace
from dcctl.api.policy import Policy
from dcctl.commandline import API, begun
from dcctl.config import Settings
from dcctl.errors import DcctlError
from dcctl.workflow import calls
from dcctl.workflow.app import App

#: What waitress takes in (on disk) before we refuse it in our own words; beyond this it is refused by waitress itself.
TAKEN_IN_BYTES = 16 << 20


def front(app: App, *, guard: Any = None, service: Service | None = None) -> Front:
    """The whole stack as one WSGI application.

    Args:
        guard: puts the token check before a WSGI application; keystonemiddleware's by default.
        service: with another policy than the settings'.
    """
    of = app.settings.api
    if service is None:
        # Half of the threads may be kept by callers that wait for news.
        places = threading.BoundedSemaphore(max(1, of.threads // 2))
        service = Service(app=app, policy=Policy(of.policy_file), waiting=places)
    inner: Wsgi = Bridge(build(service))
    checked, keystone = (guard, "") if guard is not None else keystone_guard(app.settings)
    # Half of the threads stay for the others when one person floods.
    pace = Pace(a_minute=of.requests_a_minute, at_once=max(2, of.threads // 2))
    guarded = Doubtful(checked(Admitted(app, inner, pace)), Doubt())
    return Front(guarded=guarded, unguarded=inner, max_body_bytes=of.max_body_bytes, keystone=keystone, refused=Witness(app))


def keystone_guard(of: Settings) -> tuple[Any, str]:
    """keystonemiddleware as the site's oslo.config file has it, and the address of Keystone that it names.

    Raises:
        DcctlError: DCCTL-003, the file cannot be used.
    """
    conf = cfg.ConfigOpts()
    try:
        conf([], project="dcctl", default_config_files=[str(of.api.authtoken_conf)], default_config_dirs=[])
    except (cfg.ConfigFilesNotFoundError, cfg.ConfigFilesPermissionDeniedError, cfg.ConfigFileParseError) as error:
        raise DcctlError("DCCTL-003", path=str(of.api.authtoken_conf), reason=" ".join(str(error).split())) from error

    def guard(inner: Wsgi) -> Any:
        # Whatever the file says: nobody passes without a token, and a revoked one is refused within half a minute.
        return auth_token.AuthProtocol(inner, {"oslo_config_config": conf, "delay_auth_decision": False, "token_cache_time": 30})

    probe = guard(_nothing)
    return guard, str(probe.www_authenticate_uri if conf.keystone_authtoken.www_authenticate_uri else conf.keystone_authtoken.auth_url)


def _nothing(environ: Any, start_response: Any) -> list[bytes]:
    return []


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; requests that are being answered are finished."""
    _, of = begun("dcctl-api", API, arguments, example="DCCTL_API__PORT=8780")
    logs.configure(json=of.log_json)
    for chatty in ("waitress.queue", "keystonemiddleware.auth_token"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    log = structlog.get_logger("dcctl.api")
    try:
        app = App(of)
        service = front(app)
        server = waitress.create_server(
            service, host=of.api.host, port=of.api.port, threads=of.api.threads, ident="dcctl", max_request_body_size=TAKEN_IN_BYTES,
            channel_timeout=60, expose_tracebacks=False,
        )  # fmt: skip
    except DcctlError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{of.api.host}:{of.api.port}: {error}")

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    heap.settle()
    log.info("serving", host=of.api.host, port=int(server.effective_port), threads=of.api.threads)
    counting = calls.counting(app, "api")
    counting.start()
    try:
        server.run()
    finally:
        server.close()
        counting.stop()
        counting.once()
        app.close()
        log.info("ended")
