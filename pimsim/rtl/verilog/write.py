"""From files to files: a model, a machine and an input → the Verilog of one layer in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pimsim.errors import HardwareError, MappingError
from pimsim.hardware import load_hardware
from pimsim.model import load_network, network_hash
from pimsim.report.files import check_writable, write_together
from pimsim.report.inputs import resolve
from pimsim.report.pipeline import trace_for
from pimsim.resources import MODEL, find
from pimsim.rtl.verify.case import layer_case, layer_index
from pimsim.rtl.verify.crop import Crop
from pimsim.rtl.verilog.emit import FILES, Emitted, emit
from pimsim.rtl.verilog.yosys import check_installed

Path_ = str | os.PathLike[str]


def write_layer(
    model: Path_,
    hardware: Path_,
    layer: str,
    out: Path_,
    input: Path_ | None = None,  # noqa: A002 - the name that the command line has for it
    *,
    crop: Crop,
    synthesis: bool = False,
    overrides: Mapping[str, object] | None = None,
    threads: int | None = None,
) -> Emitted:
    """Emit ``layer`` of ``model`` on ``hardware``, cut by ``crop``, into the folder ``out``: all files or none.

    model, hardware, input, overrides as `pimsim.report.run` takes them.  Files that another layer left in the folder
    stay, but for those of the same names.  Raises a `PimsimError` that names what is wrong with what was given.
    """
    check_installed()
    check_writable(out, FILES)
    machine = load_hardware(hardware, overrides)
    network = load_network(find(MODEL, model))
    layer_index(network, layer)  # a wrong name is told before the network is executed
    found = resolve(network, network_hash(network), input, crop.samples)
    trace = trace_for(network, machine, found, threads or os.cpu_count() or 1, None).trace
    try:
        case = layer_case(network, machine, trace, layer, crop)
    except MappingError as error:
        raise type(error)(f'hardware "{machine.name}": {error}') from None
    try:
        emitted = emit(case, synthesis=synthesis)
    except HardwareError as error:
        raise HardwareError(f'hardware "{machine.name}": {error}') from None
    write_together(out, {name: text.encode() for name, text in emitted.files.items()}, ours=FILES)
    return emitted
