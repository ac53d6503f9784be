"""Pages from ``templates/``: one file each with its style inside, which loads nothing over the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dreambench.report import numbers
from dreambench.report.table import Table
from dreambench.spec.registries import METRICS, get_metric

FROM_DISK, INSIDE = "'self' file:", "data:"  # where a page's images are, for its security policy


def names_a_page(path: Path) -> bool:
    """Whether a path is to be an HTML file, not a folder."""
    return path.suffix.lower() in {".html", ".htm"}


def render(template: str, images: str = "", scripts: Sequence[str] = (), **content: Any) -> str:
    """Return a page as HTML. Every name, prompt and note is escaped: shown, never interpreted.

    The page's security policy allows only the ``images`` of one place (``FROM_DISK``, ``INSIDE``; none by
    default), and only our own ``scripts`` (files of ``templates/``), whatever a name contains.
    """
    script = Markup("").join(map(_own_file, scripts))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = {"style": _own_file("style.css"), "script": script, "script_hash": f"sha256-{digest}"}
    metrics = {name: get_metric(name) for name in METRICS.names()}
    environment = _environment()
    environment.globals.update(
        meanings={name: metric.definition for name, metric in metrics.items()},
        titles={name: metric.title for name, metric in metrics.items()},
    )
    return environment.get_template(template).render(image_places=Markup(images), **own, **content)


def render_tables(
    title: str,
    source: str,
    facts: Sequence[str],
    tables: Sequence[Table],
    figures: Mapping[str, str] | None = None,
) -> str:
    """Return a page of sentences, figures and tables as HTML; it has no script.

    ``figures`` are images that become a part of the page: their ``data:`` addresses by caption.
    """
    template = "tables_page.html.j2"
    return render(
        template, INSIDE, title=title, source=source, facts=facts, figures=figures or {}, tables=tables
    )


@cache
def _environment() -> Environment:
    # Kept: compiling the templates takes longer than rendering one.
    environment = Environment(
        loader=PackageLoader("dreambench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(metric_title=numbers.title, count=numbers.count, plural=numbers.plural)
    return environment


def _own_file(name: str) -> Markup:
    # This is our own, so it is safe unescaped; escaping would break a script's ">".
    return Markup((Path(__file__).parent / "templates" / name).read_text(encoding="utf-8"))
