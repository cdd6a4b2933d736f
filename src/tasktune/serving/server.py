"""The process that serves: it binds, warns, and stops gracefully."""

from __future__ import annotations

import ipaddress
import logging
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from types import FrameType

import uvicorn

from tasktune.errors import UserError
from tasktune.model.build import positions
from tasktune.run import Run
from tasktune.serving.app import build_app
from tasktune.serving.catalogue import Catalogue
from tasktune.serving.engine import Engine
from tasktune.serving.figures import Figures
from tasktune.serving.limits import Limits
from tasktune.serving.prompts import Room
from tasktune.serving.service import Service

Say = Callable[[str], None]


def serve(run: Run, *, host: str, port: int, keys: Sequence[str], limits: Limits, say: Say) -> None:
    """Serves a trained run until it is told to stop.

    :param port: 0 for any that is free.
    :param keys: of which a client needs one; none where anybody may.
    :param say: is told where it listens, and what is risky about it.
    :raises UserError: if the run is not trained, or the address is taken.
    """
    listening = bind(host, port)
    with closing(listening):
        _serve(run, listening, host=host, keys=keys, limits=limits, say=say)


def _serve(
    run: Run, listening: socket.socket, *, host: str, keys: Sequence[str], limits: Limits, say: Say
) -> None:
    service = build_service(run, limits)
    if not keys and not is_loopback(host):
        say(
            f"warning: {host} can be reached from other machines, and anybody there may use this"
            " server; set --api-key or TASKTUNE_API_KEY"
        )
    if not service.engine.continuous and run_writes(service):
        say("this model's texts are written a batch at a time: the cache can't serve it")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    shown = f"[{host}]" if ":" in host else host
    say(f"serving {run.folder}: http://{shown}:{listening.getsockname()[1]}")
    server = Server(service, keys)
    server.run(sockets=[listening])
    say("stopped")


def build_service(run: Run, limits: Limits) -> Service:
    """A trained run, ready to serve; its engine is not started.

    :raises UserError: if the run is not trained.
    """
    model = run.trained_model()
    figures = Figures()
    engine = Engine(model, limits, figures)
    architecture = model.architecture
    catalogue = Catalogue(
        run.outlines, model.tokenizer, run.config.folder, writes=architecture.writes
    )
    limit = positions(run.base)
    room = Room(
        read=limits.batch_tokens - architecture.added_tokens,
        positions=None if limit is None else limit - architecture.added_tokens,
        written=limits.new_tokens,
    )
    return Service(engine, catalogue, room, limits, figures)


def run_writes(service: Service) -> bool:
    """Whether some model of a server writes text."""
    return any(model.writes for model in service.catalogue.models.values())


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens.

    :raises UserError: if the address is taken or there is none of it here.
    """
    try:
        family = socket.getaddrinfo(host, port)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot listen on {host}:{port}: {reason}; set --host, --port") from None
    return listening


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Server(uvicorn.Server):
    """Uvicorn, which goes on listening while it stops, to say so.

    Told to stop, it takes on no more requests (503), gives the running ones their time, and ends.
    Told twice, it ends at once.
    """

    def __init__(self, service: Service, keys: Sequence[str]) -> None:
        self.service = service
        super().__init__(
            uvicorn.Config(
                build_app(service, keys),
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=2,
                timeout_keep_alive=75,  # longer than clients keep a connection: they close first
            )
        )
        self.told: float | None = None  # when it was told to stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal."""
        if self.told is not None:
            self.should_exit = self.force_exit = True
            # Uvicorn would print the traceback of what it cancels
            logging.getLogger("uvicorn.error").disabled = True
        self.told = time.monotonic()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        if self.told is not None:
            engine = self.service.engine
            engine.refuse_new()
            over = time.monotonic() - self.told > self.service.limits.grace
            self.should_exit = self.should_exit or engine.idle or over
        return await super().on_tick(counter)
