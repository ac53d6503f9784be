"""Metrics: images -> one embedding each -> per-image scores. Pure cores beside one thin wrapper.

Source: Ruiz et al., "DreamBooth", CVPR 2023, sections 4.1 and 4.3.
"""
