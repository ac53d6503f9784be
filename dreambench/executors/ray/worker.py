"""The worker process: it keeps its models and does one task after another."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from dreambench.executors.events import PAUSE, Ended, EventQueue, Files, Progress
from dreambench.executors.ray.object_store import pack, unpack
from dreambench.spec.version import __version__

if TYPE_CHECKING:
    from dreambench.executors.task import Task, WorkerModels

Parcels = Sequence[Any]  # references to parcels of files in Ray's object store


@dataclass(frozen=True)
class Machine:
    """Who a worker is. ``sees`` are the names of the places that it shares with the run's process."""

    name: str
    node: str
    pid: int
    version: str
    sees: frozenset[str]


class Worker:
    """A worker process; Ray makes one per GPU, or per share of a GPU or of the cores.

    ``environment`` is set before anything heavy is loaded: what the numeric libraries read from it, they
    read once. ``make_models`` gets the machine's name, loads the libraries, and returns the models.
    """

    def __init__(self, environment: Mapping[str, str], make_models: Callable[[str], WorkerModels]) -> None:
        os.environ.update(environment)
        self._make_models = make_models
        self._models: WorkerModels | None = None

    def handshake(self, places: Mapping[str, tuple[str | None, str]]) -> Machine:
        """Load the libraries, if they are not loaded, and return what this worker is.

        ``places`` are folders (None: this machine's cache folder) by name, each with the name of a file
        that the run's process has put there: where it shows, the folder is shared.
        """
        import ray

        from dreambench.paths import cache_folder

        if self._models is None:
            self._models = self._make_models(socket.gethostname())
        sees = frozenset(
            name
            for name, (folder, token) in places.items()
            if (cache_folder() if folder is None else Path(folder)).joinpath(token).exists()
        )
        node = ray.get_runtime_context().get_node_id()
        return Machine(self._models.machine or socket.gethostname(), node, os.getpid(), __version__, sees)

    def work(
        self, task: Task, send_back: bool, present: Parcels, reads: Sequence[tuple[Task, Parcels]]
    ) -> Iterator[Progress | Files | Ended]:
        """Do a task and yield its progress; the last event is its end.

        With ``send_back`` only the run's process keeps the results: the task is done in this machine's
        cache folder, ``present`` contains the files that exist already, and files are sent back as they are
        finished. ``reads`` are tasks whose files it needs, with these files where this machine
        may lack them.
        """
        watch = EventQueue()
        ends: list[Ended] = []

        def perform() -> None:
            try:
                for other, parcels in reads:
                    _receive(other, parcels)
                _receive(here, present)
                resumed = here.is_begun()
                here.perform(self._models, watch)
            except BaseException as error:
                ends.append(_failed(error))
            else:
                ends.append(Ended(resumed=resumed))

        here = task.elsewhere() if send_back else task
        thread = Thread(target=perform, name="task", daemon=True)
        thread.start()
        sent: set[Path] = set()
        ended = False
        while not ended:
            thread.join(PAUSE)
            ended = bool(ends)  # before the reading: nothing that the task reported last is lost
            # Images are final once they exist; other files may still grow.
            made = [f for f in here.finished_files() if f.suffix == ".png"] if send_back else []
            for parcel in pack(here.root, [f for f in made if f not in sent]):
                yield Files(parcel)
            sent.update(made)
            progress = watch.read()
            if progress is not None:
                yield progress
        if send_back and ends[0].error is None:
            rest = [f for f in here.finished_files() if f not in sent]
            for parcel in pack(here.root, rest):
                yield Files(parcel)
            here.forget()
        yield ends[0]


def _failed(error: BaseException) -> Ended:
    line = " ".join(str(error).split()) or type(error).__name__
    # After these errors a process has no memory, or no GPU, left; after all others it can continue.
    broken = "out of memory" in line.lower() or "CUDA" in line or isinstance(error, MemoryError)
    return Ended(line, traceback.format_exc(), broken)


def _receive(task: Task, parcels: Parcels) -> None:
    if task.is_done():
        return
    import ray

    for parcel in parcels:
        unpack(task.root, ray.get(parcel))
