"""One table, printed at the prompt and kept in RESULTS.md: the same cells in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

__all__ = ["Table", "figure", "milliseconds", "percentile", "share"]


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a sentence on how to read it, and rows of ready cells; the first column names the row."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: bool = False  # cells are words, not numbers

    def show(self, console: Console) -> None:
        """Print it."""
        table = RichTable(title=self.title, title_justify="left", caption=self.note, caption_justify="left")
        for i, column in enumerate(self.columns):
            table.add_column(column, justify="right" if i and not self.words else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> str:
        """The same as a section of a Markdown file."""
        lines = [f"## {self.title}", "", self.note, "", f"| {' | '.join(self.columns)} |"]
        lines.append("|---" + ("|---" if self.words else "|---:") * (len(self.columns) - 1) + "|")
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join(lines) + "\n"


def percentile(values: Sequence[float], percent: float) -> float:
    """The ``percent`` percentile, NaN of nothing."""
    return float(np.percentile(values, percent)) if len(values) else float("nan")


def share(part: int, whole: int) -> str:
    """``part`` of ``whole`` in percent. 100 and 0 are said only where they are exact."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if part not in (0, whole):
        percent = min(99.0, max(1.0, percent))
    return f"{percent:.0f}%"


def figure(value: float) -> str:
    """Three digits of a number, in plain notation where that is short; "–" where there is none."""
    if value != value:
        return "–"
    return (
        f"{value:.3g}"
        if 1e-2 <= abs(value) < 1e3 or not value
        else f"{value:,.0f}"
        if 1e3 <= abs(value) < 1e6
        else f"{value:.1e}"
    )


def milliseconds(seconds: float) -> str:
    """Seconds, as milliseconds with three digits."""
    return figure(1e3 * seconds)
