"""Text of the test bench: it plays inputs to a layer and compares all that the layer does with what is expected."""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.signals import index_bits

COUNTER_BITS = 64
"""Of cycles and counts in the bench and its files."""
SLACK = 1000
"""Cycles that a step may take beyond the longest one expected before the bench gives up on it."""

INPUTS, SUMS = "inputs.hex", "currents.hex"
CYCLES, MEMBRANES, OUTPUTS = "expected_cycles.hex", "expected_membranes.hex", "expected_outputs.hex"
CLASSES, COUNTS = "expected_classes.hex", "expected_counts.hex"
FILES = (INPUTS, SUMS, CYCLES, MEMBRANES, OUTPUTS, CLASSES, COUNTS)
"""Of these a layer has `OUTPUTS` or, behind the classifier, `CLASSES`; `SUMS` are those of step 1 of input spikes."""

STEP, RUN = "sample %0d step %0d", "run / STEPS, run % STEPS"
"""How a difference names the step, and the values of that."""


@dataclass(frozen=True)
class Inputs:
    """``words`` of ``bits`` for every sample, or for ``every_step``, in the file of its ``name``.

    The layer reads them through the ports ``readers``, (name, bits of the address); or the bench writes them into the
    buffer ``filled`` before it starts the sample or step.
    """

    words: int
    bits: int
    every_step: bool
    readers: tuple[tuple[str, int], ...] = ()
    filled: str = ""
    name: str = "input"

    @property
    def file(self) -> str:
        return f"{self.name}s.hex"

    @property
    def sizes(self) -> tuple[str, str]:
        """Names of the numbers of its words and of their bits, in Verilog."""
        return f"{self.name.upper()}_WORDS", f"{self.name.upper()}_BITS"

    @property
    def first(self) -> str:
        """Of the words of the step that runs, in Verilog."""
        return f"{'run' if self.every_step else 'run / STEPS'} * {self.sizes[0]}"


@dataclass(frozen=True)
class Bench:
    """A run of ``samples`` times ``steps`` of the module ``top``, whose sweep is ``sweep``.

    ``ports`` are all ports of the top, (name, bits of an input or 0 of an output): those that the bench has no use for
    it leaves open or holds at 0.  ``fields`` are its counts with the bits of each; ``longest`` is the longest step.
    """

    top: str
    sweep: SweepDesign
    samples: int
    steps: int
    inputs: tuple[Inputs, ...]
    fields: tuple[tuple[str, int], ...]
    ports: tuple[tuple[str, int], ...]
    longest: int

    @property
    def readers(self) -> list[tuple[str, int, Inputs]]:
        """Ports by which the layer reads: name, bits of the address, and what of."""
        return [(name, bits, inputs) for inputs in self.inputs for name, bits in inputs.readers]

    @property
    def filled(self) -> Inputs | None:
        """What the bench writes into a buffer."""
        return next((inputs for inputs in self.inputs if inputs.filled), None)

    @property
    def opens(self) -> bool:
        """Whether the top has to be told an inference's first step."""
        return "first" in dict(self.ports)

    @property
    def text(self) -> str:
        parts = (_head(self), _signals(self), _top(self), _memories(self), _each_cycle(self), _step(self), _run(self))
        return "\n".join(parts) + "endmodule\n`default_nettype wire\n"


def _head(bench: Bench) -> str:
    sweep = bench.sweep
    numbers = {
        "SAMPLES": bench.samples,
        "STEPS": bench.steps,
        "RUNS": "SAMPLES * STEPS",
        "LANES": sweep.lanes,
        "CHANNELS": sweep.channels,
        "BEATS": sweep.beats,
        "WORDS": sweep.words,
        "BITS": sweep.neuron.accumulator_bits,
        "LONGEST": bench.longest + SLACK,
        "FIELDS": len(bench.fields),
    }
    for inputs in bench.inputs:
        numbers |= dict(zip(inputs.sizes, (inputs.words, inputs.bits), strict=True))
    if sweep.word_values:
        numbers |= {"OUTPUT_WORDS": sweep.output_words, "OUTPUT_BITS": sweep.word_bits}
    lines = "".join(f"    localparam {name} = {value};\n" for name, value in numbers.items())
    return (
        f"// Plays the recorded inputs to {bench.top} and compares, cycle by cycle, what it does with what the\n"
        "// simulator expects: cycles of each step, membranes, the packed output (or the class), counts.  Ends with\n"
        "// PASS, or with the first difference and a status that is not 0.  The files that it reads lie in the folder\n"
        "// it is run in.\n"
        f"`default_nettype none\nmodule bench;\n{lines}"
    )


def _signals(bench: Bench) -> str:
    sweep = bench.sweep
    lines = [
        f"reg clk = 0, rst = 1, start = 0, {'first = 0, ' if bench.opens else ''}last = 0;",
        "wire done, busy, probe_valid;",
        f"wire [{index_bits(sweep.words) - 1}:0] probe_word;",
        "wire [LANES*BITS-1:0] probe_membrane;",
        *(f"wire [{bits - 1}:0] activity_{name};" for name, bits in bench.fields),
    ]
    for name, address_bits, inputs in bench.readers:
        lines += [
            f"wire {name}_enable;",
            f"wire [{address_bits - 1}:0] {name}_address;",
            f"reg [{inputs.sizes[1]}-1:0] {name}_data = 0;",
        ]
    if sweep.word_values:
        lines += [
            f"wire [{sweep.packed.at_once - 1}:0] target_enable;",
            f"wire [{index_bits(sweep.output_words) - 1}:0] target_address;",
            f"wire [{sweep.packed.at_once}*OUTPUT_BITS-1:0] target_data;",
        ]
    else:
        lines.append(f"wire [{index_bits(sweep.neurons) - 1}:0] winner;")
    if bench.filled:
        lines += [
            "reg fill = 0;",
            f"reg [{index_bits(bench.filled.words) - 1}:0] fill_address = 0;",
            f"reg [{bench.filled.sizes[1]}-1:0] fill_data = 0;",
        ]
    return _indented(lines)


def _top(bench: Bench) -> str:
    joined = ["clk", "rst", "start", "last", "done", "busy", "probe_valid", "probe_word", "probe_membrane"]
    joined += [f"activity_{name}" for name, _ in bench.fields]
    joined += [f"{name}_{port}" for name, _, _ in bench.readers for port in ("enable", "address", "data")]
    joined += ["first"] if bench.opens else []
    joined += ["target_enable", "target_address", "target_data"] if bench.sweep.word_values else ["winner"]
    ports = {name: name for name in joined}
    if bench.filled:
        name = bench.filled.filled
        ports |= {f"{name}_write_enable": "fill", f"{name}_write_address": "fill_address"}
        ports |= {f"{name}_write_data": "fill_data"}
    rest = {name: f"{bits}'d0" if bits else "" for name, bits in bench.ports if name not in ports}
    lines = ",\n".join(f"        .{name}({wire})" for name, wire in (ports | rest).items())
    return f"    {bench.top} layer (\n{lines}\n    );\n\n    always #5 clk = !clk;\n"


def _memories(bench: Bench) -> str:
    """What is read from files, the map that is read, and the map that is written."""
    sweep = bench.sweep
    lines = [
        f"reg [{COUNTER_BITS - 1}:0] expected_cycles [0:RUNS-1];",
        f'initial $readmemh("{CYCLES}", expected_cycles);',
    ]
    lines += ["reg [LANES*BITS-1:0] expected_membranes [0:RUNS*WORDS-1];"]
    lines += [f'initial $readmemh("{MEMBRANES}", expected_membranes);']
    lines += [
        f"reg [{COUNTER_BITS - 1}:0] expected_counts [0:FIELDS-1];",
        f'initial $readmemh("{COUNTS}", expected_counts);',
    ]
    for inputs in bench.inputs:
        (words, bits), maps = inputs.sizes, "RUNS" if inputs.every_step else "SAMPLES"
        lines += [f"reg [{bits}-1:0] {inputs.name}s [0:{maps}*{words}-1];"]
        lines += [f'initial $readmemh("{inputs.file}", {inputs.name}s);']
    for name, _, inputs in bench.readers:
        lines += [
            "always @(posedge clk)",
            f"    if ({name}_enable) {name}_data <= {inputs.name}s[{inputs.first} + {name}_address];",
        ]
    if sweep.word_values:
        lines += ["reg [OUTPUT_BITS-1:0] expected_outputs [0:RUNS*OUTPUT_WORDS-1];"]
        lines += [
            f'initial $readmemh("{OUTPUTS}", expected_outputs);',
            "reg [OUTPUT_BITS-1:0] written [0:OUTPUT_WORDS-1];",
        ]
    else:
        lines += [f"reg [{COUNTER_BITS - 1}:0] expected_classes [0:SAMPLES-1];"]
        lines += [f'initial $readmemh("{CLASSES}", expected_classes);']
    lines += ["integer run, cycles, probes, index, neuron;", "reg finished, failed;"]
    lines += ["reg signed [BITS-1:0] membrane, expected;"]
    lines += [
        f"reg [{COUNTER_BITS - 1}:0] count [0:FIELDS-1];",
        f"reg [8*{_longest_name(bench)}-1:0] name [0:FIELDS-1];",
    ]
    return _indented(lines)


def _longest_name(bench: Bench) -> int:
    return max(len(name) for name, _ in bench.fields)


def _each_cycle(bench: Bench) -> str:
    """Task ``observe``: what is checked or recorded at the end of each cycle of a step."""
    sweep = bench.sweep
    busy = _check("busy !== 1", f"{STEP}: not busy in cycle %0d", f"{RUN}, cycles - 1")
    membrane = _check(
        "probe_word % BEATS * LANES + index < CHANNELS && membrane !== expected",
        f"{STEP}: membrane of neuron %0d is %0d, expected %0d",
        f"{RUN}, neuron, membrane, expected",
    )
    lines = [
        "task observe; begin",
        *(f"    count[{place}] = count[{place}] + activity_{name};" for place, (name, _) in enumerate(bench.fields)),
        *_deeper(busy, 1),
        "    if (probe_valid) begin",
        "        probes = probes + 1;",
        "        for (index = 0; index < LANES; index = index + 1) begin",
        "            neuron = probe_word / BEATS * CHANNELS + probe_word % BEATS * LANES + index;",
        "            membrane = probe_membrane[index*BITS +: BITS];",
        "            expected = expected_membranes[run*WORDS + probe_word] >> index*BITS;",
        *_deeper(membrane, 3),
        "        end",
        "    end",
    ]
    if sweep.word_values:
        lines += [
            f"    for (index = 0; index < {sweep.packed.at_once}; index = index + 1)",
            "        if (target_enable[index])",
            "            written[target_address + index] = target_data[index*OUTPUT_BITS +: OUTPUT_BITS];",
        ]
    return _indented([*lines, "end endtask"])


def _step(bench: Bench) -> str:
    """Task ``check_step``: cycles and result of a step that is over."""
    taken = _check(
        "cycles !== expected_cycles[run]",
        f"{STEP}: %0d cycles, expected %0d",
        f"{RUN}, cycles, expected_cycles[run]",
    )
    taken += _check("probes !== WORDS", f"{STEP}: %0d words of membranes, expected %0d", f"{RUN}, probes, WORDS")
    output = _check(
        "written[index] !== expected_outputs[run*OUTPUT_WORDS + index]",
        f"{STEP}: output word %0d is %h, expected %h",
        f"{RUN}, index, written[index], expected_outputs[run*OUTPUT_WORDS + index]",
    )
    winner = _check(
        "last && winner !== expected_classes[run / STEPS]",
        f"{STEP}: class %0d, expected %0d",
        f"{RUN}, winner, expected_classes[run / STEPS]",
    )
    every_word = [
        "for (index = 0; index < OUTPUT_WORDS; index = index + 1) begin",
        *_deeper(output, 1),
        "    written[index] = {OUTPUT_BITS{1'bx}};",
        "end",
    ]
    result = every_word if bench.sweep.word_values else winner
    return _indented(["task check_step; begin", *_deeper([*taken, *result], 1), "end endtask"])


def _counts() -> list[str]:
    differs = _check(
        "count[index] !== expected_counts[index]",
        "count %0s is %0d, expected %0d",
        "name[index], count[index], expected_counts[index]",
    )
    return ["for (index = 0; index < FIELDS; index = index + 1)", *_deeper(differs, 1)]


def _check(differs: str, text: str, values: str) -> list[str]:
    """The first difference is told, and nothing behind it."""
    return [
        f"if (!failed && ({differs})) begin",
        "    failed = 1;",
        f'    $display("FAIL {text}",',
        f"        {values});",
        "end",
    ]


def _deeper(lines: list[str], levels: int) -> list[str]:
    return [" " * 4 * levels + line for line in lines]


def _fill(inputs: Inputs | None) -> list[str]:
    """The bench takes as many cycles as there are words; the layer does not work in them."""
    if inputs is None:
        return []
    when = "" if inputs.every_step else " && run % STEPS == 0"
    return [
        f"for (index = 0; index < {inputs.sizes[0]}{when}; index = index + 1) begin",
        "    fill = 1;",
        "    fill_address = index;",
        f"    fill_data = {inputs.name}s[{inputs.first} + index];",
        "    @(negedge clk);",
        "end",
        "fill = 0;",
    ]


def _run(bench: Bench) -> str:
    """Steps follow each other without a pause: ``start`` in the cycle behind ``done``."""
    lines = [
        "initial begin",
        "    failed = 0;",
        *(f'    name[{place}] = "{name}";' for place, (name, _) in enumerate(bench.fields)),
        "    for (index = 0; index < FIELDS; index = index + 1) count[index] = 0;",
        "    repeat (2) @(negedge clk);",
        "    rst = 0;",
        "    for (run = 0; run < RUNS && !failed; run = run + 1) begin",
        *_deeper(_fill(bench.filled), 2),
        "        start = 1;",
        *(["        first = run % STEPS == 0;"] if bench.opens else []),
        "        last = run % STEPS == STEPS - 1;",
        "        cycles = 0;",
        "        probes = 0;",
        "        finished = 0;",
        "        while (!finished) begin",
        "            @(posedge clk);",
        "            cycles = cycles + 1;",
        "            observe;",
        "            finished = done === 1 || cycles == LONGEST;",
        "            if (finished) check_step;",
        "            @(negedge clk);",
        "            start = 0;",
        "        end",
        "    end",
        *_deeper(_counts(), 1),
        "    if (failed) $fatal(1);",
        '    $display("PASS %0d samples of %0d steps", SAMPLES, STEPS);',
        "    $finish;",
        "end",
    ]
    return _indented(lines)


def _indented(lines: list[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)
