"""What happens after the response: changes are handed to plugins, jobs are done.

docs/how-it-works/worker.md
"""

from fhirhub.worker.drain import drain

__all__ = ["drain"]
