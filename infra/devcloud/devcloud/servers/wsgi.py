"""Serve one WSGI application: `python -m devcloud.servers.wsgi MODULE PORT`."""

import importlib
import sys
import warnings

THREADS = 10
#: Keystone keeps the token of the call in an object that all calls share (`self.token` of keystone/server/flask/request_processing/middleware/
#: auth_context.py, release 30): with a second thread a call may act with another call's token, and has its roles.
ALONE = ("keystone.wsgi.api",)


def main() -> None:
    module, port = sys.argv[1:]
    # The services parse the command line themselves when they are imported.
    sys.argv = [module]
    warnings.simplefilter("ignore")
    application = importlib.import_module(module).application

    import waitress

    from devcloud.servers import collecting

    collecting.after_imports()
    waitress.serve(application, listen=f"127.0.0.1:{port}", threads=1 if module in ALONE else THREADS, ident=None)


if __name__ == "__main__":
    main()
