"""`fhirhub demo`: the server with an invented population in it, and requests to try.

https://hl7.org/fhir/R4/http.html
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Final

from fhirhub.app import Hub, open_hub
from fhirhub.cli.database import database
from fhirhub.cli.load import opener
from fhirhub.cli.serve import listening, serve_until_stopped
from fhirhub.cli.telling import Teller, stopping
from fhirhub.definitions import r4
from fhirhub.demo import chosen_examples, generate
from fhirhub.http.xml import from_xml
from fhirhub.loading import Block, Chunk, Job, load
from fhirhub.model.json import encode
from fhirhub.search.filter import All
from fhirhub.settings import Settings

INTERRUPTED: Final = 130
