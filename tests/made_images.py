"""Small image sets on disk, in every form that is read."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

CLASSES = ("ant", "bee", "cow")
CIFAR10_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))


def pixels(count: int, *, seed: int = 0, edge: int = 32) -> Pixels:
    """Random images (N, 3, edge, edge)."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3, edge, edge), np.uint8)


def record(labels: tuple[int, ...], image: Pixels) -> bytes:
    """Of the binary version: label bytes, then all red, all green, all blue, each row by row."""
    return bytes(labels) + image.tobytes()


def cifar10(folder: Path, train: Pixels, test: Pixels, names: tuple[str, ...] = CLASSES) -> Path:
    """A binary version: image i has label i mod classes, images lie on the five files in turn."""
    folder.mkdir(parents=True)
    (folder / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    batches: list[list[bytes]] = [[] for _ in CIFAR10_TRAIN]
    for index, image in enumerate(train):
        batches[index % 5].append(record((index % len(names),), image))
    for name, batch in zip(CIFAR10_TRAIN, batches, strict=True):
        (folder / name).write_bytes(b"".join(batch))
    (folder / "test_batch.bin").write_bytes(b"".join(record((i % len(names),), x) for i, x in enumerate(test)))
    return folder


def cifar100(folder: Path, train: Pixels, test: Pixels) -> Path:
    """A binary version: image i has the fine label i mod 3 and the coarse label i mod 2."""
    folder.mkdir(parents=True)
    (folder / "fine_label_names.txt").write_text("\n".join(CLASSES))
    (folder / "coarse_label_names.txt").write_text("insect\nmammal\n")
    for name, images in (("train.bin", train), ("test.bin", test)):
        (folder / name).write_bytes(b"".join(record((i % 2, i % 3), image) for i, image in enumerate(images)))
    return folder


def encoded(
    image: Pixels, kind: str = "png", mode: str = "RGB", *, transparency: int | tuple[int, int, int] | None = None
) -> bytes:
    """One image (3, H, W) as a file, in which one colour may be ``transparency``."""
    stream = io.BytesIO()
    picture = Image.fromarray(image.transpose(1, 2, 0)).convert(mode)
    picture.save(stream, {"jpg": "JPEG"}.get(kind, kind), transparency=transparency)
    return stream.getvalue()


def claimed(width: int, height: int) -> bytes:
    """A PNG file whose header claims that size."""
    content = bytearray(encoded(pixels(1)[0]))
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def deep(edge: int) -> bytes:
    """A PNG file of colours of 16 bits, which Pillow reads and cannot write."""
    header = struct.pack(">IIBBBBB", edge, edge, 16, 2, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(edge * (b"\0" + edge * bytes(6))), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )


def by_class(train: Pixels, test: Pixels, kind: str = "png") -> dict[str, bytes]:
    """Files of an image set: image i is of class i mod 3."""
    return {
        f"{side}/{CLASSES[index % 3]}/{index:04d}.{kind}": encoded(image, kind)
        for side, images in (("train", train), ("test", test))
        for index, image in enumerate(images)
    }


def as_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def as_archive(path: Path, files: dict[str, bytes], *others: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in others:
            archive.addfile(member)
    return path
