"""The one line that fixes the protocol of a table, in the manner of sacreBLEU."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from dreambench import __version__
from dreambench.spec.run_spec import RunSpec

#: The preset of the embedded models, and what every table of it says.
MINIATURE_PRESET = "mini"
MINIATURE_NOTE = (
    "The miniature: drawn subjects and small models of its own; never to be compared with the paper's numbers"
)


def _weights(name: str, fingerprint: str | None) -> str:
    return f"sha256-{fingerprint[:8]}" if fingerprint else name


def cells_digest(cells: Iterable[tuple[str, int, int]]) -> str:
    """Return 8 hexadecimal digits that name a set of (subject, prompt index, image index)."""
    text = "\n".join(f"{s}/{p}/{i}" for s, p, i in sorted(cells))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def signature_fields(spec: RunSpec, n: int, cells: str = "all") -> dict[str, str]:
    """Return the signature's fields in order.

    ``n`` is the number of scored images; ``cells`` is "all" for the whole benchmark, otherwise the
    digest of the subjects, prompts and images that were scored. The version is the protocol's, that
    is the package's major and minor number.
    """
    protocol = spec.protocol
    clip, dino, lpips = protocol.clip, protocol.dino, protocol.lpips
    fields = {
        "dreambench": ".".join(__version__.split(".")[:2]),
        "data": spec.data.label or "unknown",
        "clip": f"{clip.model}/{_weights(clip.weights, clip.fingerprint)}",
        "dino": dino.model + (f"/{_weights('', dino.fingerprint)}" if dino.fingerprint else ""),
        "tf": f"r{dino.resize}c{dino.crop}",
        "pairs": "all",
        "clip-t": protocol.caption,
        "lpips": lpips.net + (f"/{_weights('', lpips.fingerprint)}" if lpips.fingerprint else ""),
    }
    if cells != "all":
        fields["cells"] = cells
    if spec.preset == MINIATURE_PRESET:
        fields["preset"] = MINIATURE_PRESET
    fields["n"] = str(n)
    return {name: value.replace("|", "/") for name, value in fields.items()}


def format_signature(fields: dict[str, str]) -> str:
    """Join signature fields into the printed line."""
    return "|".join(f"{name}:{value}" for name, value in fields.items())


def parse_signature(line: str) -> dict[str, str]:
    """Split a printed signature into its fields again."""
    return dict(field.split(":", 1) for field in line.split("|"))


def is_miniature(signature: str) -> bool:
    """Whether a table with this signature is of the embedded miniature."""
    return parse_signature(signature).get("preset") == MINIATURE_PRESET


def signature_differences(a: str, b: str) -> list[str]:
    """Return one ``field: left, not right`` per field in which two signatures differ."""
    left, right = parse_signature(a), parse_signature(b)
    names = list(left) + [name for name in right if name not in left]
    return [f"{n}: {left.get(n)}, not {right.get(n)}" for n in names if left.get(n) != right.get(n)]
