"""Search without a database: parse a query, extract index entries from a resource, match one against the other.

https://hl7.org/fhir/R4/search.html
"""
