"""The CNNs that a run sets beside its machine: where they cannot follow the clock, it refuses the machine."""

from __future__ import annotations

from pimsim.cost import PriceBook
from pimsim.errors import PimsimError
from pimsim.explore.job import Job
from pimsim.explore.machines import Machine
from pimsim.explore.recent import Recent
from pimsim.hardware import Hardware
from pimsim.report.baselines import Beside, beside

MOST_KEPT = 256
"""Sizes of macros, and of these with cost choices."""

_Macros = tuple[str, float, int]


class Companions:
    """Whether `pimsim.report.run` could set its CNNs beside a machine."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._known: Recent[_Macros, Beside | str] = Recent(MOST_KEPT)
        self._fastest: Recent[tuple[_Macros, tuple[str, ...]], float] = Recent(MOST_KEPT)

    def check(self, model: str, machine: Machine, book: PriceBook, rules: tuple[str, ...]) -> None:
        """Raises a PimsimError in the words of `pimsim.report.run`; ``rules`` tell the book from others."""
        macros = (model, machine.hardware.memories.macro_kib, machine.hardware.memories.macro_width_bits)
        fastest = self._fastest.get((macros, rules))
        if fastest is None:
            found = self._beside(macros, machine.hardware)
            fastest = self._fastest.put((macros, rules), found.fastest_mhz(book))
        if machine.clock_mhz > fastest:
            self._beside(macros, machine.hardware).check(book, machine.clock_mhz)

    def _beside(self, macros: _Macros, like: Hardware) -> Beside:
        known = self._known.get(macros)
        if known is None:
            known = self._known.put(macros, self._placed(macros[0], like))
        if isinstance(known, str):
            raise PimsimError(known)
        return known

    def _placed(self, name: str, like: Hardware) -> Beside | str:
        model = self._job.models[name]
        try:
            return beside(model.network, like, model.cnn)
        except PimsimError as error:
            return str(error)
