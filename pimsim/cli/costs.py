"""``pimsim costs``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("table", default="45nm")
@click.option("--csv", "file", type=click.Path(path_type=Path), help="Also write the list to FILE, with more columns.")
def costs(table: str, file: Path | None) -> None:
    """Every number of a cost TABLE (shipped name or file; 45nm by default) with its range, kind and source."""
    from pimsim.cost import load_table
    from pimsim.report import price_list_text, write_price_list

    loaded = load_table(table)
    if file is not None:
        write_price_list(loaded, file)
    click.echo(price_list_text(loaded))
    if file is not None:
        click.echo(f"written to {file}")
