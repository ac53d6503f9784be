"""The report as one HTML file to mail: the page contains its thumbnails and tables."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from dreambench.analysis import summary_of
from dreambench.analysis.run_scores import read_comparable_scores
from dreambench.errors import DreambenchError
from dreambench.report.page import FILES, render_page
from dreambench.report.print_strips import strips_in_the_page
from dreambench.report.reported_table import published_tables
from dreambench.report.thumbnails import data_address, embedded_thumbnails, image_sources, webp
from dreambench.report.write import preferences_of, write_tables
from dreambench.store import RunFolder
from dreambench.store.files import write_text

SIDES = (256, 192, 128, 96, 64)
# Mail servers commonly refuse more than 25 MB, and mail encodes 3 bytes as 4 characters: 18 MB pass. The
# page's text and its tables take some of that.
PICTURES_BYTES = 14_000_000
THUMBNAILS_BYTES = PICTURES_BYTES * 4 // 5  # the strips for paper take less than the rest
SAMPLE = 32
KINDS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
}


def write_single_file(
    runs: Sequence[RunFolder],
    file: Path,
    *,
    force: bool = False,
    quiet: bool = False,
    votes: Path | None = None,
    published: bool = False,
) -> Path:
    """Write the report of one run, or of several side by side, as one HTML file, and return its path.

    It shows what ``write_report`` shows and offers the same tables. Its thumbnails have the largest side in
    ``SIDES`` (pixels) that keeps them all below ``THUMBNAILS_BYTES``, or the smallest where none does. It
    does not link to the full images. Raises DreambenchError like ``write_report``.
    """
    scored = read_comparable_scores(runs)
    summary = summary_of(scored, force)
    preferences = preferences_of(votes, summary)
    thumbnails = embedded_thumbnails(scored, side_for(image_sources(scored)), quiet)
    with tempfile.TemporaryDirectory() as folder:
        write_tables(scored, summary, Path(folder))
        tables = {name: _address(Path(folder) / name) for name in FILES}
        beside = published_tables(summary.signature) if published else ()
        page = render_page(
            scored, summary, thumbnails, strips_in_the_page, Path(folder), preferences, tables, beside
        )
    write_text(file, page)
    return file


def side_for(sources: Sequence[Path], limit: int = THUMBNAILS_BYTES) -> int:
    """Return the largest of ``SIDES`` with which the thumbnails take at most ``limit`` bytes of the page.

    Estimated from evenly spaced sources; those that cannot be read count as 0 bytes.
    """
    sample = sources[:: max(1, len(sources) // SAMPLE)]
    for side in SIDES:
        # Base64 writes 3 bytes as 4 characters.
        if sum(_size(source, side) for source in sample) * len(sources) * 4 <= limit * len(sample) * 3:
            return side
    return SIDES[-1]


def _size(source: Path, side: int) -> int:
    try:
        return len(webp(source, side))
    except (DreambenchError, OSError):
        return 0


def _address(file: Path) -> str:
    return data_address(file.read_bytes(), KINDS.get(file.suffix, "text/plain"))
