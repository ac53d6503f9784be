"""A component's module from its folder: safetensors alone, every weight there and finite, its layout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreambench.errors import DreambenchError
from dreambench.models.base_folder import REMEDY, first_line
from dreambench.models.quantized import is_finite

if TYPE_CHECKING:
    import torch


def layout_of(component: str, module: Any, device: torch.device) -> torch.memory_format:
    """Return how a module's weights lie in memory: those of images' convolutions with the channels last.

    Convolutions are faster so: on a GPU those of a training in half precision, on a CPU all (a subject of the
    miniature takes 0.93 of the CPU seconds). Those of a video VAE have five dimensions.
    """
    import torch

    images = all(weight.ndim < 5 for weight in module.parameters())
    last = device.type in ("cpu", "cuda") and component in ("unet", "vae") and images
    return torch.channels_last if last else torch.preserve_format


@contextmanager
def without_file_bars() -> Iterator[None]:
    """The context without the bars of diffusers and transformers for each file that they read or write."""
    import diffusers
    import transformers
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    logs = [diffusers.utils.logging, transformers.utils.logging]
    shown = [log for log in logs if log.is_progress_bar_enabled()]
    hub = not are_progress_bars_disabled()
    try:
        for log in shown:
            log.disable_progress_bar()  # transformers' also takes away those of the hub
        yield
    finally:
        for log in shown:
            log.enable_progress_bar()
        if hub != (not are_progress_bars_disabled()):
            (enable_progress_bars if hub else disable_progress_bars)()


def load_module(
    cls: Any,
    folder: Path,
    variant: str | None = None,
    dtype: torch.dtype | None = None,
    quantization: Any = None,
) -> Any:
    """Load a diffusers or transformers module from safetensors; one clear line where it fails.

    ``dtype`` None is float32, whatever the file's or the configuration's is.
    """
    import torch

    more = {} if quantization is None else {"quantization_config": quantization}
    try:
        # A module is built with random weights first, which the program's random numbers know nothing of.
        with without_file_bars(), torch.random.fork_rng(devices=[]):
            module, report = cls.from_pretrained(
                folder,
                use_safetensors=True,
                torch_dtype=dtype or torch.float32,
                variant=variant,
                output_loading_info=True,
                **more,
            )
    except Exception as error:
        raise DreambenchError(
            f"{folder} cannot be loaded as {cls.__name__}: {first_line(error)}", REMEDY
        ) from error
    if report["missing_keys"]:  # the libraries would fill them with random numbers
        missing = sorted(report["missing_keys"])
        raise DreambenchError(f"{folder} lacks {len(missing)} weights ({missing[0]} ...)", REMEDY)
    for name, values in module.state_dict().items():
        if not is_finite(values):
            raise DreambenchError(f"{folder}: the weight {name} is not finite", REMEDY)
    return module
