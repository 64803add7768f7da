"""Hyperspectral scenes (a cube, labels of its pixels, patches around them, a split) and image sets; no torch."""

from pimsim.scenes.division import Division, divide
from pimsim.scenes.image_load import is_image_set, load_images
from pimsim.scenes.image_set import ImageSet, channel_statistics
from pimsim.scenes.load import load_scene
from pimsim.scenes.overlap import Overlap
from pimsim.scenes.patches import Patches, extract_patches
from pimsim.scenes.scene import Scene
from pimsim.scenes.split import Split, chosen_split
from pimsim.scenes.split_file import SplitFile
from pimsim.scenes.statistics import band_statistics
from pimsim.scenes.stratified import stratified_split
from pimsim.scenes.trained import trained_division, trained_form

__all__ = [
    "Division",
    "ImageSet",
    "Overlap",
    "Patches",
    "Scene",
    "Split",
    "SplitFile",
    "band_statistics",
    "channel_statistics",
    "chosen_split",
    "divide",
    "extract_patches",
    "is_image_set",
    "load_images",
    "load_scene",
    "stratified_split",
    "trained_division",
    "trained_form",
]
