"""The ten accessories and outfits of the live subjects' prompts: hats on heads, clothes on trunks.

A function draws one layer: ``torso`` pieces lie over the trunk and under the head, ``head`` pieces over
the head. They measure themselves by the anchors, so that they fit every build, stance and tilt.
"""

from __future__ import annotations

from miniature.world.accessories import clothes, headwear  # noqa: F401 - they register what they draw
from miniature.world.accessories.accessory_registry import REGISTRY, Accessory

#: The accessories by id, in the order of the official prompts.
ACCESSORIES: dict[str, Accessory] = dict(sorted(REGISTRY.items(), key=lambda item: item[1].number))

__all__ = ["ACCESSORIES", "Accessory"]
