"""A layer on a bit-serial crossbar, docs/microarchitecture.md §5: from a source map to the current memory."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.activity import loaded_rows, pim_activity, sampled_columns
from pimsim.rtl.crossbar.array import IdealArray, WordLines
from pimsim.rtl.crossbar.convert import Conversions
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.driver import RowDriver
from pimsim.rtl.crossbar.loader import Loader
from pimsim.rtl.crossbar.place import PimContent
from pimsim.rtl.crossbar.readout import Readout
from pimsim.rtl.crossbar.rounds import Rounds
from pimsim.rtl.crossbar.rows import RowRegisters
from pimsim.rtl.crossbar.writer import Writer
from pimsim.rtl.parts.signals import ReadPort, index_bits


class PimCore(wiring.Component):
    """Sums of ``passes`` maps, from ``start`` in cycle 0 to ``done`` in the hand-over cycle.

    ``source``  a value each of the maps, which lie one behind the other in the order depth, height, width, channel
    ``weights`` rows of the tiles, round by round, where arrays are rewritten; else ``content`` is in them
    ``write_*`` the current memory: word b of position o of map t at address (t·S + o)·B + b; ``earlier`` reads it where
                rounds meet in one sum
    """

    def __init__(self, design: PimDesign, content: PimContent) -> None:
        self.design, self.content = design, content
        value, depth = unsigned(design.stored_bits), design.passes * design.map_values
        word = data.ArrayLayout(unsigned(design.array.accumulator_bits), design.lanes)
        ports = {
            "start": In(1),
            "done": Out(1),
            "busy": Out(1),
            "source": Out(ReadPort(depth=depth, shape=value)).array(design.readers),
            "write_enable": Out(1),
            "write_address": Out(index_bits(design.sum_words)),
            "write_data": Out(word),
            "activity": Out(pim_activity(design)),
        }
        if design.reloaded:
            ports["weights"] = Out(ReadPort(depth=design.weight_words, shape=design.weight_bits))
        if design.reads_back:
            ports["earlier"] = Out(ReadPort(depth=design.sum_words, shape=word))
        super().__init__(ports)

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        m.submodules.rounds = self.rounds = Rounds(design)
        m.submodules.loader = self.loader = Loader(design)
        m.submodules.rows = self.rows = RowRegisters(design)
        m.submodules.driver = self.driver = RowDriver(design)
        m.submodules.conversions = self.conversions = Conversions(design)
        m.submodules.writer = self.writer = Writer(design, self.content.constants)
        self._control(m)
        self._load(m)
        self._arrays(m)
        self._convert(m)
        self._write(m)
        self._report(m)
        return m

    def _control(self, m: Module) -> None:
        rounds = self.rounds
        m.d.comb += [
            rounds.start.eq(self.start),
            rounds.ended.eq(self.writer.ended),
            self.done.eq(rounds.done),
            self.busy.eq(rounds.busy),
        ]
        users = (self.loader, self.driver, self.conversions, self.writer)
        m.d.comb += [unit.round.eq(rounds.round) for unit in users]
        if self.design.reloaded:
            wiring.connect(m, wiring.flipped(self.weights), rounds.weights)

    def _load(self, m: Module) -> None:
        loader, rows, driver = self.loader, self.rows, self.driver
        for own, port in zip(self.source, loader.ports, strict=True):
            wiring.connect(m, wiring.flipped(own), port)
        m.d.comb += [
            loader.begin.eq(self.rounds.begin),
            loader.take.eq(driver.take),
            driver.full.eq(loader.full),
            driver.full_last.eq(loader.full_last),
            rows.arrive.eq(loader.arrive),
            rows.arrive_last.eq(loader.arrive_last),
            rows.values.eq(loader.values),
            rows.arrived.eq(loader.arrived),
            rows.take.eq(driver.take),
        ]

    def _arrays(self, m: Module) -> None:
        """Every array with its word lines and its readout, copy by copy."""
        self.lines: list[WordLines] = []
        self.readouts: list[Readout] = []
        for copy in range(self.design.copies):
            for tile in range(self.design.tiles):
                self._array(m, copy, tile)

    def _array(self, m: Module, copy: int, tile: int) -> None:
        design, driver, conversions, number = self.design, self.driver, self.conversions, len(self.lines)
        lines, readout = WordLines(design, copy, tile), Readout(design, copy, tile)
        array = IdealArray(f"array_{tile}", design.array, None if design.reloaded else self._resident(tile))
        m.submodules[f"lines_{number}"], m.submodules[f"readout_{number}"] = lines, readout
        m.submodules[f"array_{number}"] = array
        m.d.comb += [
            lines.active.eq(self.rows.active),
            lines.driven.eq(driver.driven),
            lines.round.eq(self.rounds.round),
            array.settle.eq(driver.pulse_end),
            array.lines.eq(lines.lines),
            readout.charge.eq(array.charge),
            readout.round.eq(self.rounds.round),
            *(getattr(readout, name).eq(getattr(conversions, name)) for name in ("begin", "convert", "add")),
            *(getattr(readout, name).eq(getattr(conversions, name)) for name in ("work", "slot", "adding")),
            readout.move.eq(self.writer.move),
            self.writer.sums[number].eq(readout.sums),
        ]
        if design.reloaded:
            m.d.comb += [
                array.write.eq(self.rounds.write & (self.rounds.write_array == tile)),
                array.write_row.eq(self.rounds.write_row),
                array.write_digits.eq(self.rounds.weights.data),
            ]
        self.lines.append(lines)
        self.readouts.append(readout)

    def _resident(self, tile: int) -> tuple[int, ...]:
        """Rows of a tile that stays in its array."""
        tiles = self.design.rounds[0].tiles
        first = sum(one.rows for one in tiles[:tile])
        return self.content.rows[first : first + tiles[tile].rows]

    def _convert(self, m: Module) -> None:
        driver, conversions, writer = self.driver, self.conversions, self.writer
        m.d.comb += [
            conversions.charged.eq(driver.charged),
            conversions.charge.eq(driver.charge),
            conversions.room.eq(writer.room),
            conversions.move.eq(writer.move),
            driver.begin.eq(conversions.begin),
            driver.converting.eq(conversions.running),
            writer.complete.eq(conversions.complete),
        ]

    def _write(self, m: Module) -> None:
        m.d.comb += [
            getattr(self, name).eq(getattr(self.writer, name))
            for name in ("write_enable", "write_address", "write_data")
        ]
        if self.design.reads_back:
            wiring.connect(m, wiring.flipped(self.earlier), self.writer.earlier)

    def _report(self, m: Module) -> None:
        """The per-cycle counts of `pim_activity`."""
        design, loader, driver, writer = self.design, self.loader, self.driver, self.writer
        sizes = design.last_group, design.at_once
        live = sum(lines.live for lines in self.lines)
        taken, pulsed = Mux(loader.full_last, *sizes), Mux(driver.driven.rest, *sizes)
        columns = sampled_columns(design, self.rounds.round, driver.driven.stage) * design.array.cell_bits
        counted: dict[str, Value] = {
            "loader_busy": loader.read,
            "loader_stall": loader.stall,
            "row_driver_busy": driver.pulse,
            "row_driver_stall": driver.stall,
            "adc_busy": self.conversions.running,
            "writer_busy": writer.issue,
            f"{design.source}_read": loader.words,
            "row_register_load": Mux(driver.take, loaded_rows(design, self.rounds.round) * taken, 0),
            "row_driver_pulse": Mux(driver.pulse_end, live, 0),
            "dac_convert": Mux(driver.pulse_end, live, 0),
            "column_precharge": Mux(driver.pulse_end, columns * pulsed, 0),
            "adc_convert": sum(readout.converted for readout in self.readouts),
            "shift_add_add": sum(Mux(self.conversions.add, readout.added, 0) for readout in self.readouts),
            "correction_multiply": writer.multiplied,
            "correction_add": writer.corrected,
            "current_memory_write": writer.write_enable,
        }
        if design.pool > 1:
            counted["pool_add"] = self.rows.added
        if design.reads_back:
            counted["current_memory_read"] = writer.earlier.enable
        if design.reloaded:
            counted |= {"weight_memory_read": self.rounds.weights.enable, "pim_array_write": self.rounds.write}
        fields = self.activity.shape().members
        m.d.comb += [self.activity[name].eq(value) for name, value in counted.items() if name in fields]
