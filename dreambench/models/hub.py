"""Models from the hub: downloaded once, found again offline, and a clear word where neither works."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dreambench.errors import DreambenchError
from dreambench.models.base_folder import read_index
from dreambench.models.families.family import family_of
from dreambench.spec.run_spec import BaseSpec

#: Seconds to wait for the hub where an answer is welcome but not needed.
_PATIENCE = 3.0


def fetch(spec: BaseSpec) -> Path:
    """Return the local snapshot of a hub model, downloading what its pipeline needs (safetensors only).

    Raises DreambenchError, before anything large is downloaded, that says whether the model does not exist,
    is gated, is not supported, or cannot be reached, and what to download and where to put it.
    """
    try:
        index = fetched_file(spec.model, "model_index.json", spec.revision)
    except Exception as error:
        raise _one_line(spec, error) from error
    family_of(str(read_index(index.parent)["_class_name"]), spec.model)
    from diffusers import DiffusionPipeline  # takes seconds, which a refusal does not need

    options = {"revision": spec.revision, "variant": spec.variant, "use_safetensors": True}
    options["safety_checker"] = None  # 1.2 GB in Stable Diffusion 1.5, and never used here
    try:
        return Path(DiffusionPipeline.download(spec.model, **options))
    except Exception as error:
        raise _one_line(spec, error) from error


def cached_file(repository: str, file: str, revision: str | None = None) -> Path | None:
    """Return a file of a hub repository if it is in the cache, without any network access."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, file, revision=revision)
    return Path(found) if isinstance(found, str) else None


def fetched_file(repository: str, file: str, revision: str | None = None) -> Path:
    """Return a file of a hub repository, downloading what is not in the cache. Raises what the hub raises."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    found = cached_file(repository, file, revision)
    if found is not None:
        return found
    # One request fails at once without a network; a download would retry for a minute.
    get_hf_file_metadata(hf_hub_url(repository, file, revision=revision))
    return Path(hf_hub_download(repository, file, revision=revision))


def commit_of(repository: str, file: str) -> str:
    """Return the commit of a hub repository that a file is taken from: the cached one's, or the newest.

    Raises what the hub raises where it is neither in the cache nor to be had.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    found = cached_file(repository, file)
    if found is not None:
        # CACHE/models--OWNER--NAME/snapshots/COMMIT/FILE
        return found.parents[len(Path(file).parts) - 1].name
    return str(get_hf_file_metadata(hf_hub_url(repository, file)).commit_hash)


def commit_of_snapshot(folder: Path, components: Iterable[str]) -> str | None:
    """Return the commit of a model's folder in the hub's cache; None for any other folder.

    There every file is a link to a blob that the hub named by its content. Where one is not, somebody has
    changed or copied the model, and the folder's name says nothing about what is in it.
    """
    # CACHE/models--OWNER--NAME/snapshots/COMMIT/COMPONENT/FILE -> CACHE/models--OWNER--NAME/blobs/HASH
    commit, blobs = folder.resolve().name, folder.resolve().parent.parent / "blobs"
    if folder.resolve().parent.name != "snapshots" or not re.fullmatch("[0-9a-f]{40}", commit):
        return None
    files = [file for component in components for file in (folder / component).iterdir()]
    return commit if all(f.is_symlink() and f.resolve().parent == blobs for f in files) else None


def cached_snapshot(repository: str, revision: str | None) -> Path | None:
    """Return the local folder of a hub repository if it is in the cache, without any network access."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except Exception:
        return None


def snapshot(repository: str, commit: str, files: Sequence[str]) -> Path:
    """Return the local folder of a hub repository at a commit, with the files of some patterns.

    What is in the cache is not asked for again. Raises what the hub raises.
    """
    from huggingface_hub import snapshot_download

    folder = cached_snapshot(repository, commit)
    if folder is not None and all(any(folder.glob(pattern)) for pattern in files):
        return folder
    return Path(snapshot_download(repository, revision=commit, allow_patterns=list(files)))


def remote_shapes(spec: BaseSpec) -> tuple[str, dict[str, dict[str, tuple[int, ...]]]] | None:
    """Return a hub model's pipeline class and the shapes of its weights, by component, from their headers.

    Nothing but those is downloaded, and nothing is kept. None where the hub cannot be reached in a few
    seconds, or does not show the model.
    """
    from huggingface_hub import HfApi, hf_hub_url
    from huggingface_hub.utils import get_session

    ending = f"[.]{re.escape(spec.variant)}" if spec.variant else ""
    weights = re.compile(rf"(\w+)/(?:diffusion_pytorch_)?model{ending}(?:-\d+-of-\d+)?[.]safetensors")
    api, revision = HfApi(), spec.revision
    try:
        url = hf_hub_url(spec.model, "model_index.json", revision=revision)
        index = get_session().get(url, timeout=_PATIENCE, follow_redirects=True).raise_for_status().json()
        listed = api.model_info(spec.model, timeout=_PATIENCE, revision=revision).siblings or ()
        found: dict[str, dict[str, tuple[int, ...]]] = {}
        for file in sorted(each.rfilename for each in listed):
            match = weights.fullmatch(file)
            if match is None:
                continue
            header = api.parse_safetensors_file_metadata(
                spec.model, file, timeout=_PATIENCE, revision=revision
            )
            shapes = {name: tuple(tensor.shape) for name, tensor in header.tensors.items()}
            found[match[1]] = {**found.get(match[1], {}), **shapes}
        return str(index["_class_name"]), found
    except Exception:
        return None


def is_not_there(error: Exception) -> bool:
    """Whether the hub was asked for a file, and answers that the repository does not have it."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return "EntryNotFoundError" in kinds and "LocalEntryNotFoundError" not in kinds


def _one_line(spec: BaseSpec, error: Exception) -> DreambenchError:
    chain: list[BaseException] = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    kinds = {kind.__name__ for link in chain for kind in type(link).__mro__}
    if "GatedRepoError" in kinds:
        remedy = "accept its licence on the hub and log in with `hf auth login`"
        return DreambenchError(f"base model {spec.model} is gated", remedy)
    if "RevisionNotFoundError" in kinds:
        return DreambenchError(
            f"base model {spec.model} has no revision {spec.revision}", "set base.revision"
        )
    if "RepositoryNotFoundError" in kinds:
        return DreambenchError(
            f"base model {spec.model} does not exist on the hub, or is private",
            "check the id, or log in with `hf auth login`",
        )
    if is_not_there(error):
        return DreambenchError(
            f"{spec.model} has no model_index.json, so it is not a base model in diffusers' layout",
            "adapters and single checkpoint files are none; give the model that they are made for",
        )
    if "no space left" in str(error).lower():
        return DreambenchError(f"no space left while downloading {spec.model}", "free some, or set HF_HOME")
    if "safetensors` weights" in str(error) or "`variant=" in str(error):  # diffusers has read their names
        of_variant = f" of the variant {spec.variant}" if spec.variant else ""
        other = "leave base.variant out, or set another" if spec.variant else "set base.variant, such as fp16"
        return DreambenchError(
            f"base model {spec.model} has no complete safetensors weights{of_variant} on the hub",
            f"{other}; pickled weights are never read",
        )
    revision = f" --revision {spec.revision}" if spec.revision else ""
    return DreambenchError(
        f"base model {spec.model} is not in the hub's cache and could not be downloaded",
        f"run `hf download {spec.model}{revision}` where there is a network and pass the folder with "
        "--base FOLDER",
    )
