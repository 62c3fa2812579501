"""`fhirhub demo`: the server with an invented population in it, and requests to try.

https://hl7.org/fhir/R4/http.html
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from shlex import quote
from typing import Final

from fhirhub.cli.database import database
from fhirhub.cli.load import opener
from fhirhub.cli.serve import listening, serve_until_stopped
from fhirhub.cli.telling import Teller, stopping
from fhirhub.demo import Example, chosen_examples, generate
from fhirhub.demo.bundles import SEED, UNTIL
from fhirhub.demo.people import draw_person
from fhirhub.demo.trajectories import live
from fhirhub.hooks.discovery import bundled
from fhirhub.http.xml import from_xml
from fhirhub.hub import Hub, open_hub
from fhirhub.loading import Block, Job, chunked, load
from fhirhub.model.agent import SYSTEM
from fhirhub.model.json import Json, encode
from fhirhub.search.filter import All
from fhirhub.settings import ConfigurationError, Settings
from fhirhub.worker.drain import drain

INTERRUPTED: Final = 130
_EVERYONE: Final = Example("", "three of the people", "Patient?_count=3&_pretty=true")


def run(settings: Settings, namespace: argparse.Namespace) -> int:
    """Load the population where it is not there yet, then serve until Ctrl-C.

    Unless the settings name plugins, all bundled ones are enabled.
    """
    patients, years = namespace.patients, namespace.years
    if settings.mongodb_uri is not None and "mongodb_uri" not in namespace:
        raise ConfigurationError(
            "The demo puts invented people into the database, and FHIRHUB_MONGODB_URI may name one with real ones. "
            "Unset it, or name the database of the demo with --mongodb-uri."
        )
    settings = replace(settings, plugins=settings.plugins or bundled())
    with listening(settings) as (named, listener), database(named, revive=True) as ready:
        open_target = opener(ready)
        with closing(open_hub(ready)) as hub:
            missing = missing_people(hub, patients, years)
            if missing:
                _refuse_mixing(hub, settings)
        if missing and (status := _load(open_target, missing, patients, years)):
            return status
        with closing(open_hub(ready)) as hub:
            if missing:
                sys.stderr.write("fhirhub: telling the plugins of it.\n")
            hub.start()
            # A worker would, too; but what plugins make of the population is to be there when the server is.
            drain(hub)
            counts, tags = counts_by_type(hub), counts_by_tag(hub)
        examples = (_EVERYONE, *chosen_examples(patients, years=years))
        return serve_until_stopped(ready, listener, on_ready=partial(_welcome, counts, tags, examples))


def missing_people(hub: Hub, patients: int, years: int) -> frozenset[int]:
    """Return the numbers of the people who are not in the database, or not with so many years.

    A deleted Patient counts as there: who deletes one does not want it back at the next start.
    """
    return frozenset(
        number
        for number in range(1, patients + 1)
        if any(hub.call.find.current(*key) is None for key in landmarks(number, years))
    )


def landmarks(number: int, years: int) -> Iterator[tuple[str, str]]:
    """Yield type and id of two resources that tell whether the record of a person is there: the Patient and the
    Encounter of the earliest checkup. The rest came with them, in one transaction."""
    person = draw_person(SEED, number, UNTIL)
    yield "Patient", person.id
    yield "Encounter", f"{person.id}-{live(person, SEED, UNTIL, years).checkups[0].day.year}"


def counts_by_type(hub: Hub) -> dict[str, int]:
    """Return how many resources of each type the database holds, the most frequent first."""
    counts = {name: hub.call.find.count(name, All()) for name in hub.database.collections.in_use()}
    return dict(sorted(((name, count) for name, count in counts.items() if count), key=lambda row: (-row[1], row[0])))


def counts_by_tag(hub: Hub) -> dict[str, int]:
    """Return how many people have each Flag that is active, the most frequent first."""
    flags = hub.hub_for(SYSTEM).search("Flag")
    counts = Counter(_name_of(flag["code"]) for flag in flags if flag["status"] == "active")
    return dict(sorted(counts.items(), key=lambda row: (-row[1], row[0])))


def _name_of(concept: Json) -> str:
    displayed = (coding["display"] for coding in concept.get("coding", ()) if "display" in coding)
    return " · ".join(dict.fromkeys([*([concept["text"]] if "text" in concept else []), *displayed]))


def _refuse_mixing(hub: Hub, settings: Settings) -> None:
    """Raise ConfigurationError when the database holds something, but nothing of the demo."""
    hospital = next(generate(0))["entry"][0]["resource"]
    if hub.call.find.current(hospital["resourceType"], hospital["id"]) is None and counts_by_type(hub):
        where = f"in {settings.data}" if settings.mongodb_uri is None else f"{settings.database!r}"
        raise ConfigurationError(
            f"The database {where} holds other data, among which the demo would put invented people. "
            "Give the demo a folder of its own: --data DIR."
        )


def _load(open_target: partial[Hub], missing: frozenset[int], patients: int, years: int) -> int:
    """Load the records of the missing people; return an exit status, 0 when all is in."""
    sys.stderr.write(f"fhirhub: loading an invented population of {patients} people; the next start is quick.\n")
    with stopping() as stop:
        teller = Teller(len(missing) + 1, " records")
        job = Job(open_target, from_xml, workers=os.cpu_count() or 1)
        teller.follow(load(chunked(_blocks(missing, patients, years)), job, stop=stop))
    if stop.is_set() and teller.stopped is None:
        return INTERRUPTED
    return 1 if teller.stopped is not None or teller.summary.refusals else 0


def _blocks(missing: frozenset[int], patients: int, years: int) -> Iterator[Block]:
    for number, bundle in enumerate(generate(patients, years=years)):
        # Number 0 is the hospital, to which all records refer.
        if number == 0 or number in missing:
            yield Block(f"demo record {number}", encode(bundle), "json", weight=1, leads=number == 0)


def _welcome(counts: Mapping[str, int], tags: Mapping[str, int], examples: tuple[Example, ...], url: str) -> None:
    lines = [f"fhirhub ready at {url}", ""]
    width = max(map(len, counts), default=0)
    lines += [f"  {name:{width}}  {count:>7,}" for name, count in counts.items()]
    if tags:
        lines += ["", "Tags that plugins have set (Flags), and how many people have them:"]
        lines += [f"  {count:>7,}  {name}" for name, count in tags.items()]
    lines += ["", "Try in another terminal (Ctrl-C here ends everything):"]
    for example in examples:
        lines += ["", f"  # {example.title}", f"  curl {quote(f'{url}/{example.path}')}"]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
