"""Published splits: maps of a scene that mark the pixels of one side."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from pimsim.errors import MissingFileError, SceneError
from pimsim.scenes.arrays import SUFFIXES, pick, read_arrays, whole_numbers
from pimsim.scenes.load import FOLDER_VARIABLE, folders_of
from pimsim.scenes.neighbourhood import BoolMap


@dataclass(frozen=True)
class SplitFile:
    """A ``.mat`` or ``.npy`` file with one map (H, W), 0 where a pixel is not of this side.

    name    path, or a bare name that is looked up like a scene's
    sha256  of the file's bytes, 64 hexadecimal digits; empty takes any content
    """

    name: str
    sha256: str = ""

    def read(self, shape: tuple[int, ...]) -> tuple[SplitFile, BoolMap]:
        """The file as found, with its hash and without its folder, and the pixels that it marks.

        Which class the file gives a pixel is not read: published files number classes in orders of their own.
        Raises MissingFileError; SceneError for a file of other content than the hash says, or another size.
        """
        path = self._find()
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise SceneError(f'"{path}" cannot be read: {error.strerror or error}') from error
        if self.sha256 and found != self.sha256:
            raise SceneError(f'"{path}" has SHA-256 {found[:12]}…, the split was made with {self.sha256[:12]}…')
        marks = whole_numbers(pick(read_arrays(path), 2, path, role="the split (height, width)"), path)
        if marks.shape != shape:
            raise SceneError(f'"{path}": a split of {marks.shape} pixels does not fit a scene of {tuple(shape)}')
        if int(marks.min()) < 0:
            raise SceneError(f'"{path}": {int(marks.min())} is negative; 0 stands for pixels of the other side')
        return replace(self, name=path.name, sha256=found), marks > 0

    @property
    def found_name(self) -> str:
        """The file's name as it lies there, without its folder; as given where there is none."""
        path = self._path()
        return Path(self.name).name if path is None else path.name

    def _find(self) -> Path:
        path = self._path()
        if path is None:
            raise MissingFileError(f'split "{self.name}" does not exist in the folder given or in ${FOLDER_VARIABLE}')
        return path

    def _path(self) -> Path | None:
        given = Path(self.name)
        for folder in folders_of(given):
            for name in (given.name, *(given.name + suffix for suffix in SUFFIXES)):
                if (folder / name).is_file():
                    return folder / name
        return None
