"""Entry point: every foreseeable failure becomes one line on stderr and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from pimsim import __version__
from pimsim.cli.lazy import LazyGroup
from pimsim.errors import PimsimError

#: bad input; click uses the same code for wrong usage
EXIT_BAD_INPUT = 2
#: 128 + SIGINT, as shells report it
EXIT_INTERRUPTED = 130

COMMANDS = {
    "run": ("pimsim.cli.run", "Cost of a network on a machine, layer by layer."),
    "compare": ("pimsim.cli.compare", "One network on several machines, side by side."),
    "explore": ("pimsim.cli.explore", "The machines of a design space, thousands on one recorded run."),
    "pareto": ("pimsim.cli.pareto", "The best machines of an exploration: those that no other beats in everything."),
    "train": ("pimsim.cli.train", "Train, convert, quantize and export a network (needs pimsim[train])."),
    "evaluate": ("pimsim.cli.evaluate", "Accuracy of a network, class by class, on pixels it was not trained on."),
    "reproduce": (
        "pimsim.cli.reproduce",
        "A table or figure of HYPER-SNN: train what is missing, print it beside the paper's.",
    ),
    "split": ("pimsim.cli.split", "How a scene is parted into training and test, and what their patches share."),
    "verify": ("pimsim.cli.verify", "The simulator beside the RTL description, cycle by cycle (needs pimsim[verify])."),
    "rtl": (
        "pimsim.cli.rtl",
        "Synthesizable Verilog of a layer, with a bench that checks itself (needs pimsim[verify]).",
    ),
    "sensitivity": ("pimsim.cli.sensitivity", "Which knob of an exploration matters."),
    "costs": ("pimsim.cli.costs", "Every number of a cost table with its range and source."),
    "info": ("pimsim.cli.info", "What a model, trace or hardware file holds."),
}


@click.group(
    cls=LazyGroup, lazy=COMMANDS, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="pimsim")
def cli() -> None:
    """Energy, delay and area of quantized spiking networks on processing-in-memory accelerators."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line (``sys.argv`` by default) and exit: 0 done, 2 bad input, 130 interrupted."""
    try:
        sys.exit(cli.main(args=arguments, prog_name="pimsim", standalone_mode=False))
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx else "pimsim"
        _fail(f"{error.format_message()} (see {asked} --help)", error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted", EXIT_INTERRUPTED)
    except (PimsimError, OSError) as error:
        _fail(str(error), EXIT_BAD_INPUT)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    sys.exit(code)
