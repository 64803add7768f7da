"""Who starts when in a pipeline of layers, docs/microarchitecture.md §8 *pipelined*."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, Signature

from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.pipeline.handover import HandOver, Stage


class StepPort(Signature):
    """A layer's steps, seen from the control: ``start``, ``last`` and ``done`` as of a core.

    The step reads map ``source_map`` of half ``source_half`` of the buffer in front and writes map ``target_map`` of
    half ``target_half`` of the one behind.
    """

    def __init__(self, maps: int) -> None:
        number = index_bits(maps)
        super().__init__(
            {
                "start": Out(1),
                "last": Out(1),
                "done": In(1),
                "source_half": Out(1),
                "source_map": Out(number),
                "target_half": Out(1),
                "target_map": Out(number),
            }
        )


class PipelineControl(wiring.Component):
    """``layers`` engines in a row, ``steps`` steps of each inference, double buffers between them.

    Layer 0 sweeps the sums that ``front`` has formed of a sample, in one of two halves of the current memory, in all of
    its steps; ``offer`` says that a sample is there for ``front``.  Behind, a half holds the map of one step, or with
    ``whole_samples`` those of all steps.  ``finished`` is high in the cycle in which the last layer hands over the last
    step of a sample.
    """

    def __init__(self, layers: int, steps: int, *, whole_samples: bool) -> None:
        self._layers, self._count, self._whole = layers, steps, whole_samples
        maps = steps if whole_samples else 1
        super().__init__(
            {
                "offer": In(1),
                "front": Out(StepPort(1)),
                "steps": Out(StepPort(maps)).array(layers),
                "finished": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.front = front = Stage(steps=1)
        stages = [front, *(self._stage(layer) for layer in range(self._layers))]
        m.d.comb += [front.ready.eq(self.offer), stages[-1].room.eq(1), self.finished.eq(stages[-1].filled)]
        ports = [self.front, *self.steps]
        for stage, port in zip(stages, ports, strict=True):
            m.d.comb += [port.start.eq(stage.start), port.last.eq(stage.last), stage.done.eq(port.done)]
        for layer in range(self._layers):
            m.submodules[f"layer_{layer}"] = stages[layer + 1]
            m.submodules[f"hand_over_{layer}"] = between = HandOver()
            self._join(m, between, *stages[layer : layer + 2])
            m.d.comb += [
                ports[layer].target_half.eq(between.write_half),
                ports[layer + 1].source_half.eq(between.read_half),
            ]
        if self._whole:
            m.d.comb += [port.target_map.eq(stage.step) for port, stage in zip(self.steps, stages[1:], strict=True)]
            m.d.comb += [port.source_map.eq(port.target_map) for port in self.steps]
        return m

    def _stage(self, layer: int) -> Stage:
        """Sums serve a whole sample, and so does what the last layer leaves, a class."""
        last = layer == self._layers - 1
        return Stage(steps=self._count, whole_source=self._whole or layer == 0, whole_target=self._whole or last)

    def _join(self, m: Module, between: HandOver, before: Stage, behind: Stage) -> None:
        m.d.comb += [
            between.filled.eq(before.filled),
            before.room.eq(between.room),
            between.drained.eq(behind.drained),
            behind.ready.eq(between.ready),
        ]
