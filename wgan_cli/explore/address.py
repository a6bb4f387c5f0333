"""Where the page is: an address of this machine, and a port that nobody else has."""

from __future__ import annotations

import errno
import socket

from wgan_cli.errors import WganError, describe_os_error

USUAL_PORT = 7860  # gradio's, so that a page is found again where it was
LOCAL = "127.0.0.1"


def listen(host: str, port: int | None) -> socket.socket:
    """Listen on an address; without a port on the usual one, or on any that is free.

    Raises: WganError for a port that is taken or not allowed, or a host that is not this machine.
    """
    for candidate in (port,) if port is not None else (USUAL_PORT, 0):
        try:
            return _listening(host, candidate)
        except (OSError, UnicodeError) as error:  # UnicodeError: of a name that is none
            wrong = error
    code = getattr(wrong, "errno", None)
    if code == errno.EADDRINUSE:
        raise WganError(f"--port {port} is in use already", "give another, or leave out --port: a free one is taken")
    if code in (errno.EACCES, errno.EPERM):
        raise WganError(f"--port {port} is not allowed to you", "give one from 1024 on, or leave out --port")
    why = describe_os_error(wrong) if isinstance(wrong, OSError) else "it is no name"
    raise WganError(
        f"--host {host[:60]!r} is no address of this machine: {why}",
        f"leave out --host for {LOCAL}, or give 0.0.0.0 for all addresses of this machine",
    )


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    opened = socket.socket(family, kind, protocol)
    try:
        if hasattr(socket, "SO_REUSEPORT"):  # not on Windows, where reuse would let two programs have one port
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(where)
        opened.listen()
    except OSError:
        opened.close()
        raise
    return opened


def url_of(opened: socket.socket) -> str:
    """What to open in a browser."""
    host, port = opened.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = LOCAL  # of all addresses that it has, the one that is surely reached from here
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_local(opened: socket.socket) -> bool:
    """Whether only programs of this machine reach it."""
    host = opened.getsockname()[0]
    return host.startswith("127.") or host == "::1"
