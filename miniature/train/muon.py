"""The optimizer: Muon for matrices, AdamW for everything else.

Muon (Keller Jordan 2024): the momentum of each weight matrix is replaced by its nearest orthogonal matrix,
found by five Newton-Schulz steps. Convolutions count as matrices [out, in * kh * kw].
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Return matrices [n, rows, columns] with the same singular vectors and singular values near 1.

    The coefficients trade exactness for speed: singular values end within about 0.7 and 1.2. In bfloat16,
    the usual precision for it. The polynomial is applied to the matrix itself at every step: carrying only
    the small Gram matrix along is cheaper, and diverges.
    """
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Optimizer:
    """Muon for some parameters, AdamW (without weight decay) for the others, with a state of named tensors.

    ``lr`` is Muon's learning rate, ``adam_lr`` AdamW's. Without weight decay, embeddings of words that no
    caption holds keep their initial values.
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
        self.lr, self.momentum = lr, momentum
        self.matrices = {name: p for name, p in parameters.items() if name in chosen}
        self.others = {name: p for name, p in parameters.items() if name not in chosen}
        self.velocity = {name: torch.zeros_like(p) for name, p in self.matrices.items()}
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
        shapes: dict[tuple[int, int], list[str]] = {}
        for name, p in self.matrices.items():
            if p.grad is not None:
                self.velocity[name].lerp_(p.grad, 1 - self.momentum)
                shapes.setdefault((p.shape[0], p[0].numel()), []).append(name)
        for (rows, columns), names in shapes.items():
            self._step_group(names, rows, columns, self.lr * factor)

    def _step_group(self, names: list[str], rows: int, columns: int, lr: float) -> None:
        looked_ahead = [
            torch.lerp(self.matrices[n].grad, self.velocity[n], self.momentum)  # type: ignore[arg-type]
            for n in names
        ]
        updates = orthogonalize(torch.stack([update.reshape(rows, columns) for update in looked_ahead]))
        # An update's root mean square is then that of AdamW's, whatever the shape.
        scale = 0.2 * max(rows, columns) ** 0.5
        for name, update in zip(names, updates, strict=True):
            parameter = self.matrices[name]
            parameter.add_(update.view_as(parameter), alpha=-lr * scale)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for p in (*self.matrices.values(), *self.others.values()):
            p.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return the state as named tensors."""
        tensors = {f"velocity.{name}": value for name, value in self.velocity.items()}
        for name, p in self.others.items():
            for key, value in self.adam.state.get(p, {}).items():
                tensors[f"adam.{key}.{name}"] = value
        return tensors

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a state that ``state`` returned."""
        for name, value in self.velocity.items():
            value.copy_(tensors[f"velocity.{name}"])
        for name, p in self.others.items():
            keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"adam.{key}.{name}" in tensors]
            if keys:
                self.adam.state[p] = {key: tensors[f"adam.{key}.{name}"].clone() for key in keys}
