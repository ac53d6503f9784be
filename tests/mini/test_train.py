"""The training room at toy size: resuming, streams, tokenizer, optimizer, and what is exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from dreambench.errors import DreambenchError
from dreambench.identifiers import draw_identifiers, rare_tokens
from dreambench.mini.train import __main__ as command
from dreambench.mini.train import export as exporting
from dreambench.mini.train import tokenizer as trimmed
from dreambench.mini.train.data import STREAMS, render_shard, shard_scenes
from dreambench.mini.train.dino import instance_loss, same_class_auc
from dreambench.mini.train.loop import Loop
from dreambench.mini.train.muon import Optimizer, orthogonalize
from dreambench.mini.train.stage import Sitting, averaged_weights, checkpoint_file, learning_rate
from dreambench.mini.train.text import load_text_tower
from dreambench.mini.train.vae import build_vae, fold_normalization
from dreambench.mini.world import CLASS_NOUNS, HELD_OUT_DISTANCE, distance, held_out_subjects
from dreambench.models.base import open_base
from dreambench.models.encoders.clip import load_clip
from dreambench.models.encoders.dino import load_dino
from dreambench.models.encoders.lpips import load_lpips
from dreambench.spec import BaseSpec, ClipSpec, DinoSpec, LpipsSpec

QUIET = Console(quiet=True)
KINDS = command.stage_classes()


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sit(work: Path, stage: str, **changes: Any) -> Loop:
    """Run one sitting of a stage at toy size."""
    loop = Loop(KINDS[stage](Sitting(work, toy=True, **changes)), QUIET)
    loop.run()
    return loop


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which every stage made its four toy steps in one sitting."""
    folder = tmp_path_factory.mktemp("work")
    for stage in KINDS:
        sit(folder, stage)
    return folder


@pytest.fixture(scope="session")
def exported(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of that work folder."""
    out = tmp_path_factory.mktemp("out")
    exporting.export(Sitting(work, toy=True), out, QUIET)
    return out


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("stage", list(KINDS))
def test_a_stage_that_is_killed_ends_with_the_same_weights(
    stage: str, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in ("vae", "text"):  # what the later stages start from
        if needed != stage:
            (tmp_path / needed).mkdir()
            checkpoint_file(tmp_path, needed).write_bytes(checkpoint_file(work, needed).read_bytes())
    whole = KINDS[stage].loss

    def killed(self: Any, step: int) -> Any:
        if step == 3:
            raise MemoryError
        return whole(self, step)

    assert sit(tmp_path, stage, stop=1).step == 1
    monkeypatch.setattr(KINDS[stage], "loss", killed)
    with pytest.raises(MemoryError):
        sit(tmp_path, stage, checkpoint_seconds=0)
    monkeypatch.undo()
    assert sit(tmp_path, stage, stop=0).step == 3
    assert sit(tmp_path, stage).step == 4
    assert same(load_file(checkpoint_file(work, stage)), load_file(checkpoint_file(tmp_path, stage)))


def test_a_stage_leaves_losses_samples_and_a_readable_mistake(work: Path) -> None:
    rows = (work / "unet" / "losses.csv").read_text().splitlines()
    assert rows[0] == "step,name,value"
    assert [row for row in rows if row.startswith("4,mse,")]
    assert (work / "unet" / "samples" / "000004.png").is_file()
    with pytest.raises(DreambenchError, match="trained with seed 0"):
        sit(work, "vae", seed=1)


def test_a_unet_without_an_autoencoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DreambenchError, match="run the stage `vae` first"):
        sit(tmp_path, "unet")


def test_exported_weights_start_a_new_work_folder(exported: Path, work: Path, tmp_path: Path) -> None:
    for stage in KINDS:
        if stage == "judge":
            continue
        loop = Loop(KINDS[stage](Sitting(tmp_path, source=exported, toy=True)), QUIET)
        loop.run()
    mean, weights = averaged_weights(work, "dino"), load_file(exported / "encoders" / "dino.safetensors")
    assert mean is not None
    assert all(torch.equal(weights[name], mean[name].half()) for name in mean)


def test_the_learning_rate_depends_on_the_step_alone() -> None:
    rates = [learning_rate(step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[200] == rates[799] == 1.0
    assert rates[900] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.01


def test_streams_are_reproducible_apart_and_free_of_held_out_subjects() -> None:
    assert len(set(STREAMS.values())) == len(STREAMS)
    first, again = (render_shard("unet", 0, 3, 8) for _ in range(2))
    assert np.array_equal(first.images, again.images)
    assert first.captions.tolist() == again.captions.tolist()
    assert not np.array_equal(first.images, render_shard("text", 0, 3, 8).images)
    held_out = [subject.vector for subject in held_out_subjects().values()]
    for stream in STREAMS:
        for scene in shard_scenes(stream, 0, 0, 64)[0]:
            near = [distance(scene.vector, v) for v in held_out if v.noun == scene.vector.noun]
            assert min(near) >= HELD_OUT_DISTANCE


def test_views_of_one_subject_lie_together() -> None:
    scenes, _ = shard_scenes("dino", 0, 0, 32)
    vectors = [scene.vector for scene in scenes]
    assert all(vectors[i] is vectors[i - i % 4] for i in range(32))
    assert len({vector.noun for vector in vectors[:16]}) == 1


def test_the_tokenizer_keeps_rare_tokens_that_no_caption_uses() -> None:
    tokenizer = trimmed.tokenizer()
    texts = [str(t) for stream in ("unet", "text") for t in render_captions(stream, 600)]
    rng = np.random.default_rng(0)
    filled = [trimmed.with_filler(text, noun, rng) for text in texts[:200] for noun in CLASS_NOUNS]
    used = set(trimmed.token_ids([*texts, *filled]).ravel().tolist())
    rare = rare_tokens(tokenizer)
    assert len(rare) >= 300
    assert tokenizer.convert_tokens_to_ids("sks</w>") in rare
    assert not used & set(rare)
    assert set(draw_identifiers(tokenizer, 20)) <= set(trimmed.rare_words())
    for words in (trimmed.fillers(), trimmed.rare_words()):
        ids = trimmed.token_ids(words)
        assert (ids[:, 2] == len(trimmed.vocabulary()) - 1).all()  # one token each, then the end
    for text in texts[:100]:
        ids = tokenizer(text)["input_ids"]
        assert len(ids) <= trimmed.CONTEXT_LENGTH
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text.lower()


def render_captions(stream: str, count: int) -> list[str]:
    from dreambench.mini.world import caption

    scenes, rng = shard_scenes(stream, 0, 0, count)
    return [caption(scene, rng) for scene in scenes]


def test_orthogonalized_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 24, 60), (2, 60, 24)):
        matrices = torch.randn(shape)
        result = orthogonalize(matrices).float()
        values = torch.linalg.svdvals(result)
        assert values.min() > 0.5
        assert values.max() < 1.3
        assert ((result * matrices).sum((1, 2)) > 0).all()  # no direction is turned round


def test_muon_descends_and_leaves_untouched_embeddings_alone() -> None:
    torch.manual_seed(0)
    table, matrix = torch.nn.Embedding(6, 8), torch.nn.Linear(8, 8, bias=False)
    before = table.weight.detach().clone()
    optimizer = Optimizer({"t": table.weight, "m": matrix.weight}, ["m"], lr=0.02, adam_lr={"": 0.01})
    wanted, losses = torch.randn(3, 8), []
    for _ in range(60):
        loss = (matrix(table(torch.arange(3))) - wanted).square().mean()
        loss.backward()
        optimizer.step(1.0)
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    assert torch.equal(table.weight[3:], before[3:])


def test_folding_normalizes_latents_and_keeps_pictures() -> None:
    torch.manual_seed(0)
    vae, images = build_vae(toy=True).eval(), torch.rand(4, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        posterior = vae.encode(images).latent_dist
        decoded = vae.decode(posterior.mean).sample
        mean, deviation = posterior.mean.mean((0, 2, 3)), posterior.mean.std((0, 2, 3))
        fold_normalization(vae, mean, deviation)
        after = vae.encode(images).latent_dist
        assert torch.allclose(vae.decode(after.mean).sample, decoded, atol=1e-4)
    assert torch.allclose(after.mean.std((0, 2, 3)), torch.ones(4), atol=1e-3)
    assert torch.allclose(after.std, posterior.std / deviation[:, None, None], rtol=1e-3)


def test_identity_figures() -> None:
    subjects, classes = np.array([0, 0, 1, 1]), np.zeros(4, int)
    apart = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    assert same_class_auc(apart, subjects, classes) == 1.0
    assert same_class_auc(apart, np.array([0, 1, 0, 1]), classes) < 0.5
    good = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    assert instance_loss(good) < instance_loss(good[[0, 1, 3, 2]])


def test_the_export_is_a_plain_pipeline(exported: Path) -> None:
    from diffusers import DDPMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(exported / "pipeline", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline.vae.config.latent_channels == 4
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    image = pipeline("a sks dog", num_inference_steps=2, output_type="np").images[0]
    assert image.shape == (64, 64, 3)
    # What diffusers' own DreamBooth script trains with.
    noising = DDPMScheduler.from_pretrained(exported / "pipeline", subfolder="scheduler")
    assert noising.config.prediction_type == "v_prediction"
    assert pipeline.unet.config.out_channels == pipeline.unet.config.in_channels == 4
    base = open_base(BaseSpec(model=str(exported / "pipeline")))
    assert base.parameterization == "v_prediction"
    assert base.tokenizer.model_max_length == trimmed.CONTEXT_LENGTH
    for file in exported.rglob("*.safetensors"):
        assert {t.dtype for t in load_file(file).values()} == {torch.float16}


def test_the_encoders_load_in_their_own_libraries(exported: Path, work: Path) -> None:
    import lpips
    import open_clip
    import timm
    from transformers import CLIPTextModel

    weights = load_file(exported / "encoders" / "clip.safetensors")
    config = json.loads(_metadata(exported / "encoders" / "clip.safetensors")["open_clip_config"])
    clip = open_clip.CLIP(**config["model_cfg"])
    clip.load_state_dict(weights)
    config = json.loads(_metadata(exported / "encoders" / "dino.safetensors")["timm_config"])
    timm.create_model(config["architecture"], num_classes=0, **config["model_args"]).load_state_dict(
        load_file(exported / "encoders" / "dino.safetensors")
    )
    network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    network.load_state_dict(load_file(exported / "encoders" / "lpips.safetensors"), strict=False)

    # The text tower means the same in open_clip and in transformers.
    encoder = CLIPTextModel.from_pretrained(exported / "pipeline" / "text_encoder", dtype=torch.float32)
    load_text_tower(encoder, clip.state_dict())
    ids = torch.from_numpy(trimmed.token_ids(["a dog in the snow", "a red vase"]))
    with torch.inference_mode():
        pooled = encoder.eval()(ids).pooler_output @ clip.text_projection
        assert torch.allclose(pooled, clip.eval().encode_text(ids), atol=1e-4)


def test_the_encoders_load_in_dreambench(exported: Path) -> None:
    from PIL import Image

    folder = exported / "encoders"
    image = Image.fromarray(render_shard("text", 0, 0, 1).images[0])
    clip = load_clip(ClipSpec(model="clip-mini", weights=str(folder / "clip.safetensors")), "cpu")
    assert (
        clip.tokenizer.encode("a dog in the snow")
        == trimmed.tokenizer()("a dog in the snow")["input_ids"][1:-1]
    )
    assert clip.embed_texts(["a dog in the snow"]).shape == clip.embed_images([image]).shape
    dino = load_dino(
        DinoSpec(model="dino-mini", weights=str(folder / "dino.safetensors"), resize=64, crop=64), "cpu"
    )
    assert dino.embed_images([image]).shape == (1, 32)
    network = load_lpips(LpipsSpec(weights=str(folder / "lpips.safetensors")), "cpu")
    features = network.features(network.preprocess(image)[None])
    assert network.distance(features, features).item() == 0


def test_clips_merges_must_lie_beside_its_weights(exported: Path, tmp_path: Path) -> None:
    alone = tmp_path / "clip.safetensors"
    alone.write_bytes((exported / "encoders" / "clip.safetensors").read_bytes())
    with pytest.raises(DreambenchError, match=r"needs its tokenizer's merges in .*clip-bpe.txt.gz"):
        load_clip(ClipSpec(model="clip-mini", weights=str(alone)), "cpu")


def _metadata(file: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        return dict(opened.metadata())


def test_an_export_that_is_too_large_leaves_the_old_one(
    exported: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = exporting.sizes(exported)
    monkeypatch.setattr(exporting, "LIMIT", 1000)
    with pytest.raises(DreambenchError, match="are allowed"):
        exporting.export(Sitting(work, toy=True), exported, QUIET)
    assert exporting.sizes(exported) == before
    assert sorted(path.name for path in exported.iterdir()) == ["encoders", "pipeline"]


def test_the_real_networks_fit_into_the_limit() -> None:
    from dreambench.mini.train.dino import build_dino
    from dreambench.mini.train.lpips import build_lpips
    from dreambench.mini.train.text import build_clip
    from dreambench.mini.train.unet import Diffusion

    networks = (build_vae(), Diffusion(), build_clip(), build_dino(), build_lpips().net)
    bytes_ = sum(2 * p.numel() for network in networks for p in network.parameters())
    assert bytes_ < exporting.LIMIT - 300_000  # tokenizer and configurations


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["painter"], "unknown stage 'painter'"),
        (["vae", "text", "--steps", "5"], "--steps"),
        (["vae", "--from", "nowhere"], "holds no pipeline"),
        (["export", "--work", "nowhere"], "run the stage `unet` first"),
    ],
)
def test_wrong_commands_end_with_one_line(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command.main([*words, "--out", str(tmp_path)] if "export" in words else words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
