"""Weights in local files: safetensors only, whole, and of the right architecture, or one clear line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreambench.errors import DreambenchError
from dreambench.paths import located, sha256_of

if TYPE_CHECKING:
    from torch import Tensor, nn

SAFETENSORS = ".safetensors"
PICKLES = frozenset({".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"})
CONVERT = (
    'if you trust it, convert it: python -c "import sys, torch; from safetensors.torch import save_file; '
    "d = torch.load(sys.argv[1], map_location='cpu', weights_only=True); "
    "save_file({k: v.clone().contiguous() for k, v in d.get('state_dict', d).items()}, sys.argv[2])\" "
    "OLD NEW.safetensors"
)


def is_local(weights: str) -> bool:
    """Whether a ``weights`` field means a file: by a weights file's suffix, or by a path separator."""
    return Path(weights).suffix.lower() in {SAFETENSORS, *PICKLES} or "/" in weights or "\\" in weights


def local_file(weights: str, field: str) -> Path:
    """Return the path of a local weights file. ``field`` is the spec's field, for the error.

    Raises DreambenchError where the file is missing, or a pickle.
    """
    path = located(weights)
    if path.suffix.lower() in PICKLES:
        raise DreambenchError(f"{field}: {path} is a pickle, and pickles are never read", CONVERT)
    if not path.is_file():
        raise DreambenchError(
            f"{field}: there is no file {path}",
            f"give the path of a safetensors file with --set {field}=FILE",
        )
    if path.suffix.lower() != SAFETENSORS:
        raise DreambenchError(f"{field}: {path} is not a {SAFETENSORS} file", CONVERT)
    return path


def checked_file(weights: str, expected: str | None, field: str) -> Path:
    """Return the path of a local weights file that still has the fingerprint ``expected`` (None: any)."""
    path = local_file(weights, field)
    if expected is not None and sha256_of(path) != expected:
        raise DreambenchError(
            f"{field}: {path} is not the file that the run was begun with (its SHA-256 differs)",
            "put the first one back, or start another run with another --out",
        )
    return path


def refuse_another_name(field: str, model: str, file: str) -> None:
    """Raise DreambenchError for a model's name that no library knows and that its file does not have either.

    The architecture is then in the file, and the name in the signature would be any typo.
    """
    names = (Path(file).stem.lower(), Path(file).parent.name.lower())
    if not any(name and (name in model.lower() or model.lower() in name) for name in names):
        raise DreambenchError(
            f"{field}={model} is not a known model, nor what {Path(file).name} or its folder is called",
            "name it after its file or the file's folder",
        )


def read_metadata(file: Path, field: str) -> dict[str, Any]:
    """Return the metadata of a safetensors file; entries that are JSON are parsed."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            texts: Mapping[str, str] = opened.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise _damaged(file, field) from error
    return {name: _parsed(text) for name, text in texts.items()}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_tensors(file: Path, field: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, on the CPU."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise _damaged(file, field) from error


def _damaged(file: Path, field: str) -> DreambenchError:
    return DreambenchError(
        f"{field}: {file} is damaged, cut off, or not in safetensors' format", "download or convert it again"
    )


def load_into(
    module: nn.Module, state: Mapping[str, Tensor], what: str, optional: Iterable[str] = ()
) -> None:
    """Load a state dict that must fit ``module`` exactly; ``optional`` are prefixes that may be absent.

    ``what`` opens the error's line: the field, the file and the architecture. Raises DreambenchError
    that counts and names what does not fit.
    """
    own = module.state_dict()
    missing = [n for n in own if n not in state and not n.startswith(tuple(optional))]
    unknown = [n for n in state if n not in own]
    shapes = [
        f"{n} {list(state[n].shape)}, not {list(own[n].shape)}"
        for n in own
        if n in state and state[n].shape != own[n].shape
    ]
    wrong = [
        f"{len(names)} tensors {kind} ({names[0]}{', ...' if len(names) > 1 else ''})"
        for kind, names in (("missing", missing), ("unknown", unknown), ("of another shape", shapes))
        if names
    ]
    if wrong:
        # What transformers calls the parts of its own ViT, DINOv2, CLIP and SigLIP.
        its_own = ("embeddings.", "encoder.layer", "text_model.", "vision_model.")
        other = "the names are those of transformers: give the file that timm or open_clip publishes"
        remedy = (
            other if any(n.startswith(its_own) for n in unknown) else "give the weights of this architecture"
        )
        raise DreambenchError(f"{what} does not fit: {'; '.join(wrong)}", remedy)
    module.load_state_dict(dict(state), strict=False)
