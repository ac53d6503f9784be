"""The layout of weights in memory, for every family's components, on a GPU (without one) and on a CPU."""

from __future__ import annotations

import pytest
import torch

from dreambench.models.base_model import open_base
from dreambench.models.load_module import layout_of
from dreambench.spec.run_spec import BaseSpec
from tests.material import tiny
from tests.material.tiny_families import BUILDERS, build_family


@pytest.mark.parametrize("name", ["sd", *sorted(BUILDERS)])
def test_the_layout_fits_every_component(name, tmp_path):
    folder = tiny.build_pipeline(tmp_path / name) if name == "sd" else build_family(name, tmp_path / name)
    base = open_base(BaseSpec(model=str(folder)))
    layouts = {}
    for component in base.family.weighted:
        module = base.frozen(component)  # on the CPU, in its layout
        layouts[component] = layout_of(component, module, torch.device("cuda"))
        assert layout_of(component, module, torch.device("cpu")) == layouts[component]
        assert layout_of(component, module, torch.device("mps")) == torch.preserve_format
        module.to(memory_format=layouts[component])  # raises for a layout that does not fit
    last = {component for component, layout in layouts.items() if layout == torch.channels_last}
    video = name == "qwen-image"
    assert last == ({"unet", "vae"} & layouts.keys()) - ({"vae"} if video else set())
