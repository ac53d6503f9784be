"""Which files the names of weights stand for: open_clip's tags, timm's names, the trunks of LPIPS.

The libraries know it, and take seconds to load. What the package's own protocols and metrics name is
therefore written down here, so that a plan can say what will be downloaded without them.
"""

from __future__ import annotations

from dreambench.errors import DreambenchError, did_you_mean
from dreambench.models.encoders.clip_architecture import has_config, known_config, trained_with_quick_gelu
from dreambench.models.encoders.downloads import HubFile, TorchvisionFile
from dreambench.spec.protocol_spec import ClipSpec, DinoSpec, LpipsSpec

#: By model and tag: the repository, the file, and open_clip's name of the model for that file.
_CLIP = {
    (model, "openai"): (repo, "open_clip_model.safetensors", f"{model}-quickgelu")
    for model, repo in (
        ("ViT-B-32", "timm/vit_base_patch32_clip_224.openai"),
        ("ViT-L-14", "timm/vit_large_patch14_clip_224.openai"),
    )
}
#: Each is in a repository of its own name.
_TIMM = frozenset(
    {
        "vit_small_patch16_224.dino",
        "vit_small_patch8_224.dino",
        "vit_small_patch14_dinov2.lvd142m",
        "vit_base_patch14_dinov2.lvd142m",
        "vit_small_patch16_dinov3.lvd1689m",
        "vit_base_patch16_siglip_224.v2_webli",
    }
)
#: The weights that lpips' ``pretrained=True`` asks torchvision for: its IMAGENET1K_V1.
_TRUNKS = {
    net: f"https://download.pytorch.org/models/{file}"
    for net, file in (
        ("alex", "alexnet-owt-7be5be79.pth"),
        ("vgg", "vgg16-397923af.pth"),
        ("squeeze", "squeezenet1_1-b8a52dc0.pth"),
    )
}


def clip_download(spec: ClipSpec) -> HubFile:
    """Return the file that open_clip's tag stands for. Raises DreambenchError where there is none."""
    field = f"{spec.place}.weights"
    by_hand = "--set {place}.model={model} --set {field}=FILE"
    if (known := _CLIP.get((spec.model, spec.weights))) is not None:
        return HubFile(*known[:2], field, by_hand.format(place=spec.place, model=known[2], field=field))
    import open_clip

    known_config(spec)
    tag = open_clip.get_pretrained_cfg(spec.model, spec.weights)
    if not tag:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(spec.model)) or "none"
        raise DreambenchError(
            f"{field}={spec.weights} is neither a tag of {spec.model} nor a file", f"its tags: {tags}"
        )
    repo, _, file = tag.get("hf_hub", "").rpartition("/")
    if not repo:
        raise DreambenchError(
            f"{field}={spec.weights}: open_clip has {spec.model}'s weights as a pickle only",
            f"use another tag, or a safetensors file with --set {field}=FILE",
        )
    safe = file.rsplit(".", 1)[0] + ".safetensors" if file else "open_clip_model.safetensors"
    model = f"{spec.model}-quickgelu" if trained_with_quick_gelu(spec) else spec.model
    if not has_config(model):
        model = spec.model
    return HubFile(repo, safe, field, by_hand.format(place=spec.place, model=model, field=field))


def dino_download(spec: DinoSpec) -> HubFile:
    """Return the file that a timm name stands for. Raises DreambenchError where there is none."""
    field = _field_of_hub(spec)
    by_hand = f"--set {field}=FILE"
    if spec.model in _TIMM:
        return HubFile(f"timm/{spec.model}", "model.safetensors", field, by_hand)
    import timm

    check_timm_name(spec)
    pretrained = timm.models.get_pretrained_cfg(spec.model)
    if pretrained is None or not pretrained.hf_hub_id:
        raise DreambenchError(
            f"{field}: timm has no weights of {spec.model} on the hub", f"give a file with --set {field}=FILE"
        )
    file = pretrained.hf_hub_filename or "model.safetensors"
    safe = file.rsplit(".", 1)[0] + ".safetensors"
    return HubFile(pretrained.hf_hub_id, safe, field, by_hand)


def is_timm_name(model: str) -> bool:
    """Whether timm knows a model, and its weights' tag, by this name."""
    import timm

    if any(character in model for character in ":/\\") or not timm.is_model(model):
        return False
    try:
        timm.models.get_pretrained_cfg(model)
    except RuntimeError:  # the architecture exists, the tag after the point does not
        return False
    return True


def check_timm_name(spec: DinoSpec) -> None:
    """Raise DreambenchError, naming the nearest name, where timm does not know the model."""
    import timm

    if not is_timm_name(spec.model):
        known = timm.list_models() + timm.list_pretrained("vit_*")
        raise DreambenchError(
            f"{spec.place}.model={spec.model} is not a model of timm",
            did_you_mean(spec.model, known) or "see timm.list_models()",
        )


def lpips_download(spec: LpipsSpec) -> TorchvisionFile:
    """Return torchvision's file of the trunk."""
    return TorchvisionFile(_TRUNKS[spec.net], _field_of_hub(spec))


def _field_of_hub(spec: DinoSpec | LpipsSpec) -> str:
    """Return the field of weights that are ``hub``; raise DreambenchError for another name."""
    field = f"{spec.place}.weights"
    if spec.weights != "hub":
        raise DreambenchError(
            f"{field}={spec.weights} is neither `hub` nor a file", f"give --set {field}=FILE"
        )
    return field
