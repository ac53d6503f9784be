"""Serving a study with uvicorn, on a socket that is bound before its address is printed."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from dreambench.errors import DreambenchError
from dreambench.study.database import Database
from dreambench.study.folder import StudyFolder, check_pictures, read_plan

BACKLOG = 512
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def serve(path: Path, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the study in ``path`` until interrupted; port 0 takes a free one. ``say`` prints a line.

    Raises DreambenchError where the extra ``study`` is not installed, the folder contains no complete
    study, or the address cannot be listened on.
    """
    try:
        import itsdangerous  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn
    except ModuleNotFoundError as error:
        raise DreambenchError(
            f"`study serve` needs {error.name}, which is not installed", "pip install 'dreambench[study]'"
        ) from error
    from dreambench.study.app import build_app
    from dreambench.study.questionnaire import Questionnaire

    folder = StudyFolder(path)
    plan = read_plan(folder)
    check_pictures(folder, plan)
    questionnaire = Questionnaire(plan, Database(folder.database_file))
    listener = listen(host, port)
    config = uvicorn.Config(
        build_app(folder, questionnaire),
        lifespan="off",
        log_level="warning",
        access_log=False,  # an address contains a token, which does not belong into a log
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    _announce(folder, host, listener.getsockname()[1], say)
    uvicorn.Server(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises DreambenchError where that fails."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio turns Nagle's algorithm off only if the protocol is named. With it, a page (a head and a
        # small body) waits 40 ms for the browser's delayed acknowledgement.
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name != "nt":  # on Windows it would share a port that is in use
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
        return listener
    except (OSError, OverflowError, UnicodeError) as error:
        raise DreambenchError(
            f"cannot listen on --host {host} --port {port}: {error}", "give another --port or --host"
        ) from error


def _announce(folder: StudyFolder, host: str, port: int, say: Callable[[str], None]) -> None:
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}"
    say(f"study: {address} (Ctrl-C stops it; the same command resumes it)")
    links = folder.links()
    if links:
        say(f"links of the raters and of the organizer: {folder.links_file}")
        written = (links[0].get("link") or "").rsplit("/o/", 1)[0]
        if written and written != address and host in _LOOPBACK:
            say(f"the links begin with {written}: they work only if that address leads to this server")
    if host not in _LOOPBACK:
        say("the study is open to the network, unencrypted: put a proxy with HTTPS in front of it")
