"""Small run folders with scores and pictures, built by hand: no model, no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from safetensors.numpy import save_file

from dreambench.paths import sha256_of
from dreambench.spec.method_options import MethodOptions
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import METHODS
from dreambench.spec.run_spec import BaseSpec, DataSpec, RunSpec
from dreambench.store import RunFolder, RunRecord

OFFICIAL = "dreambooth@4f887af"
NAN = float("nan")
Scores = tuple[float, float, float]  # dino, clip_i, clip_t


class TestMethod:
    """A method that exists in name only."""

    __test__ = False

    class Options(MethodOptions):
        steps: int = 3


METHODS.add("test-method", TestMethod)


def make_spec(**changes: Any) -> RunSpec:
    """Return a spec of the official photos by the test method."""
    fields: dict[str, Any] = {
        "base": BaseSpec(model="some/base"),
        "method": TestMethod.Options(name="test-method"),
        "data": DataSpec(label=OFFICIAL),
        "prompts": "0-1",
        "images_per_prompt": 2,
        "protocol": ProtocolSpec(metrics=("dino", "clip_i", "clip_t", "div")),
    }
    return RunSpec.model_validate({**fields, **changes})


def image_row(subject: str, number: int, image: int, scores: Scores | None, **changes: Any) -> dict[str, Any]:
    """Return one row of the images table; without ``scores`` it is a missing image."""
    dino, clip_i, clip_t = scores or (NAN, NAN, NAN)
    row = {
        "subject": subject,
        "class_noun": "dog",
        "category": "live",
        "prompt_index": number,
        "prompt": f"a sks dog, prompt {number}",
        "kind": "recontextualization" if number < 1 else "property modification",
        "image_index": image,
        "seed": 1000 * number + image,
        "file": f"images/{subject}/{number:02d}-{image}.png" if scores else None,
        "clip_i": clip_i,
        "dino": dino,
        "clip_t": clip_t,
    }
    return {**row, **changes}


def make_run(
    path: Path,
    images: Iterable[Mapping[str, Any]],
    *,
    spec: RunSpec | None = None,
    subjects: Iterable[str] = ("ant", "bee"),
    pictures: bool = False,
    tables: Mapping[str, list[dict[str, Any]]] | None = None,
    **record: Any,
) -> RunFolder:
    """Write a run folder; ``pictures`` draws a file for every row that has one, and two photos each."""
    spec, names, rows = spec or make_spec(), list(subjects), list(images)
    photos = {name: [str(path.parent / "photos" / name / f"{i:02d}.png") for i in range(2)] for name in names}
    fields = {"name": path.name, "key": spec.key, "status": "complete", "photos": photos}
    fields |= {"subjects": dict.fromkeys(names, "dog"), "updated": "2024-05-01T12:00:00+00:00"}
    run = RunFolder(path, RunRecord(spec=spec, **{**fields, **record}))
    path.mkdir(parents=True)
    (path / "run.json").write_text(run.record.model_dump_json(), encoding="utf-8")
    if rows:
        run.save_scores("images", pd.DataFrame(rows))
    for table, content in (tables or {}).items():
        run.save_scores(table, pd.DataFrame(content))
    if pictures:
        files = [path / str(row["file"]) for row in rows if row["file"]]
        for number, file in enumerate([*files, *(Path(p) for some in photos.values() for p in some)]):
            draw(file, number)
    return run


def make_whole_run(path: Path, **record: Any) -> RunFolder:
    """Write a run of the whole benchmark: 30 subjects, 25 prompts, 4 images each, and the photos' scores."""
    names = [f"s{number:02d}" for number in range(30)]
    cells = [(name, prompt, image) for name in names for prompt in range(25) for image in range(4)]
    rows = [image_row(*cell, (0.4 + 0.01 * names.index(cell[0]), 0.6, 0.3)) for cell in cells]
    photos = [
        {"subject": s, "photo_a": "0.png", "photo_b": "1.png", "dino": 0.85, "clip_i": 0.95} for s in names
    ]
    spec = make_spec(prompts="all", images_per_prompt=4, **record.pop("spec", {}))
    return make_run(path, rows, spec=spec, subjects=names, tables={"photos": photos}, **record)


def draw(file: Path, number: int) -> None:
    """Write a small PNG of one color."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        Image.new("RGB", (200, 160), ((37 * number) % 256, (91 * number) % 256, 120)).save(file)


def two_subjects() -> list[dict[str, Any]]:
    """Return the images table whose means the tests derive by hand.

    ant has 4 scored images, bee has 3 and misses one: DINO is ant (0.1+0.2+0.3+0.4)/4 = 0.25 and bee
    (0.6+0.7+0.8)/3 = 0.7, so 0.475 over subjects (a plain mean over images would be 3.1/7 = 0.443).
    CLIP-I is DINO + 0.1 and CLIP-T is DINO / 2.
    """
    dino = {("ant", 0, 0): 0.1, ("ant", 0, 1): 0.2, ("ant", 1, 0): 0.3, ("ant", 1, 1): 0.4}
    dino |= {("bee", 0, 0): 0.6, ("bee", 0, 1): 0.7, ("bee", 1, 0): 0.8}
    rows = [image_row(*cell, (score, score + 0.1, score / 2)) for cell, score in dino.items()]
    return [*rows, image_row("bee", 1, 1, None)]


def two_subjects_tables() -> dict[str, list[dict[str, Any]]]:
    """Return the other tables: DIV is 0.45, the photos' DINO 0.85 and CLIP-I 0.95.

    DIV: ant's prompts 0.2 and (0.3+0.5)/2 = 0.4 give 0.3, bee's only prompt 0.6. Photos: ant's pairs
    0.7 and 0.9 give 0.8, bee's one pair 0.9.
    """
    lpips = [("ant", 0, "0-1", 0.2), ("ant", 1, "0-1", 0.3), ("ant", 1, "0-2", 0.5), ("bee", 0, "0-1", 0.6)]
    pairs = [
        ("ant", "00.png", "01.png", 0.7),
        ("ant", "00.png", "02.png", 0.9),
        ("bee", "00.png", "01.png", 0.9),
    ]
    return {
        "diversity": [dict(zip(("subject", "prompt_index", "pair", "lpips"), r, strict=True)) for r in lpips],
        "photos": [
            {"subject": s, "photo_a": a, "photo_b": b, "dino": v, "clip_i": v + 0.1} for s, a, b, v in pairs
        ],
    }


def unit_vector(degrees: float) -> np.ndarray:
    """Return the unit vector [2] at an angle of the plane."""
    radians = np.radians(degrees)
    return np.array([np.cos(radians), np.sin(radians)], dtype=np.float32)


def embedded_run(
    path: Path, images: dict[int, float], photos: tuple[float, ...], kinds: Mapping[int, str] | None = None
) -> RunFolder:
    """Return a run of one subject: an image per prompt and some photos, each at an angle of the plane.

    ``kinds`` are the kinds of the prompts that are not recontextualization.
    """
    kind_of = dict.fromkeys(images, "recontextualization") | dict(kinds or {})
    rows = [image_row("ant", prompt, 0, (0.5, 0.5, 0.3), kind=kind_of[prompt]) for prompt in images]
    named = [path.parent / "photos" / "ant" / f"{number:02d}.png" for number in range(len(photos))]
    run = make_run(path, rows, subjects=["ant"], photos={"ant": list(map(str, named))})
    files = [run.path / str(row["file"]) for row in rows] + named
    for number, file in enumerate(files):
        draw(file, number)
        file.write_bytes(file.read_bytes() + bytes([number]))  # embeddings are found by the file's hash
    vectors = {sha256_of(f): unit_vector(a) for f, a in zip(files, [*images.values(), *photos], strict=True)}
    file = run.embedding_file(run.record.spec.protocol.encoder_key("dino"), "ant")
    file.parent.mkdir(parents=True)
    save_file(vectors, file)
    return run
