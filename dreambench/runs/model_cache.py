"""The models of a process: loaded once and reused from task to task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreambench.spec.run_spec import RunSpec, differences, refuse_differences

if TYPE_CHECKING:
    from dreambench.metrics.encoders import ProtocolEncoders
    from dreambench.models.base_model import BaseModel
    from dreambench.runs.prepare import Prepared


class ModelCache:
    """The prepared runs, the current base model and the current encoders of one process.

    Runs share the frozen parts of a base model that they hold alike (``base_key``). A base model is released
    when another one is used, so that a queue over many base models needs the memory of one. ``machine`` names
    this machine in the notes that it writes (None: no name); ``gpu_share`` is the process's part of a GPU.
    """

    def __init__(self, machine: str | None = None, gpu_share: float = 1.0) -> None:
        self.machine, self._gpu_share = machine, gpu_share
        self._prepared: dict[str, Prepared] = {}
        self._bases: dict[str, BaseModel] = {}
        self._encoders: tuple[str, ProtocolEncoders] | None = None

    def add(self, prepared: Prepared) -> None:
        """Store an already prepared run under its tasks' spec."""
        from dreambench.runs.prepare import base_key, with_absolute_paths

        spec = with_absolute_paths(prepared.spec)
        self._prepared[spec.model_dump_json()] = prepared
        self._bases.setdefault(base_key(spec), prepared.base)

    def prepared(self, spec: RunSpec) -> Prepared:
        """Return the run of a resolved spec, prepared at first use.

        Raises DreambenchError if this machine lacks something, or if its data or base model differ from
        those of the machine that resolved the spec.
        """
        from dreambench.runs.prepare import base_key, prepare

        wanted, base = spec.model_dump_json(), base_key(spec)
        if wanted not in self._prepared:
            found = prepare(spec, self._bases.get(base), self._gpu_share)
            if found.spec.key != spec.key:
                refuse_differences(
                    f"{self.machine or 'this machine'} has other data or models than the run",
                    differences(found.spec, spec) or ["the protocol's weights"],
                    "bring the same files to every machine, or name them by hub id",
                    lead="",
                )
            self._prepared[wanted] = found
            self._bases.setdefault(base, found.base)
        chosen = self._prepared[wanted]
        for other in {id(each.base): each.base for each in self._prepared.values()}.values():
            if other is not chosen.base:
                other.release(*other.family.weighted)
        return chosen

    def encoders(self, prepared: Prepared) -> ProtocolEncoders:
        """Return the encoders of a run's protocol, each loaded at first use."""
        from dreambench.metrics.encoders import ProtocolEncoders

        key = f"{prepared.spec.protocol.model_dump_json()} {prepared.runtime.device}"
        if self._encoders is None or self._encoders[0] != key:
            self._encoders = key, ProtocolEncoders(prepared.spec.protocol, str(prepared.runtime.device))
        return self._encoders[1]


def worker_models(host: str, gpu_share: float = 1.0) -> ModelCache:
    """Return the models of a worker process on ``host``, after importing everything that its tasks need.

    ``gpu_share`` is its part of a GPU.
    """
    from dreambench.spec.process import quiet_libraries

    quiet_libraries()
    import torch

    import dreambench.runs.subject  # noqa: F401 - loaded before a task's clock starts

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return ModelCache(f"{host} ({device})", gpu_share)
