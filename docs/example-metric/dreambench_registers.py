"""A metric in a package of its own: DINO's similarity with DINOv2 with registers, through timm."""

from dreambench.metrics.image_similarity import PhotoSimilarity
from dreambench.spec.metric import named_weights
from dreambench.spec.protocol_spec import DinoSpec


class RegistersSpec(DinoSpec):
    place = "protocol.encoders.dinov2_reg"
    model: str = "vit_small_patch14_reg4_dinov2.lvd142m"


class Registers(PhotoSimilarity):
    """Mean cosine of the class tokens of DINOv2 with registers with those of the subject's photos."""

    title = "DINOv2-reg"
    definition = "similarity of generated images to the subject's real photos, by DINOv2-reg embeddings"
    source = "Darcet et al. 2024 (Vision Transformers Need Registers)"
    encoder = "dinov2_reg"
    Settings = RegistersSpec

    def signature(self, protocol):
        spec = self.settings(protocol)
        return {"dinov2_reg": f"{spec.model}/{named_weights(spec)}/r{spec.resize}c{spec.crop}"}

    def download(self, settings):
        from timm.models import get_pretrained_cfg

        from dreambench.models.encoders.downloads import HubFile

        repository, field = get_pretrained_cfg(settings.model).hf_hub_id, f"{settings.place}.weights"
        return HubFile(repository, "model.safetensors", field, f"--set {field}=FILE")

    def load_encoder(self, settings, device):
        import timm
        import torch

        from dreambench.models.encoders.dino_encoder import DinoEncoder
        from dreambench.models.encoders.weight_files import checked_file

        file, fingerprint, field = settings.weights, settings.fingerprint, f"{settings.place}.weights"
        found = checked_file(file, fingerprint, field) if fingerprint else self.download(settings).fetch()
        # timm fits the position embeddings to the size of the input.
        own = {"img_size": settings.crop, "pretrained_cfg_overlay": {"file": str(found)}}
        model = timm.create_model(settings.model, pretrained=True, num_classes=0, **own)
        return DinoEncoder(model, settings.resize, settings.crop, torch.device(device))
