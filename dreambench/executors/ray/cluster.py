"""A Ray cluster: one on this machine, started for the run, or an existing one."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from dreambench.errors import DreambenchError
from dreambench.executors.executor_options import ExecutorOptions, units_on
from dreambench.spec.process import set_variable

_STORE_BYTES = 256 * 2**20


def require_ray() -> Any:
    """Return Ray's module, with its usage reports off. Raises DreambenchError where it is not installed."""
    set_variable("RAY_USAGE_STATS_ENABLED", "0")
    set_variable("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the default of later releases
    try:
        import ray
    except ImportError as error:
        raise DreambenchError("--executor ray needs Ray", "pip install 'dreambench[ray]'") from error
    return ray


def _no_cluster(address: str, error: Exception) -> DreambenchError:
    line = " ".join(str(error).split())[:200]
    return DreambenchError(
        f"no Ray cluster answers at {address} ({line})",
        "start one with `ray start --head`, or leave out --ray-address",
    )


def _require_answer(address: str) -> None:
    """Raise DreambenchError at once where nothing listens at HOST:PORT: Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # "auto", "local": Ray finds these itself
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


class Connection:
    """A connected cluster, and the share of it that one task takes."""

    def __init__(self, options: ExecutorOptions) -> None:
        self.ray = require_ray()
        self.options = options
        self._ours = not self.ray.is_initialized()
        if self._ours:
            self._start()
        self.local = options.ray_address is None
        resources = self.ray.cluster_resources()
        gpus = options.gpus_per_unit
        if self.local and gpus and gpus > resources.get("GPU", 0):
            self.close()
            raise DreambenchError(
                f"--gpus-per-unit {gpus:g}: this machine has {resources.get('GPU', 0):g} GPUs",
                "leave it out, or give --ray-address of a cluster that has some",
            )
        self.gpus = gpus if gpus is not None else (1.0 if resources.get("GPU", 0) else 0.0)
        self.cpus = self._cores_of_a_worker() if self.local else 1

    def _start(self) -> None:
        # The tasks' logs say what happens to workers; Ray's own notices would break the progress bars.
        quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL, "configure_logging": True}
        if self.options.ray_address is not None:
            _require_answer(self.options.ray_address)
            try:
                self.ray.init(address=self.options.ray_address, **quiet)
            except Exception as error:
                raise _no_cluster(self.options.ray_address, error) from error
            return
        # Workers on this machine see the run's folder, so that the store stays almost empty.
        room = {"num_cpus": max(os.cpu_count() or 1, self.options.workers or 1)}
        room |= {"object_store_memory": _STORE_BYTES}
        try:
            # Without "local", Ray joins whatever cluster runs on this machine or stands in RAY_ADDRESS.
            self.ray.init(address="local", include_dashboard=False, **room, **quiet)
        except Exception as error:
            line = " ".join(str(error).split())[:200]
            raise DreambenchError(
                f"Ray does not start on this machine ({line})",
                "repeat the command when the machine is less busy, or leave out --executor ray",
            ) from error

    def _cores_of_a_worker(self) -> int:
        # Ray gives a worker as many threads as it has cores. Without GPUs there is a worker for each core.
        if not self.gpus and self.options.workers is None:
            return 1
        cores = min(os.cpu_count() or 1, int(self.ray.cluster_resources().get("CPU", 1)))
        return max(1, cores // self.target())

    def target(self) -> int:
        """How many workers there should be: the number asked for, or what the cluster has room for now."""
        if self.options.workers is not None:
            return self.options.workers
        resources = self.ray.cluster_resources()
        if self.gpus:
            return max(1, units_on(resources.get("GPU", 0), self.gpus))
        return max(1, int(resources.get("CPU", 1) // self.cpus))

    def environment(self) -> dict[str, str]:
        """The environment's settings that workers copy from this process and Ray does not pass on."""
        names = ("OMP_NUM_THREADS", "HF_HUB_OFFLINE")
        return {name: os.environ[name] for name in names if name in os.environ}

    def close(self) -> None:
        """Leave the cluster, and stop it if it was started here."""
        if self._ours and self.ray.is_initialized():
            self.ray.shutdown()
