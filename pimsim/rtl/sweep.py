"""The pass over a layer's neurons, docs/microarchitecture.md §4.7: word by word through a pipeline."""

from __future__ import annotations

from amaranth.hdl import Module, Shape, ShapeCastable, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from pimsim.model.network import ACCUMULATE, IF, LIF, RELU, SINGLE_SPIKE
from pimsim.rtl.design import SweepDesign
from pimsim.rtl.signals import MapWrite, Probe, index_bits, writes_at_once


def membrane_word(sweep: SweepDesign) -> data.StructLayout:
    """A word of the membrane memory: P values, the first in the lowest bits, and above them `single_spike`'s flags.

    ``value`` is of accumulator width and scale where sums are added in place (scatter); elsewhere it is the membrane as
    stored, without its lowest ``membrane_shift`` bits.
    """
    fields: dict[str, Shape | data.Layout] = {
        "value": data.ArrayLayout(Shape(sweep.stored_bits, signed=True), sweep.lanes)
    }
    if sweep.neuron.kind == SINGLE_SPIKE:
        fields["fired"] = unsigned(sweep.lanes)
    return data.StructLayout(fields)


def sweep_activity(sweep: SweepDesign) -> data.StructLayout:
    """What a sweep counts in a cycle, docs/microarchitecture.md §4.7 *Counted*; only what the layer has.

    Reads are counted in the cycle of the word's issue, sums and corrections in stage 1, all else in the cycle of its
    write, packed words behind it.
    """
    neuron, each = sweep.neuron, sweep.lanes
    highest = {"sweep_busy": 1, "sweep_stall": 1}
    if sweep.stored_bits:
        highest |= {"membrane_memory_read": 1, "membrane_memory_write": 1}
        highest |= {"neuron_integrate": each} if sweep.adds else {}
    if sweep.weight_zero:
        highest |= {} if sweep.adds else {"count_memory_read": 1, "count_memory_write": 1}
        highest |= {"correction_multiply": 1, "correction_add": each}
    if neuron.leak_digits:
        highest["neuron_shift_leak"] = each * len(neuron.leak_digits)
    elif neuron.kind not in (RELU, ACCUMULATE) and neuron.multiplies:
        highest["neuron_leak"] = each
    highest["neuron_relu" if neuron.kind == RELU else "neuron_compare"] = each
    if neuron.kind in (LIF, IF):
        highest["neuron_reset"] = each
    if sweep.word_values:
        written = "activation_memory_write" if neuron.kind == RELU else "spike_memory_write"
        highest |= {"packer_pack": 1, written: writes_at_once(sweep)}
    return data.StructLayout({name: unsigned(count.bit_length()) for name, count in highest.items()})


class Sweep(wiring.Component):
    """S · B words, one per cycle at best, ``depth`` stages each.

    ``restart``   high in the first cycle of a step, in which word 0 may already be issued
    ``last``      the step is the inference's last: zeros are written for membranes, the argmax counts; held
    ``ready``     the next word may be issued
    ``issue``     it is: word ``issue_word``, ``issue_first`` and ``issue_final`` of its position's; its membranes (and
                  with the first one its count) are addressed
    ``stall``     it is ready, but the only port of its bank is taken by a write
    ``stage_one`` word ``stage_one_word`` is in stage 1: ``read_data`` hold its membranes, ``addend`` has to hold its
                  sums, and with ``stage_one_first`` ``count`` its position's events
    ``write_*``   in stage ``depth``; with ``write_first`` the count is cleared
    ``empty``     all words are through, and packed words written: the hand-over cycle of the step, and idle behind it
    ``target``    the packed map; behind the classifier ``winner``, the class, valid where ``empty`` follows a last step
    ``probe``, ``activity`` are for observers and may be left open
    """

    def __init__(self, design: SweepDesign) -> None:
        self.design = design
        word = index_bits(design.words)
        ports: dict[str, Member] = {
            **{name: In(1) for name in ("restart", "last", "ready")},
            **{name: Out(1) for name in ("issue", "issue_first", "issue_final", "stall", "empty")},
            **{name: Out(1) for name in ("stage_one", "stage_one_first", "stage_one_final")},
            "issue_word": Out(word),
            "stage_one_word": Out(word),
            "write_first": Out(1),
            "write_enable": Out(1),
            "write_address": Out(word),
            "probe": Out(Probe(design)),
            "activity": Out(sweep_activity(design)),
        }
        super().__init__(ports | self._operands(word) | self._results())

    def _operands(self, word: int) -> dict[str, Member]:
        """What a layer's words are made of."""
        design = self.design
        ports: dict[str, Member] = {}
        if design.stored_bits:
            width = membrane_word(design).size
            ports |= {"read_enable": Out(1), "read_address": Out(word)}
            ports |= {"read_data": In(width), "write_data": Out(width)}
        if design.adds:
            sums: ShapeCastable = data.ArrayLayout(Shape(design.neuron.accumulator_bits, signed=True), design.lanes)
            ports["addend"] = In(sums)
        if design.weight_zero:
            ports["count"] = In(design.count_bits)
        return ports

    def _results(self) -> dict[str, Member]:
        design = self.design
        if not design.word_values:
            return {"winner": Out(index_bits(design.neurons))}
        written = MapWrite(words=writes_at_once(design), depth=design.output_words, width=design.word_bits)
        return {"target": Out(written)}

    def elaborate(self, _platform: object) -> Module:
        return Module()
