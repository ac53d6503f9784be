"""The weights that a protocol's metrics need: their fingerprints, and what of them is missing."""

from __future__ import annotations

from collections.abc import Iterable

from dreambench.errors import DreambenchError
from dreambench.models.encoders.downloads import HubFile, TorchvisionFile
from dreambench.models.encoders.weight_files import fingerprint, is_local, local_file
from dreambench.spec.run_spec import MetricName, ProtocolSpec

__all__ = [
    "ENCODERS_OF",
    "fingerprint",
    "is_local",
    "missing_weights",
    "needed_encoders",
    "with_fingerprints",
]

ENCODERS_OF: dict[MetricName, str] = {
    "dino": "dino",
    "clip_i": "clip",
    "clip_t": "clip",
    "div": "lpips",
    "pres": "dino",
}


def needed_encoders(metrics: Iterable[MetricName]) -> list[str]:
    """Return the names of the encoders (``clip``, ``dino``, ``lpips``) that some metrics need."""
    return sorted({ENCODERS_OF[metric] for metric in metrics})


def with_fingerprints(protocol: ProtocolSpec) -> ProtocolSpec:
    """Fill in the fingerprint (SHA-256) of every local weights file.

    A file that no metric needs may be missing; where it is there, it is in the signature as well, so that
    runs of one protocol have one signature, whichever of its metrics they were asked for. A fingerprint
    that is filled in already is kept, without looking at the file: it is compared when the file is loaded.
    Raises DreambenchError where a file is missing, or a pickle.
    """
    changes = {}
    needed = needed_encoders(protocol.metrics)
    for name in sorted(set(ENCODERS_OF.values())):
        section = getattr(protocol, name)
        if section.fingerprint is None and is_local(section.weights):
            try:
                file = local_file(section.weights, f"protocol.{name}.weights")
            except DreambenchError:
                if name in needed:
                    raise
                continue
            changes[name] = section.model_copy(update={"fingerprint": fingerprint(file)})
    return protocol.model_copy(update=changes) if changes else protocol


def missing_weights(protocol: ProtocolSpec) -> list[str]:
    """Return one line per needed weights file that is absent, or would be downloaded; downloads nothing."""
    lines = []
    for name in needed_encoders(protocol.metrics):
        section = getattr(protocol, name)
        field = f"protocol.{name}.weights"
        try:
            if is_local(section.weights):
                local_file(section.weights, field)
                continue
            source = _download(protocol, name)
        except DreambenchError as error:
            lines.append(str(error))
            continue
        if source.cached() is None:
            lines.append(f"{field}: {source} will be downloaded")
    return lines


def _download(protocol: ProtocolSpec, name: str) -> HubFile | TorchvisionFile:
    if name == "clip":
        from dreambench.models.encoders.clip_encoder import clip_download

        return clip_download(protocol.clip)
    if name == "dino":
        from dreambench.models.encoders.dino_encoder import dino_download

        return dino_download(protocol.dino)
    from dreambench.models.encoders.lpips_network import lpips_download

    return lpips_download(protocol.lpips)
