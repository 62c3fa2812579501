"""Loading data from files into the database: Bundles, resources, NDJSON, folders and archives of them.

https://hl7.org/fhir/R4/bundle.html, https://hl7.org/fhir/R4/nd-json.html
"""

from fhirhub.loading.chunks import Block, Chunk, chunked
from fhirhub.loading.pool import Event, load
from fhirhub.loading.report import Summary, outcome, sentences
from fhirhub.loading.results import Done, Place, Refusal, Skipped
from fhirhub.loading.sources import File, find, read
from fhirhub.loading.worker import Job

__all__ = [
    "Block",
    "Chunk",
    "Done",
    "Event",
    "File",
    "Job",
    "Place",
    "Refusal",
    "Skipped",
    "Summary",
    "chunked",
    "find",
    "load",
    "outcome",
    "read",
    "sentences",
]
