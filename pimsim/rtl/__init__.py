"""The machine once more, as a register-transfer description in Amaranth: the definition of a cycle.

Needs the extra ``verify``.  docs/microarchitecture.md is its specification; `pimsim.simulation` counts the same
cycles and actions and is held against it, to the cycle, the count and the bit.

    parts         parameters, ports, buffers and small units that all cores are built of
    sweep         the pass over a layer's neurons
    event         the event core, scatter and gather
    crossbar      the bit-serial crossbar and its sequencer
    input_spikes  the encoder of a first layer whose inputs fire, around one of the cores
    pipeline      maps handed over between layers
    bench         cores simulated clock by clock, and what is seen of them
    verify        what is seen, held against the simulator
    verilog       a layer as Verilog with a bench that checks itself
"""
