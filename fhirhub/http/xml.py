"""FHIR XML: resources from XML and to XML, without loss.

https://hl7.org/fhir/R4/xml.html

What JSON -> XML -> JSON keeps: everything a FHIR client can see, every digit of a decimal, the order of repeating
elements. What it brings into one form: the order of keys (that of the definitions), and inside a narrative the things
XML itself does not distinguish (quotes around attributes, character references, CDATA, line ends, `<td/>` and
`<td></td>`, the prefix of the XHTML namespace). Comments outside a narrative are no content.
"""

from fhirhub.http.xml_read import from_xml
from fhirhub.http.xml_write import to_xml

__all__ = ["from_xml", "to_xml"]
