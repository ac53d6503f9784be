"""Clusters that cannot do what they are asked for: said at once, before anything waits."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace

import pytest

from dreambench.errors import DreambenchError
from dreambench.executors import ExecutorOptions

ray = pytest.importorskip("ray")

from dreambench.executors.ray import cluster  # noqa: E402
from dreambench.executors.ray.cluster import Connection  # noqa: E402


def test_an_address_where_nobody_listens_is_named_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    for spelled in (address, f"ray://{address}"):
        with pytest.raises(DreambenchError, match=rf"no Ray cluster answers at {spelled} .*ray start --head"):
            Connection(ExecutorOptions("ray", spelled))


@pytest.mark.slow
def test_a_share_of_gpus_that_are_not_there_is_refused_and_ray_is_stopped(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DreambenchError, match=r"--gpus-per-unit 0\.5: this machine has 0 GPUs; leave it out"):
        Connection(ExecutorOptions("ray", workers=1, gpus_per_unit=0.5))
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("gpus", "options", "workers", "cores"),
    [
        (8, {}, 8, 16),
        (8, {"gpus_per_unit": 0.3}, 24, 5),
        (8, {"gpus_per_unit": 3}, 2, 64),
        (8, {"workers": 4}, 4, 32),
        (0, {}, 128, 1),
        (0, {"workers": 2}, 2, 64),
        (0, {"workers": 200}, 200, 1),
    ],
)
def test_the_workers_of_one_machine_share_all_of_its_cores(monkeypatch, gpus, options, workers, cores):
    """A machine of 128 cores and 8 GPUs, as Ray counts it."""
    machine = {"CPU": max(128.0, options.get("workers", 1)), "GPU": float(gpus)}
    running = SimpleNamespace(is_initialized=lambda: True, cluster_resources=lambda: machine)
    monkeypatch.setattr(cluster, "require_ray", lambda: running)
    monkeypatch.setattr(os, "cpu_count", lambda: 128)
    connection = Connection(ExecutorOptions("ray", **options))
    assert (connection.target(), connection.cpus) == (workers, cores)
