"""One network on one organisation: mapped and scheduled once, then priced as often as there are prices."""

from __future__ import annotations

from dataclasses import dataclass, field

from pimsim.activity.activity import Activity, Deadline
from pimsim.cost import Cost, PriceBook, PriceBooks, Repriced, Repricer, TooLargeError, timings
from pimsim.cost.prices import room
from pimsim.cost.timing import fastest_mhz
from pimsim.errors import PimsimError
from pimsim.explore.companions import Companions
from pimsim.explore.executions import Executions
from pimsim.explore.job import Job
from pimsim.explore.keys import Keys, Values
from pimsim.explore.machines import Machine
from pimsim.explore.point import Row
from pimsim.explore.recent import Recent
from pimsim.explore.row import figures
from pimsim.explore.tally import Tally
from pimsim.hardware import Hardware
from pimsim.mapping import Mapping, costs_cnn
from pimsim.model.accuracy import Accuracy
from pimsim.report.pipeline import mapped, naming

MOST_ORGANISATIONS = 1024
"""Remembered at most; each takes about 60 KB with a network of seven layers."""
_MOST_LIMITS = 64

Rules = tuple[str, ...]
"""What decides how long operations take, and what each of them costs: table, converter model and rules."""


@dataclass(frozen=True, eq=False)
class Scheduled:
    """What a run on an organisation is, whatever it costs."""

    activity: Activity
    accuracy: Accuracy | None
    executed: bool
    repricers: dict[str, Repricer] = field(default_factory=dict)


@dataclass(eq=False)
class Organisation:
    """A network on an organisation; scheduled, or why it cannot be, once a price was asked for."""

    hardware: Hardware
    deadlines: tuple[Deadline, ...]
    mapping: Mapping | None
    scheduled: Scheduled | str | None = None
    fastest_mhz: dict[Rules, float] = field(default_factory=dict)


class Organisations:
    """The organisations of a job, and the figures of every point on them."""

    def __init__(self, job: Job, tally: Tally) -> None:
        self._job, self._tally = job, tally
        self._executions = Executions(job, tally)
        self._companions = Companions(job)
        self._books = {name: PriceBooks(table) for name, table in job.tables.items()}
        self._known: Recent[tuple[str, str | None, str, Values], Organisation | str] = Recent(MOST_ORGANISATIONS)

    def measured(self, keys: Keys, machine: Machine) -> Row:
        """Metric columns, ``bottleneck`` and ``executed``; raises what `pimsim.report.run` raises, as a PimsimError."""
        organisation = self._organisation(keys, machine.hardware)
        rules = (machine.cost.table, machine.cost.adc_model, *machine.cost.rules)
        with naming(machine.hardware):
            book = self._books[machine.cost.table].under(machine.cost)
            self._check_clock(organisation, book, rules, machine)
        scheduled = self._scheduled(keys, organisation)
        priced = self._priced(scheduled, machine)
        self._companions.check(keys.model, machine, book, rules)
        self._tally.pricings += 1
        row = figures(priced, scheduled.activity.latency_cycles, scheduled.accuracy)
        row["bottleneck"] = scheduled.activity.bottleneck
        row["executed"] = scheduled.executed
        return row

    def _organisation(self, keys: Keys, hardware: Hardware) -> Organisation:
        known = self._known.get(keys.schedule)
        if known is None:
            known = self._known.put(keys.schedule, self._mapped(keys, hardware))
        if isinstance(known, str):
            raise PimsimError(known)
        return known

    def _mapped(self, keys: Keys, hardware: Hardware) -> Organisation | str:
        try:
            with self._tally.timed("schedule_s"):
                mapping = mapped(self._job.models[keys.model].network, hardware)
        except PimsimError as error:
            return str(error)
        return Organisation(hardware, mapping.deadlines, mapping)

    def _check_clock(self, organisation: Organisation, book: PriceBook, rules: Rules, machine: Machine) -> None:
        """Whether every operation is over in its cycles: before anything is executed."""
        fastest = organisation.fastest_mhz.get(rules)
        if fastest is None:
            fastest = fastest_mhz(organisation.deadlines, book)
            room(organisation.fastest_mhz, _MOST_LIMITS)[rules] = fastest
        if machine.clock_mhz > fastest:
            timings(organisation.deadlines, book, clock_mhz=machine.clock_mhz)  # says which, and raises

    def _scheduled(self, keys: Keys, organisation: Organisation) -> Scheduled:
        if organisation.scheduled is None:
            assert organisation.mapping is not None  # it is kept until here
            try:
                organisation.scheduled = self._run(keys, organisation.hardware, organisation.mapping)
            except PimsimError as error:
                organisation.scheduled = str(error)
            organisation.mapping = None
        if isinstance(organisation.scheduled, str):
            raise PimsimError(organisation.scheduled)
        return organisation.scheduled

    def _run(self, keys: Keys, hardware: Hardware, mapping: Mapping) -> Scheduled:
        execution = self._executions.execution(keys, hardware, mapping)
        with self._tally.timed("schedule_s"):
            activity = execution.rescheduler.schedule(mapping, hardware, threads=self._job.threads)
        self._tally.schedules += 1
        known = not costs_cnn(execution.network, hardware)
        return Scheduled(activity, execution.accuracy if known else None, execution.recorded.executed)

    def _priced(self, scheduled: Scheduled, machine: Machine) -> Repriced | Cost:
        name = machine.cost.table
        repricer = scheduled.repricers.get(name)
        if repricer is None:
            repricer = Repricer(scheduled.activity, self._job.tables[name], self._books[name])
            scheduled.repricers[name] = repricer
        try:
            return repricer.reprice(machine.cost, clock_mhz=machine.clock_mhz)
        except TooLargeError:
            return repricer.cost(machine.cost, clock_mhz=machine.clock_mhz)
