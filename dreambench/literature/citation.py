"""The BibTeX entry of the paper whose protocol every number here follows."""

BIBTEX_FILE = "dreambooth.bib"
BIBTEX = """\
@inproceedings{ruiz2023dreambooth,
  title     = {{DreamBooth}: Fine Tuning Text-to-Image Diffusion Models for Subject-Driven Generation},
  author    = {Ruiz, Nataniel and Li, Yuanzhen and Jampani, Varun and Pritch, Yael and
               Rubinstein, Michael and Aberman, Kfir},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages     = {22500--22510},
  year      = {2023}
}
"""
