"""Simulates a first layer whose inputs fire: encoder, sums of input spikes, sweeps of all steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import memory
from amaranth.sim import SimulatorContext

from pimsim.hardware import BitSerialPim
from pimsim.hardware.hardware import Hardware
from pimsim.mapping import Mapping
from pimsim.model.network import IntegerNetwork
from pimsim.rtl.bench.event_bench import weight_memory
from pimsim.rtl.bench.pim_bench import patience as of_crossbar
from pimsim.rtl.bench.pim_bench import row_memory
from pimsim.rtl.bench.run_event import patience as of_event_core
from pimsim.rtl.bench.run_pim import Inputs
from pimsim.rtl.bench.step_bench import StepBench, check_lanes, connect_memory, run_bench
from pimsim.rtl.bench.sums_recorder import SumsRecorder
from pimsim.rtl.bench.words import current_words, packed, weight_words
from pimsim.rtl.crossbar.layer import PimLayer
from pimsim.rtl.crossbar.place import pim_content, pim_design
from pimsim.rtl.event.core import event_core
from pimsim.rtl.input_spikes.encoder import EncoderDesign, encoder_design
from pimsim.rtl.input_spikes.layer import Core, InputSpikeLayer
from pimsim.rtl.parts.design import event_design, sweep_design
from pimsim.rtl.parts.observe import Int64Array, Observed
from pimsim.rtl.parts.sram import Sram


class InputSpikeBench(StepBench):
    """A `StepBench` of an `InputSpikeLayer`; ``codes`` and ``currents`` are the words of the input memory, and of the
    current memory of step 1, of all samples in order."""

    def __init__(
        self,
        layer: InputSpikeLayer,
        *,
        codes: list[int],
        currents: list[int],
        weights: Sram | None,
        steps: int,
        patience: int,
    ) -> None:
        encoder, sweep = layer.encoder.design, layer.core.sweep.design
        self.weights, self._encoder = weights, encoder
        samples = len(codes) // encoder.words
        self.codes = memory.MemoryData(shape=encoder.packed.lanes * encoder.code_bits, depth=len(codes), init=codes)
        width = sweep.lanes * sweep.current_bits
        self.currents = memory.MemoryData(shape=width, depth=len(currents), init=currents)
        self.sums: SumsRecorder | None = None
        if isinstance(layer.core, PimLayer):
            evaluations = (steps - 1) // layer.core.design.passes * samples
            self.sums = SumsRecorder(layer.core.design, evaluations)
        super().__init__(layer, sweep, runs=samples * steps, steps=steps, patience=patience)

    def _feed(self, m: Module, _run: Signal) -> None:
        sample, layer = Signal(range(self.runs // self.steps + 1)), self.core
        with m.If(layer.done & layer.last):
            m.d.sync += sample.eq(sample + 1)
        played = (("codes", self.codes, self._encoder.words), ("currents", self.currents, self.sweep.words))
        for name, content, words in played:
            m.submodules[name] = store = memory.Memory(content)
            read, port = store.read_port(), getattr(layer, name)
            m.d.comb += [read.en.eq(port.enable), read.addr.eq(sample * words + port.address), port.data.eq(read.data)]
        if self.weights is not None:
            connect_memory(m, "weight_memory", self.weights, layer.weights)
        if self.sums is not None:
            self.sums.connect(m, layer.core.core)

    def completed(self, context: SimulatorContext, observed: Observed) -> Observed:
        """Sums that are formed for all steps at once are told apart from the steps, and maps that are made in front of
        them go with the step that they are of."""
        if self.sums is None:
            return observed
        samples = len(observed.step_cycles)
        observed = replace(observed, currents=self.sums.currents(context, samples))
        if self.core.core.design.passes == 1:
            return observed
        fronts, cycles = self.sums.cycles(context), observed.step_cycles.copy()
        encoder = cycles[:, 1] - fronts - cycles[:, 2]  # step 3 is a sweep alone
        cycles[:, 1] -= fronts + encoder
        cycles[:, 1:] += (encoder // (self.steps - 1))[:, None]
        return replace(observed, front_cycles=fronts, step_cycles=cycles)


def run_input_spikes(
    network: IntegerNetwork, mapping: Mapping, hardware: Hardware, inputs: Inputs, sums: Int64Array
) -> Observed:
    """The first layer of a hybrid ``network``, on codes (N, C, D, H, W) and ``sums`` (N, neurons) of them for step 1.

    Its input spikes are summed on an event core, or on a bit-serial crossbar with ideal arrays.  Raises RuntimeError
    where a step does not end.
    """
    bench = input_spike_bench(network, mapping, hardware, inputs, sums)
    return run_bench(bench, mapping.layers[0].name)[0]


def input_spike_bench(
    network: IntegerNetwork, mapping: Mapping, hardware: Hardware, inputs: Inputs, sums: Int64Array
) -> InputSpikeBench:
    """What `run_input_spikes` simulates."""
    sweep, encoder = sweep_design(network, mapping, hardware, 0), encoder_design(network, mapping)
    check_lanes(sweep)
    core, weights, patience = input_spike_core(network, mapping, hardware)
    return InputSpikeBench(
        InputSpikeLayer(encoder, core),
        codes=code_words(encoder, inputs),
        currents=current_words(sweep, sums, sweep.current_bits),
        weights=weights,
        steps=mapping.steps,
        patience=patience + mapping.steps * (encoder.words + 8),
    )


def input_spike_core(network: IntegerNetwork, mapping: Mapping, hardware: Hardware) -> tuple[Core, Sram | None, int]:
    """What sums input spikes, its weight memory, and cycles that none of its steps takes."""
    layer, source = mapping.input_spikes, network.layers[0]
    assert layer is not None
    pim = hardware.engines.named(layer.engine)
    if not isinstance(pim, BitSerialPim):
        event = event_design(network, mapping, hardware, 0)
        weights = weight_memory(event, weight_words(event, source.weight))
        return event_core(event), weights, of_event_core(event)
    design, sweep = pim_design(source, layer, pim), sweep_design(network, mapping, hardware, 0)
    content = pim_content(source, design, pim)
    core = PimLayer(design, content, sweep, once=design.passes > 1)
    return core, row_memory(design, content), of_crossbar(design, sweep)


def code_words(design: EncoderDesign, inputs: Inputs) -> list[int]:
    """Words of the input memory, of codes (N, C, D, H, W); places behind a sample's last code hold 0."""
    codes = np.moveaxis(inputs, 1, -1).reshape(len(inputs), -1)
    values = np.zeros((len(codes), design.words * design.packed.lanes), np.int64)
    values[:, : codes.shape[1]] = codes
    return [packed(word, design.code_bits) for word in values.reshape(-1, design.packed.lanes).tolist()]
