"""What further protocols cost: one pass that answers four of them, against one pass for the paper's alone.

    python benchmarks/several_protocols.py [--images 24] [--photos 5] [--size 512] [--repeats 3] [--own]

The encoders are ViT-B-32-quickgelu and vit_small_patch16_224.dino in full size, with random weights: time
does not depend on their values. Measured are, each into a new folder,

- paper: the images scored by the paper's protocol alone;
- four: by paper, kosmos-g, uno and customconcept101 in one pass; they share both encoders;
- with dreambench++ (only with --own): by paper, kosmos-g, uno and dreambench++, whose DINO is ViT-S/8 and
  whose DINOv2 is a third network: what those two cost is the networks', not the pass's.

Times are CPU seconds of this process, the least of the repeats, so that other work on the machine does not
count. The goal is four / paper <= 1.3. Exit code 1 where it is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import timm
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.scoring_speed import draw_file, new_run  # noqa: E402
from dreambench.metrics.dinov2 import DinoV2Spec  # noqa: E402
from dreambench.metrics.scoring import BenchmarkImage, ScoredProtocol, SubjectImages, score_images  # noqa: E402
from dreambench.spec.presets import protocol_spec  # noqa: E402
from dreambench.spec.protocol_spec import ClipSpec, DinoSpec, EncoderSpec, ProtocolSpec  # noqa: E402
from tests.material import tiny_encoders  # noqa: E402

GOAL = 1.3
SHARING = ("paper", "kosmos-g", "uno", "customconcept101")
OWN = ("paper", "kosmos-g", "uno", "dreambench++")


class ProtocolBench:
    """The files, the encoders with random weights, and a scoring by any of the named protocols."""

    def __init__(self, folder: Path, images: int, photos: int, size: int) -> None:
        self.folder, self.runs = folder, 0
        self.images = [draw_file(folder / f"{i:03d}.png", i, size) for i in range(images)]
        self.photos = [draw_file(folder / f"{i:02d}.png", 1000 + i, size) for i in range(photos)]
        clip_model, clip_file = tiny_encoders.build_full_clip(folder)
        self.clip = ClipSpec(model=clip_model, weights=str(clip_file))
        self.weights: dict[str, Path] = {}

    def protocol(self, name: str) -> ProtocolSpec:
        """Return a named protocol with random weights of its own architectures, without DIV."""
        named = protocol_spec(name)
        named = named.with_metrics([m for m in named.metrics if m != "div"])
        own: dict[str, EncoderSpec] = {"clip": self.clip, "dino": self._dino(named.dino)}
        if "dinov2" in named.metrics:
            second = named.encoder_spec("dinov2")
            assert isinstance(second, DinoV2Spec)
            own["dinov2"] = self._dino(second)
        return named.with_encoder_specs(own)

    def _dino(self, spec: DinoSpec) -> DinoSpec:
        if spec.model not in self.weights:
            torch.manual_seed(0)
            model = timm.create_model(spec.model, num_classes=0)
            file = self.folder / f"{spec.model}.safetensors"
            self.weights[spec.model] = tiny_encoders.save_state(model.state_dict(), file)
        return spec.model_copy(update={"weights": str(self.weights[spec.model])})

    def score(self, names: tuple[str, ...]) -> None:
        """Score the images by some protocols in one pass, into a new folder."""
        self.runs += 1
        run = new_run(self.folder / f"run{self.runs}")
        cells = [
            BenchmarkImage("dog", "dog", "live", i // 4, "", f"a dog, {i // 4}", "", i % 4, i, file)
            for i, file in enumerate(self.images)
        ]
        first, *others = [ScoredProtocol(name, self.protocol(name), cells) for name in names]
        score_images(
            run,
            {"dog": SubjectImages(cells, self.photos)},
            first.protocol,
            others=others,
            device="cpu",
            batch_size=32,
            decode_threads=1,
        )


def main() -> int:
    """Measure, print the table, and say whether the goal is met."""
    parser = argparse.ArgumentParser(description="What further protocols cost.")
    for name, default in {"images": 24, "photos": 5, "size": 512, "repeats": 3}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--own", action="store_true", help="also dreambench++ with encoders of its own")
    options = parser.parse_args()
    asked = {"paper": ("paper",), "four": SHARING}
    if options.own:
        asked["with dreambench++"] = OWN
    times: dict[str, list[float]] = {name: [] for name in asked}
    with tempfile.TemporaryDirectory() as folder:
        bench = ProtocolBench(Path(folder), options.images, options.photos, options.size)
        bench.score(
            OWN if options.own else SHARING
        )  # once, so that every library is loaded and every file is written
        for _ in range(options.repeats):
            for name, names in asked.items():
                start = time.process_time()
                bench.score(names)
                times[name].append(time.process_time() - start)
    least = {name: min(values) for name, values in times.items()}
    print(f"{options.images} images, {options.photos} photos; CPU seconds, least of {options.repeats}")
    for name, value in least.items():
        print(f"{name:20}{value:9.2f}{value / least['paper']:9.3f}")
    ratio = least["four"] / least["paper"]
    print(f"four / paper = {ratio:.3f}, goal <= {GOAL}: {'met' if ratio <= GOAL else 'MISSED'}")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
