"""What a run refuses before it does anything."""

from __future__ import annotations

import pytest

from dreambench.errors import DreambenchError
from dreambench.runs.model_cache import ModelCache
from dreambench.runs.prepare import prepare
from dreambench.spec.presets import build_spec


@pytest.mark.parametrize("method", ["textual-inversion", "pretrained", "dreambooth"])
def test_captions_with_a_learned_word_are_refused(method: str, tiny: dict[str, str]) -> None:
    """CLIP does not know the word that Textual Inversion learned; the others' captions have known words."""
    settings = {name: value for name, value in tiny.items() if name not in ("base", "data")}
    fields = {
        "method": method,
        "subjects": ("dog",),
        "base.model": tiny["base"],
        "data.folder": tiny["data"],
        "protocol.caption": "identifier",
        **settings,
    }
    spec = build_spec("paper-sd15", fields)
    if method == "textual-inversion":
        with pytest.raises(DreambenchError, match=r"images with <.*textual-inversion learned"):
            prepare(spec)
    else:
        assert prepare(spec).identifier


def test_runs_of_one_process_share_a_base_model_only_in_one_precision(tiny: dict[str, str]) -> None:
    """Its frozen weights are held as the precision asks."""
    settings = {name: value for name, value in tiny.items() if name not in ("base", "data")}
    fields = {"subjects": ("dog",), "base.model": tiny["base"], "data.folder": tiny["data"], **settings}
    models = ModelCache()

    def base(precision: str, method: str):
        chosen = {**fields, "method": method, "runtime.device": "cpu", "runtime.precision": precision}
        return models.prepared(prepare(build_spec("paper-sd15", chosen)).spec).base

    first = base("fp32", "pretrained")
    assert base("fp32", "dreambooth") is first
    first.frozen("vae")
    assert base("bf16", "pretrained") is not first
    assert not first._frozen  # the memory of one base model is enough
