"""Address and port of the page."""

import errno
import socket

from wgan_cli.errors import WganError

DEFAULT_PORT = 7860  # gradio's
LOCALHOST = "127.0.0.1"


def listen(host: str, port: int | None) -> socket.socket:
    """Listen on an address; without a port on DEFAULT_PORT, or else on any free one.

    Raises: WganError if the port is taken or not allowed, or the host is not an address of this machine.
    """
    code = None
    for candidate in (port,) if port is not None else (DEFAULT_PORT, 0):
        try:
            family, *_, address = socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM)[0]
            return socket.create_server(address[:2], family=family)
        except (OSError, UnicodeError) as error:  # UnicodeError: an invalid host name
            code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        raise WganError(f"--port {port} is already in use", "give another --port, or leave it out to use a free one")
    if code in (errno.EACCES, errno.EPERM):
        raise WganError(f"--port {port} is not allowed", "give a --port from 1024 on, or leave it out")
    raise WganError(
        f"--host {host[:60]!r} is not an address of this machine",
        f"leave out --host for {LOCALHOST}, or use --host 0.0.0.0 for all addresses",
    )


def url_of(listener: socket.socket) -> str:
    """Return the URL to open in a browser on this machine."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = LOCALHOST
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_local(listener: socket.socket) -> bool:
    """Return True if only this machine can connect."""
    host = listener.getsockname()[0]
    return host.startswith("127.") or host == "::1"
