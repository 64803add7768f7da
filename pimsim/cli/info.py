"""``pimsim info``."""

from __future__ import annotations

from pathlib import Path

import click

from pimsim.errors import MissingFileError, TraceError


@click.command()
@click.argument("name")
def info(name: str) -> None:
    """What NAME holds, as YAML: a model, a trace or a hardware file, by path or by shipped name.

    The file is checked in full, so this also tells whether pimsim can use it.
    """
    import yaml

    path = _locate(name)
    content = _hardware(path) if path.suffix in (".yaml", ".yml") else _archive(path)
    click.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120).rstrip())


def _locate(name: str) -> Path:
    from pimsim import resources

    kinds = (resources.MODEL, resources.TRACE, resources.HARDWARE)
    for kind in kinds:
        try:
            return resources.find(kind, name)
        except MissingFileError:
            continue
    names = [path.name for kind in kinds for path in resources.shipped(kind)]
    raise MissingFileError(f'"{name}" does not exist, nor is it shipped (shipped: {", ".join(names)})')


def _hardware(path: Path) -> dict[str, object]:
    from pimsim.hardware import load_hardware

    hardware = load_hardware(path)
    return {"content_hash": hardware.content_hash, **hardware.to_dict()}


def _archive(path: Path) -> dict[str, object]:
    """A model, unless the header says trace: a file that is neither is judged as a model."""
    from pimsim.archive.reader import ArchiveReader
    from pimsim.model import format as models
    from pimsim.model.encoding import codes_by_step, described
    from pimsim.traces import format as traces

    with ArchiveReader(path, TraceError) as archive:
        is_trace = archive.header().get("format") == traces.FORMAT
    if is_trace:
        trace = traces.load_trace(path)
        return {"hash": traces.trace_hash(trace), **traces.describe(trace), "provenance": dict(trace.provenance)}
    network = models.load_network(path)
    structure: dict[str, object] = {"macs": network.architecture.macs, "neurons": network.architecture.neurons}
    firing: dict[str, object] = {"firing": described(network), "input_codes_by_step": codes_by_step(network)}
    structure |= {name: value for name, value in firing.items() if value}
    details = {**structure, **models.describe(network), "provenance": dict(network.provenance)}
    return {"hash": models.network_hash(network), **details}
