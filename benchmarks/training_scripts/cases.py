"""The scripts of diffusers, each with the tiny pipeline and the settings that it is run with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import RunSpec
from tests.material import tiny, tiny_dataset, tiny_parts
from tests.material.tiny_families import build_family

PHOTOS = 4
RATE = 1e-3
PRIOR_WEIGHT = 0.5
_LORA = "dreambooth/train_dreambooth_lora"
_INVERSION = "textual_inversion/textual_inversion"
_GUIDANCE = ("--guidance_scale=1",)
_PLACEHOLDER = ("--placeholder_token=<subject>", "--initializer_token=dog", "--repeats=1")


@dataclass(frozen=True)
class Case:
    """A script below ``examples/`` and how it is run; ``words`` are more of its options.

    ``batch`` is 1 where the script gives a larger one's rows wrong captions or too many, and ``prior`` False
    where it cannot preserve a prior.
    """

    script: str
    family: str
    preset: str = "paper-sd15"
    method: str = "dreambooth-lora"
    batch: int = 2
    prior: bool = True
    text: bool = False
    words: tuple[str, ...] = ()
    prediction_type: str = "epsilon"

    @property
    def size(self) -> int:
        """Return the side of the tiny pipeline's images."""
        return tiny_dataset.IMAGE_SIZE if self.family == "sd" else tiny_parts.IMAGE_SIZE

    def build(self, folder: Path) -> Path:
        """Write the tiny pipeline."""
        if self.family == "sd":
            return tiny.build_pipeline(folder, prediction_type=self.prediction_type)
        return build_family(self.family, folder)

    def arguments(self, base: Path, photos: Path, class_images: Path, out: Path, steps: int) -> list[str]:
        """Return the script's options."""
        shared = {
            "pretrained_model_name_or_path": base,
            "output_dir": out,
            "resolution": self.size,
            "train_batch_size": self.batch,
            "learning_rate": RATE,
            "max_train_steps": steps,
            "lr_warmup_steps": 0,
            "seed": 0,
        }
        if self.method == "textual-inversion":
            return _words({**shared, "train_data_dir": photos}, self.words)
        own = {**shared, "instance_data_dir": photos, "instance_prompt": "a sks dog"}
        flags = ["--train_text_encoder"] * self.text
        if self.prior:
            flags.append("--with_prior_preservation")
            own |= {"class_data_dir": class_images, "class_prompt": "a dog", "num_class_images": PHOTOS}
            own |= {"prior_loss_weight": PRIOR_WEIGHT}
        return _words(own, (*self.words, *flags))

    def spec(self, base: Path, data: Path, steps: int) -> RunSpec:
        """Return the same settings for dreambench; the optimizer's are those of the preset."""
        fields = {"base.model": str(base), "data.folder": str(data), "method": self.method}
        chosen = {
            "image_size": self.size,
            "method.steps": steps,
            "method.batch_size": self.batch,
            "method.learning_rate": RATE,
            "runtime.device": "cpu",
            "runtime.precision": "fp32",
            "runtime.gradient_checkpointing": "false",
        }
        if self.method != "textual-inversion":
            chosen |= {"method.train_text_encoder": self.text, "method.prior_preservation": self.prior}
            chosen |= {"method.prior_preservation_weight": PRIOR_WEIGHT}
        return build_spec(self.preset, fields, [f"{name}={value}" for name, value in chosen.items()])


def _words(options: dict[str, object], more: Sequence[str]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()] + list(more)


#: The options of klein and Stable Diffusion 3 make the script read captions as the pipelines read prompts.
CASES = {
    "sd": Case(f"{_LORA}.py", "sd"),
    "sd, v": Case(f"{_LORA}.py", "sd", prediction_type="v_prediction"),
    "sd, text encoder": Case(f"{_LORA}.py", "sd", text=True),
    "sd, all weights": Case("dreambooth/train_dreambooth.py", "sd", method="dreambooth", text=True),
    "sd, a word": Case(f"{_INVERSION}.py", "sd", method="textual-inversion", words=_PLACEHOLDER),
    "sdxl": Case(f"{_LORA}_sdxl.py", "sdxl", "sdxl-lora", batch=1),
    "sdxl, text encoders": Case(
        f"{_LORA}_sdxl.py", "sdxl", "sdxl-lora", prior=False, text=True,
        words=(f"--text_encoder_lr={RATE}", "--adam_weight_decay_text_encoder=1e-4"),
    ),
    "sdxl, a word": Case(f"{_INVERSION}_sdxl.py", "sdxl", method="textual-inversion", words=_PLACEHOLDER),
    "sd3": Case(f"{_LORA}_sd3.py", "sd3", "sd35-lora", batch=1, words=("--max_sequence_length=256",)),
    "flux": Case(f"{_LORA}_flux.py", "flux", "flux1-lora", words=_GUIDANCE),
    "flux-kontext": Case(
        f"{_LORA}_flux_kontext.py", "flux-kontext", "flux1-lora", prior=False, words=_GUIDANCE
    ),
    "flux2": Case(f"{_LORA}_flux2.py", "flux2", "flux2-klein-lora", words=_GUIDANCE),
    "flux2-klein": Case(
        f"{_LORA}_flux2_klein.py", "flux2-klein", "flux2-klein-lora",
        words=("--text_encoder_out_layers", "9", "18", "27"),
    ),
    "qwen-image": Case(f"{_LORA}_qwen_image.py", "qwen-image", "qwen-image-lora"),
    "z-image": Case(f"{_LORA}_z_image.py", "z-image", "z-image-lora", batch=1, prior=False),
}  # fmt: skip
