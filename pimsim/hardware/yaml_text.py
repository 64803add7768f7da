"""YAML text → plain Python values, with duplicate keys refused."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from pimsim.errors import HardwareError

_Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is ten times faster


class _Loader(_Base):  # type: ignore[misc, valid-type]
    """Safe loader that keeps no silent winner among equal keys."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: dict[Hashable, int] = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise HardwareError(f"line {line}: key {key!r} is not text; quote it")
        if key in seen:
            raise HardwareError(f'line {line}: key "{key}" is given twice, first on line {seen[key]}')
        seen[key] = line
    loader.flatten_mapping(node)
    return {loader.construct_object(k, deep=True): loader.construct_object(v, deep=True) for k, v in node.value}


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def parse(text: str) -> object:
    """The value that ``text`` denotes; raises HardwareError with a line number on bad YAML or a repeated key."""
    try:
        return yaml.load(text, Loader=_Loader)
    except HardwareError:
        raise
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise HardwareError(f"{where}not valid YAML: {error.problem or error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise HardwareError(f"not valid YAML: {' '.join(str(error).split())}") from None
