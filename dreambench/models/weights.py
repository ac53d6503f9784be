"""The weights that a protocol's metrics need: their fingerprints, and what of them is missing."""

from __future__ import annotations

from collections.abc import Iterable

from dreambench.errors import DreambenchError
from dreambench.models.encoders.downloads import HubFile, TorchvisionFile
from dreambench.models.encoders.weight_files import is_local, local_file
from dreambench.paths import sha256_of
from dreambench.spec.protocol_spec import EncoderSpec, ProtocolSpec
from dreambench.spec.registries import get_metric, standard_metrics


def needed_encoders(metrics: Iterable[str]) -> list[str]:
    """Return the names of the encoders that some metrics need."""
    return sorted({get_metric(name).encoder for name in metrics})


def with_fingerprints(protocol: ProtocolSpec) -> ProtocolSpec:
    """Fill in the fingerprint of every local weights file (SHA-256), or the version of a metric's package.

    A file that no metric needs may be missing; where it is there, it is in the signature as well, so that
    runs of one protocol have one signature, whichever of its metrics they were asked for. A fingerprint
    that is filled in already is kept, without looking at the file: it is compared when the file is loaded.
    Raises DreambenchError where a file is missing, or a pickle, or where a metric lacks something else.
    """
    changes: dict[str, EncoderSpec] = {}
    for user in map(get_metric, protocol.metrics):
        settings = user.settings(protocol)
        user.check(settings)
        if settings.fingerprint is None and (version := user.version(settings)):
            changes[user.encoder] = settings.evolve(fingerprint=version)
    needed = needed_encoders(protocol.metrics)
    for name in needed_encoders({*standard_metrics(), *protocol.metrics}):
        settings = protocol.encoder_spec(name)
        if settings.fingerprint is None and is_local(settings.weights):
            try:
                file = local_file(settings.weights, weights_field(name))
            except DreambenchError:
                if name in needed:
                    raise
                continue
            changes[name] = settings.evolve(fingerprint=sha256_of(file))
    return protocol.with_encoder_specs(changes) if changes else protocol


def weights_field(encoder: str) -> str:
    """Return the dotted name of the field that holds an encoder's weights."""
    inside = "" if encoder in ProtocolSpec.model_fields else "encoders."
    return f"protocol.{inside}{encoder}.weights"


def fetch_weights(protocol: ProtocolSpec, metrics: Iterable[str]) -> None:
    """Download what some metrics of a protocol need and no cache has. Raises DreambenchError if that fails.

    A package that downloads its weights itself does so when it loads them.
    """
    for user in {m.encoder: m for m in map(get_metric, metrics)}.values():
        settings = user.settings(protocol)
        source = None if is_local(settings.weights) else user.download(settings)
        if isinstance(source, HubFile | TorchvisionFile) and source.cached() is None:
            source.fetch()


def missing_weights(protocol: ProtocolSpec) -> list[str]:
    """Return one line per need of a metric that is not met, or would be downloaded; downloads nothing."""
    lines = []
    users = {m.encoder: m for m in map(get_metric, protocol.metrics)}
    for name, user in sorted(users.items()):
        settings, field = user.settings(protocol), weights_field(name)
        try:
            user.check(settings)
            if is_local(settings.weights):
                local_file(settings.weights, field)
                continue
            source = user.download(settings)
        except DreambenchError as error:
            lines.append(str(error))
            continue
        if source is not None and source.cached() is None:
            lines.append(f"{field}: {source} will be downloaded")
    return lines
