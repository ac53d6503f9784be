"""The one line that fixes the protocol of a table, in the manner of sacreBLEU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dreambench.paths import text_sha256
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric, in_table_order, standard_metrics
from dreambench.spec.run_spec import RunSpec
from dreambench.spec.version import SCORING_VERSION

#: The preset of the embedded models, and what every table of it says.
MINIATURE_PRESET = "mini"
MINIATURE_NOTE = (
    "The miniature: drawn subjects and small models of its own; never to be compared with the paper's numbers"
)

#: The order of the standard metrics' fields since the first release.
_ORDER = ("clip", "dino", "tf", "pairs", "clip-t", "lpips")


def protocol_fields(protocol: ProtocolSpec) -> dict[str, str]:
    """Return the fields that a protocol fixes: the standard metrics', asked for or not, then the others'.

    Runs of one protocol have one signature, whichever of the standard metrics they were asked for.
    """
    names = in_table_order({*standard_metrics(), *protocol.metrics})
    found = {field: value for name in names for field, value in get_metric(name).signature(protocol).items()}
    order = [field for field in _ORDER if field in found]
    metrics = {field: found[field] for field in [*order, *sorted(found.keys() - set(order))]}
    return {**metrics, **_arithmetic(protocol)}


def _arithmetic(protocol: ProtocolSpec) -> dict[str, str]:
    """Return what is done to the metrics' numbers, where it is not what the paper does."""
    scaled = [f"{name}*{protocol.scale[name]:g}" for name in in_table_order(protocol.scale)]
    found = {
        "subjects": protocol.pairs_label(),
        "images": str(protocol.images or ""),
        "average": "images" if protocol.averaging == "images" else "",
        "scale": ",".join(scaled),
        "clipped": ",".join(in_table_order(protocol.clipped)),
    }
    return {name: value for name, value in found.items() if value}


def cells_digest(cells: Iterable[tuple[str, int, int]]) -> str:
    """Return 8 hexadecimal digits that name a set of (subject, prompt index, image index)."""
    return text_sha256("\n".join(f"{s}/{p}/{i}" for s, p, i in sorted(cells)))[:8]


def signature_fields(
    spec: RunSpec, n: int, cells: str = "all", image_size: str | None = None
) -> dict[str, str]:
    """Return the signature's fields in order.

    ``n`` is the number of scored images; ``cells`` is "all" for the whole benchmark, otherwise the
    digest of the subjects, prompts and images that were scored. ``image_size`` is the images' side in
    pixels, ``WIDTHxHEIGHT`` or ``mixed``, which LPIPS sees where the protocol fixes no size. The version
    is the scoring's, which releases that score alike share.
    """
    fields = {
        "dreambench": SCORING_VERSION,
        "data": spec.data.label or "unknown",
        **protocol_fields(spec.protocol),
    }
    seen = spec.photos_seen()
    if spec.protocol.leave_input_out or isinstance(seen, Mapping):
        fields["pairs"] = spec.protocol.reference_label(seen)
    if image_size and spec.protocol.lpips.size == "native":
        fields["lpips"] += f"@{image_size}"
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


def scale_of(signature: str, metric: str) -> float:
    """Return by what the numbers of a metric are multiplied in a table with this signature.

    Example:
        >>> scale_of("dreambench:0.1|scale:dino*100,clip_t*2.5", "clip_t")
        2.5
    """
    pairs = [part.split("*") for part in parse_signature(signature).get("scale", "").split(",") if part]
    return {name: float(factor) for name, factor in pairs}.get(metric, 1.0)


def of_pairs(signature: str) -> bool:
    """Whether a table with this signature is of images that show two subjects."""
    return "subjects" in parse_signature(signature)


def is_miniature(signature: str) -> bool:
    """Whether a table with this signature is of the embedded miniature."""
    return parse_signature(signature).get("preset") == MINIATURE_PRESET


def signature_differences(a: str, b: str) -> list[str]:
    """Return one ``field: left, not right`` per field in which two signatures differ.

    The size of LPIPS's images counts where both have one: a run without DIV has none. A dataset is what its
    digest says, whatever the folder's name before it: the digest covers subjects, photos and prompts.
    """
    left, right = parse_signature(a), parse_signature(b)
    digests = [fields.get("data", "").rpartition("@")[2] for fields in (left, right)]
    if "@" in left.get("data", "") and "@" in right.get("data", "") and digests[0] == digests[1]:
        right["data"] = left["data"]
    if not all("@" in fields.get("lpips", "") for fields in (left, right)):
        for fields in (left, right):
            fields.update({n: v.partition("@")[0] for n, v in fields.items() if n == "lpips"})
    names = list(left) + [name for name in right if name not in left]
    return [f"{n}: {left.get(n)}, not {right.get(n)}" for n in names if left.get(n) != right.get(n)]
