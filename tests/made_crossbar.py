"""Machines with everything in crossbars of any size and organisation, for tests of the crossbar's cycles and counts."""

from __future__ import annotations

from hypothesis import strategies as st
from made_trace import machine

from pimsim.hardware import Hardware

SERIAL, ANALOG = "pim45nm_bitserial", "pim45nm"


@st.composite
def choices(draw, style=None):
    """What `build` takes: a crossbar for every layer; layers share its arrays or have their own."""
    style = style or draw(st.sampled_from([SERIAL, ANALOG]))
    rows = draw(st.integers(2, 40) | st.integers(40, 150))
    columns = draw(st.integers(24, 90) | st.integers(100, 600))
    chosen = {
        "style": style,
        "schedule": draw(st.sampled_from(["pipelined", "shared"])),
        "order": draw(st.sampled_from(["step_major", "layer_major"])),
        "rows": rows,
        "columns": columns,
        "arrays": draw(st.integers(1, 5)),
        "pulse_cycles": draw(st.integers(1, 3)),
        "adc_cycles": draw(st.integers(1, 3)),
        "sample_and_hold": draw(st.booleans()),
        "input_port_codes": draw(st.integers(1, 9)),
        "correction_depth": draw(st.integers(1, 3)),
        "neuron_lanes": draw(st.integers(1, 9)),
        "copies_in_array": draw(st.sampled_from(["none", "diagonal", "shifted"])),
        "adc_bits": 16,  # never clips, so that any layout will do
    }
    if style == SERIAL:
        own = {
            "rows_active": draw(st.integers(1, rows)),
            "columns_per_adc": draw(st.integers(1, columns)),
            "weight_encoding": draw(st.sampled_from(["offset", "differential", "twos_complement"])),
            "cell_bits": draw(st.integers(1, 4)),
            "dac_bits": draw(st.integers(1, 4)),
        }
    else:
        own = {
            "products_per_conversion": draw(st.integers(1, rows)),
            "outputs_per_adc": draw(st.integers(1, columns)),
            "dac_bits": draw(st.integers(1, 8)),
        }
    return chosen | own


def build(chosen: dict[str, object], **changes: object) -> Hardware:
    """The machine, with some of its choices changed."""
    pim = chosen | changes
    whole = {key: pim.pop(key) for key in ("schedule", "order")}
    style = str(pim.pop("style"))
    return machine(
        style, **whole, layers__others="pim", **{f"engines__pim__{key}": value for key, value in pim.items()}
    )


def machines(style=None):
    return choices(style).map(build)
