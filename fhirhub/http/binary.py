"""Binary in its native form: any content in, the same content out.

https://hl7.org/fhir/R4/binary.html#rest
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from fhirhub.errors import FhirError
from fhirhub.http.body import parse_resource
from fhirhub.http.fields import MediaType, parse_media_type
from fhirhub.http.negotiation import FHIR_TYPES, RESOURCE_TYPES
from fhirhub.model.json import Json, decode_trusted

OCTETS = "application/octet-stream"


def is_binary_write(method: str, path: tuple[str, ...]) -> bool:
    """Whether a request writes a Binary, so that its body may be any content."""
    return path[:1] == ("Binary",) and ((method == "POST" and len(path) == 1) or (method == "PUT" and len(path) <= 2))


def is_binary_read(method: str, path: tuple[str, ...]) -> bool:
    """Whether a request reads a Binary or a version of one."""
    return (
        path[:1] == ("Binary",)
        and method in ("GET", "HEAD")
        and (len(path) == 2 or (len(path) == 4 and path[2] == "_history"))
        and path[1][:1] not in ("_", "$")
    )


def read_binary(data: bytes, media_type: MediaType, environ: Mapping[str, Any], path: tuple[str, ...]) -> Json:
    """Return the Binary of a request: the body where it is a resource of that type, else one that holds the body.

    Raises FhirError for a body that says it is FHIR and cannot be read.
    """
    if media_type.essence in RESOURCE_TYPES:
        try:
            resource: Json = parse_resource(data, media_type)
        except FhirError:
            # Who says FHIR has to send FHIR; application/json or text/xml may be any document.
            if media_type.essence in FHIR_TYPES:
                raise
        else:
            if resource.get("resourceType") == "Binary":
                return resource
    # A code has no blanks but single ones inside.
    binary: Json = {"resourceType": "Binary", "contentType": " ".join(environ["CONTENT_TYPE"].split())}
    if len(path) == 2:
        binary["id"] = path[1]
    if context := environ.get("HTTP_X_SECURITY_CONTEXT", "").strip():
        binary["securityContext"] = {"reference": context}
    binary["data"] = base64.b64encode(data).decode("ascii")
    return binary


def unwrap(body: bytes) -> tuple[bytes, dict[str, str]] | None:
    """Return the content of a Binary as stored and the headers that belong to it; None for another resource."""
    resource = decode_trusted(body)
    if resource.get("resourceType") != "Binary":
        return None
    try:
        # White space may stand anywhere in base64Binary.
        content = base64.b64decode("".join(resource.get("data", "").split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    said = resource.get("contentType", "")
    headers = {
        "Content-Type": said if said.isascii() and said.isprintable() and parse_media_type(said) else OCTETS,
        # Content of unknown origin is never shown within the origin of the server.
        "Content-Disposition": "attachment",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    context = resource.get("securityContext", {}).get("reference", "")
    if context and context.isascii() and context.isprintable():
        headers["X-Security-Context"] = context
    return content, headers
