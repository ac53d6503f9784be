"""A base model's folder in diffusers' layout: what has to be in it, and the hash that names its content."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from dreambench.errors import DreambenchError
from dreambench.models.schedulers import check_scheduler
from dreambench.paths import refuse_special, sha256_of

if TYPE_CHECKING:
    from dreambench.models.families.family import Family

REMEDY = "download the whole model again, or fix the folder"
_HASHED_SUFFIXES = {".json", ".txt", ".model", ".safetensors"}
_TOKENIZERS = ({"tokenizer.json"}, {"vocab.json", "merges.txt"}, {"spiece.model"}, {"tokenizer.model"})


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its kind where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def read_config(file: Path) -> dict[str, Any]:
    """Read a JSON file with one object. Raises DreambenchError naming the file."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DreambenchError(f"{file} is not JSON: {first_line(error)}", REMEDY) from error
    if not isinstance(content, dict):
        raise DreambenchError(f"{file} contains no configuration", REMEDY)
    return content


def read_index(folder: Path) -> dict[str, Any]:
    """Read ``model_index.json``, which names the pipeline's class and components."""
    file = folder / "model_index.json"
    refuse_special(file)
    try:
        index = read_config(file)
    except (FileNotFoundError, DreambenchError) as error:
        raise DreambenchError(
            f"{file} is missing or not JSON", "give --base a folder in diffusers' layout"
        ) from error
    index.setdefault("_class_name", None)
    return index


def check_folder(folder: Path, family: Family, variant: str | None) -> None:
    """Raise DreambenchError for a component that is missing, incomplete, a pickle, or not a model's."""
    for component in family.components():
        inside = folder / component
        if not inside.is_dir():
            raise DreambenchError(f"base model folder {folder} lacks its component {component}/", REMEDY)
        for file in inside.iterdir():
            refuse_special(file)
        if component in family.tokenizers:
            _check_tokenizer(inside)
            continue
        config = inside / ("scheduler_config.json" if component == "scheduler" else "config.json")
        if not config.is_file():
            raise DreambenchError(f"base model folder {folder} lacks {config.relative_to(folder)}", REMEDY)
        if component in family.weighted:
            _check_weights(inside, variant)
        if component == "scheduler":
            check_scheduler(str(read_config(config).get("_class_name")), folder)
        if component == "vae":
            _check_scaling(config)


def _check_scaling(file: Path) -> None:
    """Refuse a factor between the latents of VAE and denoiser that no model has: it would draw noise."""
    scaling = read_config(file).get("scaling_factor", 1.0)
    if isinstance(scaling, bool) or not isinstance(scaling, int | float) or not 1e-3 < scaling < 1e3:
        raise DreambenchError(
            f"{file}: scaling_factor {scaling!r} is not a factor of latents", "Stable Diffusion's is 0.18215"
        )


def _check_tokenizer(inside: Path) -> None:
    files = {file.name for file in inside.iterdir()}
    if not any(known <= files for known in _TOKENIZERS):
        raise DreambenchError(f"{inside} lacks tokenizer.json (or vocab.json and merges.txt)", REMEDY)


def _check_weights(inside: Path, variant: str | None) -> None:
    # A link of the hub's cache whose blob is missing is not a file.
    names = sorted(file.name for file in inside.glob("[!.]*.safetensors") if file.exists())
    # Whole or in shards; model.fp16.safetensors and model.fp16-00001-of-00002.safetensors are a variant's.
    ending = rf"[.]{re.escape(variant)}(?:-\d+-of-\d+)?" if variant else ""
    found = [name for name in names if re.fullmatch(rf"[^.]+{ending}[.]safetensors", name)]
    if found:
        return _check_shards(inside, found)
    if names and not variant:
        raise DreambenchError(f"{inside} contains {names[0]} only", "set base.variant, such as fp16")
    if any(f.suffix in (".bin", ".ckpt", ".pth", ".pt") for f in inside.iterdir()):
        raise DreambenchError(
            f"{inside} contains pickled weights only, which are never read",
            "convert the model to safetensors",
        )
    wanted = f"*.{variant}.safetensors" if variant else "*.safetensors"
    raise DreambenchError(f"{inside} contains no {wanted}", "download the model again, or set base.variant")


def _check_shards(inside: Path, names: Sequence[str]) -> None:
    """Refuse weights of which a shard is missing: half of a download."""
    shards = [match for name in names if (match := re.fullmatch(r"(.+)-(\d+)-of-(\d+)([.]\w+)", name))]
    if len(shards) < len(names):
        return  # they are there in one file, too
    stem, first, count, suffix = shards[0].groups()
    wanted = [f"{stem}-{n:0{len(first)}}-of-{count}{suffix}" for n in range(1, int(count) + 1)]
    if missing := sorted(set(wanted) - set(names)):
        raise DreambenchError(f"{inside} lacks {len(missing)} of {len(wanted)} shards ({missing[0]})", REMEDY)


def fingerprint_of(folder: Path, components: Iterable[str]) -> str:
    """Return 40 hexadecimal digits that name the content of a base model's components."""
    digest = hashlib.sha256()
    for component in sorted(components):
        for file in sorted((folder / component).iterdir()):
            if file.suffix in _HASHED_SUFFIXES and not file.name.startswith("."):  # a Mac's ._config.json
                digest.update(f"{component}/{file.name} {_content_hash(file)}\n".encode())
    return digest.hexdigest()[:40]


def _content_hash(file: Path) -> str:
    """Return a file's SHA-256; a configuration over float16 weights counts as if it said float16.

    Its ``dtype`` says how plain libraries load the weights. Everything is float32 here, so that the same
    weights are the same model under either word.
    """
    if file.name == "config.json" and _has_half_weights(file.parent):
        text = re.sub(rb'("(?:torch_)?dtype": )"float32"', rb'\1"float16"', file.read_bytes())
        return hashlib.sha256(text).hexdigest()
    return sha256_of(file)


def _has_half_weights(folder: Path) -> bool:
    kinds: set[str] = set()
    for file in folder.glob("[!.]*.safetensors"):
        try:
            with safe_open(file, framework="np") as opened:
                kinds |= {opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):  # a damaged file is named when it is loaded
            return False
    return kinds == {"F16"}
