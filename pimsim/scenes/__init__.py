"""Hyperspectral scenes: a cube, labels of its pixels, patches around them, and a split; no torch."""

from pimsim.scenes.load import load_scene
from pimsim.scenes.patches import Patches, extract_patches
from pimsim.scenes.scene import Scene
from pimsim.scenes.split import stratified_split
from pimsim.scenes.statistics import band_statistics

__all__ = ["Patches", "Scene", "band_statistics", "extract_patches", "load_scene", "stratified_split"]
