"""Tiny models, drawn photos and images to score, and the models' raw outputs by plain library calls."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dreambench.metrics.scoring import BenchmarkImage, SubjectImages, score_images
from dreambench.models.weights import with_fingerprints
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.store import RunFolder
from tests.material import tiny_encoders as tiny
from tests.material.tiny_dataset import build_dataset
from tests.material.tiny_encoders import TinyModels

SUBJECTS = {"dog": ("dog", "live"), "teapot": ("teapot", "object")}
PROMPTS = {0: "in the jungle", 3: "on the beach"}


@dataclass(frozen=True)
class Material:
    """What is scored: 2 subjects, 2 prompts, 3 images each, 2 prior images and 4 or 5 photos a subject."""

    cells: list[BenchmarkImage]
    priors: dict[str, dict[int, Path]]
    photos: dict[str, list[Path]]


def noise(name: str, width: int, height: int) -> Image.Image:
    """Return a coarse random image that its name decides."""
    dice = np.random.default_rng(list(name.encode()))
    coarse = dice.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def draw_material(folder: Path) -> Material:
    """Draw photos and images, the images neither square nor all of one size."""
    build_dataset(folder / "data", list(SUBJECTS), size=90)
    cells, priors, photos = [], {}, {}
    for subject, (noun, category) in SUBJECTS.items():
        photos[subject] = sorted((folder / "data" / subject).glob("*.jpg"))
        for prompt_index, place in PROMPTS.items():
            for image_index in range(3):
                file = folder / f"{subject}-{prompt_index}-{image_index}.png"
                noise(file.name, 100, 72 + prompt_index).save(file)
                prompt, caption = f"a sks {noun} {place}", f"a {noun} {place}"
                cell = BenchmarkImage(
                    subject, noun, category, prompt_index, prompt, caption, "recontextualization",
                    image_index, 2**60 + image_index, file,
                )  # fmt: skip
                cells.append(cell)
        priors[subject] = {index: folder / f"{subject}-class-{index}.png" for index in range(2)}
        for file in priors[subject].values():
            noise(file.name, 64, 64).save(file)
    return Material(cells, priors, photos)


def score(
    run: RunFolder, material: Material, protocol: ProtocolSpec, batch_size: int = 32, **options
) -> None:
    """Score all the material on the CPU."""
    cells, priors = options.pop("cells", material.cells), options.pop("priors", material.priors)
    drift = options.pop("drift", {})
    images = {
        name: SubjectImages(
            [cell for cell in cells if cell.subject == name],
            material.photos[name],
            priors.get(name, {}),
            drift.get(name, ()),
        )
        for name in dict.fromkeys([*(cell.subject for cell in cells), *priors])
    }
    score_images(
        run,
        images,
        with_fingerprints(protocol),
        device="cpu",
        batch_size=batch_size,
        decode_threads=2,
        **options,
    )


class ByHand:
    """Raw embeddings by the libraries' own models, one image at a time, transforms written out."""

    def __init__(self, models: TinyModels) -> None:
        import lpips
        import timm
        from open_clip import CLIP
        from open_clip.tokenizer import tokenize
        from safetensors.torch import load_file

        self.tokenize = tokenize
        self.clip_model = CLIP(**tiny.CLIP_CONFIG).eval()
        self.clip_model.load_state_dict(load_file(models.clip))
        self.dino_model = timm.create_model(
            "vit_tiny_patch16_224", num_classes=0, **tiny.DINO_CONFIG["model_args"]
        )
        self.dino_model.load_state_dict(load_file(models.dino))
        self.dino_model.eval()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.lpips_model = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
        self.lpips_model.load_state_dict(load_file(models.lpips), strict=False)

    @staticmethod
    def pixels(
        image: Image.Image, resize: int, crop: int, mean: list[float], std: list[float]
    ) -> torch.Tensor:
        width, height = image.size
        scale = resize / min(width, height)
        new = (resize, int(height * scale)) if width <= height else (int(width * scale), resize)
        image = image.resize(new, Image.Resampling.BICUBIC)
        left, top = round((new[0] - crop) / 2), round((new[1] - crop) / 2)
        array = np.asarray(image.crop((left, top, left + crop, top + crop)), dtype=np.float32) / 255
        array = (array - np.float32(mean)) / np.float32(std)
        return torch.from_numpy(array.transpose(2, 0, 1).copy())

    def dino_pixels(self, file: Path) -> torch.Tensor:
        image = Image.open(file).convert("RGB")
        return self.pixels(
            image, tiny.DINO_RESIZE, tiny.DINO_CROP, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        )

    def clip_pixels(self, file: Path) -> torch.Tensor:
        image = Image.open(file).convert("RGB")
        mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
        return self.pixels(image, 64, 64, mean, std)

    @torch.no_grad()
    def clip(self, file: Path) -> np.ndarray:
        return self.clip_model.encode_image(self.clip_pixels(file)[None])[0].numpy()

    @torch.no_grad()
    def text(self, text: str) -> np.ndarray:
        return self.clip_model.encode_text(self.tokenize([text]))[0].numpy()

    @torch.no_grad()
    def dino(self, file: Path) -> np.ndarray:
        kept = []
        hook = self.dino_model.norm.register_forward_hook(lambda module, inputs, output: kept.append(output))
        self.dino_model(self.dino_pixels(file)[None])
        hook.remove()
        return kept[0][0, 0].numpy()

    @torch.no_grad()
    def lpips(self, a: Path, b: Path) -> float:
        def tensor(file: Path) -> torch.Tensor:
            array = np.asarray(Image.open(file).convert("RGB"), dtype=np.float32)
            return torch.from_numpy(array / 127.5 - 1).permute(2, 0, 1)[None]

        return float(self.lpips_model(tensor(a), tensor(b)))
