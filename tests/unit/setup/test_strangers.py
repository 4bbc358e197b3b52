"""What answers on a port may be something else than a service: it counts as no answer, and ends nothing."""

import socket
import threading

import pytest

from infra.devcloud.devcloud.servers import nova


def test_a_port_that_sends_back_what_it_is_told_is_no_service() -> None:
    """As a connection does that met itself: the kernel may give a client the very port that it asks for."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def echo() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(connection.recv(4096))

        threading.Thread(target=echo, daemon=True).start()
        port = listener.getsockname()[1]

        with pytest.raises(SystemExit, match=f"nothing answers on port {port}"):
            nova.wait_for(port, seconds=0.3)
        listener.shutdown(socket.SHUT_RDWR)
