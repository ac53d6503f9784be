"""The user study: pairs drawn from two runs, a small web app for the raters, and their votes.

Source: Ruiz et al., "DreamBooth", CVPR 2023, section 4.2 and Table 2.
"""
