"""Serve one WSGI application: `python -m devcloud.servers.wsgi MODULE PORT`."""

import importlib
import sys
import warnings

THREADS = 10


def main() -> None:
    module, port = sys.argv[1:]
    # The services parse the command line themselves when they are imported.
    sys.argv = [module]
    warnings.simplefilter("ignore")
    application = importlib.import_module(module).application

    import waitress

    from devcloud.servers import collecting

    collecting.after_imports()
    waitress.serve(application, listen=f"127.0.0.1:{port}", threads=THREADS, ident=None)


if __name__ == "__main__":
    main()
