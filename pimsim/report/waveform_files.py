"""Waveform and timeline of one sample of a run, as files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pimsim.errors import OutputError, TraceError
from pimsim.hardware import Hardware
from pimsim.mapping import Mapping
from pimsim.model.network import IntegerNetwork
from pimsim.report import waveform
from pimsim.report.files import check_writable, write_together
from pimsim.report.timeline import timeline_trace
from pimsim.simulation.timeline import Timeline, timeline
from pimsim.traces import Trace

Path_ = str | os.PathLike[str]


@dataclass(frozen=True)
class Views:
    """What to draw of a run: files, None for none; ``sample`` counts from 0 among the samples that are run.

    ``cycles`` of the waveform, (first, the one behind the last), None for all.
    """

    vcd: Path_ | None = None
    timeline: Path_ | None = None
    sample: int = 0
    cycles: tuple[int, int] | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(Path(name) for name in (self.vcd, self.timeline) if name is not None)

    def check(self, others: Collection[Path] = ()) -> None:
        """Raise OutputError or MissingPackageError where a file could not be written; for before the long work.

        ``others`` are files that the run writes besides.  TraceError where ``cycles`` are none.
        """
        if self.cycles is not None and not 0 <= self.cycles[0] < self.cycles[1]:
            raise TraceError(f"cycles={self.cycles[0]}:{self.cycles[1]}: expected a first cycle below the one behind")
        if self.vcd is not None:
            waveform.check_installed()
        for file in self.files:
            check_writable(file.parent, [file.name])
        if len({file.resolve() for file in self.files}) < len(self.files):
            raise OutputError(f'"{self.files[0]}" is to be both the waveform and the timeline')
        taken = {other.resolve() for other in others}
        for file in self.files:
            if file.resolve() in taken:
                raise OutputError(f'"{file}" is a file of the run itself: give waveform or timeline another name')

    def check_sample(self, samples: int) -> None:
        """Raise TraceError where a run of so many samples does not have the one that is to be drawn."""
        if self.files and not 0 <= self.sample < samples:
            raise TraceError(f"sample={self.sample} is outside 0 … {samples - 1}, the samples that are run")


def write_views(
    views: Views, trace: Trace, network: IntegerNetwork, mapping: Mapping, machine: Hardware, *, run: str
) -> tuple[str, ...]:
    """Draw the files of a run, which ``run`` names, and write them; what was written, a line each.

    Raises TraceError where the sample has no such cycles, and OutputError; files of an earlier run are then still
    there.
    """
    if not views.files:
        return ()
    line = timeline(trace, network, mapping, machine, sample=views.sample)
    comment = f"{run}, sample {views.sample}; one unit of time is one cycle of {machine.clock_mhz:g} MHz"
    drawn = [*_waveform(views, line, comment), *_timeline(views, line, comment)]
    for file, content, _ in drawn:
        write_together(file.parent, {file.name: content})
    return tuple(f"{file}: {told}" for file, _, told in drawn)


def _waveform(views: Views, line: Timeline, comment: str) -> Iterator[tuple[Path, bytes, str]]:
    if views.vcd is None:
        return
    if views.cycles is not None and views.cycles[0] >= line.cycles:
        raise TraceError(f"cycles={views.cycles[0]}:{views.cycles[1]}: sample {line.sample} takes {line.cycles} cycles")
    content, shown = waveform.waveform(line, comment=comment, cycles=views.cycles)
    told = f"waveform of cycles {shown.first} to {shown.stop - 1} of {shown.cycles}, {shown.changes} changes"
    if shown.cut:
        told += f"; cut at {waveform.MOST_CHANGES}, choose others with --cycles"
    yield Path(views.vcd), content, told


def _timeline(views: Views, line: Timeline, comment: str) -> Iterator[tuple[Path, bytes, str]]:
    if views.timeline is None:
        return
    content, found = timeline_trace(line, description=comment)
    told = f"timeline of {found.cycles} cycles, {found.slices} slices"
    if found.grain > 1:
        told += f"; those that begin in the same {found.grain} cycles are one"
    yield Path(views.timeline), content, told
