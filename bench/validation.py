"""What validation costs per resource, against the bare parse of the same bytes and against fhir.resources.

`python -m bench.validation [BUNDLE…]` takes Bundles in JSON (also `.bz2`); without any it takes the demo data.
Figures are CPU time of this thread per resource, the best of a few passes over many different resources.
"""

import bz2
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec

from fhirhub.demo import generate
from fhirhub.model.json import Json, decode, encode
from fhirhub.validation import validate_resource

PASSES: Final = 5
MOST_OF_A_TYPE: Final = 2000
MOST_FOR_MODELS: Final = 100

_parse: Final = msgspec.json.Decoder(float_hook=Decimal).decode


def main(paths: list[str]) -> None:
    """Print a line for each resource type found, and one for all."""
    by_type: dict[str, list[bytes]] = defaultdict(list)
    for bundle in _bundles(paths):
        for entry in bundle["entry"]:
            resource = entry["resource"]
            if len(by_type[resource["resourceType"]]) < MOST_OF_A_TYPE:
                by_type[resource["resourceType"]].append(encode(resource))
    print(
        f"{'type':<24}{'count':>6}{'bytes':>7}{'parse µs':>10}{'ours µs':>10}{'ratio':>8}{'models µs':>11}{'ratio':>8}"
    )
    totals = [0.0, 0.0]
    for resource_type, sources in sorted(by_type.items()):
        resources = [_parse(source) for source in sources]
        parse, ours = _cost(_parse, sources), _cost(_validate, resources)
        models = _cost(_model(resource_type), resources[:MOST_FOR_MODELS])
        totals[0] += parse * len(sources)
        totals[1] += ours * len(sources)
        size = sum(map(len, sources)) // len(sources)
        print(
            f"{resource_type:<24}{len(sources):>6}{size:>7}{parse:>10.1f}{ours:>10.1f}{ours / parse:>7.1f}x"
            f"{models:>11.1f}{models / ours:>7.1f}x"
        )
    print(f"all: {totals[1] / totals[0]:.1f} x the parse")


def _bundles(paths: list[str]) -> Iterator[Json]:
    if not paths:
        yield from generate(40)
    for name in paths:
        path = Path(name)
        content = path.read_bytes()
        yield decode(bz2.decompress(content) if path.suffix == ".bz2" else content)


def _validate(resource: Json) -> None:
    issues = validate_resource(resource, allow_conditional_references=True)
    if issues:
        raise ValueError(f"not valid: {issues[0]}")


def _model(resource_type: str) -> Callable[[Json], Any]:
    module = import_module(f"fhir.resources.R4B.{resource_type.lower()}")
    validate: Callable[[Json], Any] = getattr(module, resource_type).model_validate
    return validate


def _cost(work: Callable[[Any], object], items: list[Any]) -> float:
    """Return the least CPU time of one item in microseconds."""
    passes = []
    for _ in range(PASSES):
        start = time.thread_time()
        for item in items:
            work(item)
        passes.append(time.thread_time() - start)
    return min(passes) / len(items) * 1e6


if __name__ == "__main__":
    main(sys.argv[1:])
