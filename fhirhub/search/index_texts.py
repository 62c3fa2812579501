"""What a value is called: the texts the modifier `:text` of token and reference parameters is about.

https://hl7.org/fhir/R4/search.html#token
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from fhirhub.model.json import Json
from fhirhub.search.collector import Collector, Pairs
from fhirhub.search.keys import string_key


def _display(value: Json) -> Iterator[str]:
    if display := value.get("display"):
        yield display


def _concept(value: Json) -> Iterator[str]:
    if text := value.get("text"):
        yield text
    for coding in value.get("coding", ()):
        if display := coding.get("display"):
            yield display


def _identifier(value: Json) -> Iterator[str]:
    return _concept(value.get("type", {}))


def _extension(value: Json) -> Iterator[str]:
    for name, read in _IN_EXTENSIONS.items():
        if name in value:
            yield from read(value[name])


Texts = Callable[[Any], Iterator[str]]

_READERS: Final[Mapping[str, Texts]] = MappingProxyType(
    {"CodeableConcept": _concept, "Coding": _display, "Identifier": _identifier, "Reference": _display}
)
_IN_EXTENSIONS: Final = MappingProxyType({f"value{name}": read for name, read in _READERS.items()})
_ALL: Final = MappingProxyType({**_READERS, "Extension": _extension})

TEXTS: Final[Mapping[str, Mapping[str, Texts]]] = MappingProxyType({"token": _ALL, "reference": _ALL})
"""By type of the parameter and type of the value; all others have no texts."""


def put_texts(code: str, texts: Mapping[str, Texts], values: Pairs, into: Collector) -> None:
    """Add the keys of what the values of a parameter are called."""
    for type_name, value in values:
        read = texts.get(type_name)
        if read is not None:
            for text in read(value):
                into.tokens[f"{code}:text={string_key(text)}"] = None
