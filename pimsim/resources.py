"""Files that come with pimsim, by bare name: models, hardware files, design spaces, traces, cost tables.

``find(MODEL, "cnn3d_6b")`` gives the same file from the source tree (``models/``) and from an installed
wheel (``pimsim/shipped/models/``).  A path to an existing file always wins over a shipped name.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike, fspath
from pathlib import Path

from pimsim.errors import MissingFileError, PimsimError

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Kind:
    """A sort of shipped file: what messages call it, its folder and its suffix."""

    noun: str
    folder: str
    suffix: str


MODEL = Kind("model", "models", ".npz")
HARDWARE = Kind("hardware file", "hw_configs", ".yaml")
TRACE = Kind("trace", "traces", ".npz")
SPACE = Kind("design space", "hw_configs/spaces", ".yaml")
COST_TABLE = Kind("cost table", "pimsim/cost/tables", ".yaml")


def find(kind: Kind, name: str | PathLike[str]) -> Path:
    """Path of the file that ``name`` means: an existing file, or else a shipped one, suffix optional.

    Raises MissingFileError, which lists what is shipped and names the closest.
    """
    given = Path(name)
    if given.is_file():
        return given
    if len(given.parts) == 1:
        for path in shipped(kind):
            if fspath(name) in (path.name, path.stem):
                return path
    raise MissingFileError(_no_such(kind, fspath(name)))


def shipped(kind: Kind) -> tuple[Path, ...]:
    """Every shipped file of one kind, sorted by name."""
    return tuple(sorted(_folder(kind).glob(f"*{kind.suffix}")))


def read_text(kind: Kind, file: Path, wrong: type[PimsimError], *, most: int | None = None) -> str:
    """A file of at most ``most`` bytes.  Raises ``wrong`` for a larger one or no text, MissingFileError."""
    try:
        if most is not None and (size := file.stat().st_size) > most:
            raise wrong(f"{file.name}: {size} bytes, a {kind.noun} has at most {most}")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise wrong(f"{file.name}: not a text file (UTF-8)") from None
    except OSError as error:
        raise MissingFileError(f'{kind.noun} "{file}" cannot be read: {error.strerror}') from None


def _folder(kind: Kind) -> Path:
    if kind.folder.startswith("pimsim/"):
        return _PACKAGE.parent / kind.folder
    installed = _PACKAGE / "shipped"
    return (installed if installed.is_dir() else _PACKAGE.parent) / kind.folder


def _no_such(kind: Kind, name: str) -> str:
    given = Path(name)
    names = [path.name for path in shipped(kind)]
    wanted = given.name if given.suffix else given.name + kind.suffix
    close = get_close_matches(wanted, names, n=1)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    what = "is a folder, not a file" if name and given.is_dir() else "does not exist"
    return f'{kind.noun} "{name}" {what}{hint} (shipped: {", ".join(names) or "none"})'
