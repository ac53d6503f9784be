"""The optimizer of all stages: Muon for matrices, AdamW for everything else.

Muon (Keller Jordan 2024) replaces the momentum of each weight matrix by its nearest orthogonal matrix, found
by five Newton-Schulz steps in bfloat16. Convolutions count as matrices [out, in * kh * kw].
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dreambench.errors import DreambenchError


class Optimizer:
    """Muon for some parameters, AdamW (without weight decay) for the others, with a state of named tensors.

    ``lr`` is Muon's learning rate, ``adam_lr`` maps prefixes of names to AdamW's. Without weight decay,
    embeddings of words that no caption contains keep their initial values. Raises DreambenchError where
    the installed torch has no Muon.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        matrices: Iterable[str],
        lr: float,
        adam_lr: Mapping[str, float],
        momentum: float = 0.95,
    ) -> None:
        chosen = set(matrices)
        if not hasattr(torch.optim, "Muon"):
            raise DreambenchError(
                f"torch {torch.__version__} has no Muon", "install torch 2.9 or newer to train"
            )
        self.lr = lr
        self.matrices = {name: p for name, p in parameters.items() if name in chosen}
        self.others = {name: p for name, p in parameters.items() if name not in chosen}
        # torch's Muon takes matrices only: it steps views of the weights, which share their memory.
        self.views = {name: nn.Parameter(p.detach().view(len(p), -1)) for name, p in self.matrices.items()}
        # The root mean square of an update is that of AdamW's, whatever the matrix's shape.
        options: dict[str, Any] = {
            "weight_decay": 0.0,
            "momentum": momentum,
            "adjust_lr_fn": "match_rms_adamw",
        }
        self.muon: Any = torch.optim.Muon(self.views.values(), lr=lr, **options) if self.views else None
        # The longest prefix of a parameter's name decides its learning rate.
        groups: dict[float, list[nn.Parameter]] = {}
        for name, p in self.others.items():
            prefix = max((key for key in adam_lr if name.startswith(key)), key=len)
            groups.setdefault(adam_lr[prefix], []).append(p)
        self.adam = torch.optim.AdamW(
            [{"params": members, "lr": rate, "base": rate} for rate, members in groups.items()],
            betas=(0.9, 0.99),
            weight_decay=0.0,
            fused=True,
        )

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """Update all parameters that have gradients, with both learning rates times ``factor``."""
        for group in self.adam.param_groups:
            group["lr"] = group["base"] * factor
        self.adam.step()
        for name, p in self.matrices.items():
            self.views[name].grad = None if p.grad is None else p.grad.flatten(1)
        if self.muon is None:
            return
        self.muon.param_groups[0]["lr"] = self.lr * factor
        self.muon.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for p in (*self.matrices.values(), *self.views.values(), *self.others.values()):
            p.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return the state as named tensors."""
        tensors = {}
        for name, p in self.matrices.items():
            momentum = self.muon.state.get(self.views[name], {}).get("momentum_buffer")
            tensors[f"velocity.{name}"] = torch.zeros_like(p) if momentum is None else momentum.view_as(p)
        for name, p in self.others.items():
            for key, value in self.adam.state.get(p, {}).items():
                tensors[f"adam.{key}.{name}"] = value
        return tensors

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore a state that ``state`` returned."""
        for name, view in self.views.items():
            self.muon.state[view] = {"momentum_buffer": tensors[f"velocity.{name}"].flatten(1).clone()}
        for name, p in self.others.items():
            keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"adam.{key}.{name}" in tensors]
            if keys:
                self.adam.state[p] = {key: tensors[f"adam.{key}.{name}"].clone() for key in keys}
