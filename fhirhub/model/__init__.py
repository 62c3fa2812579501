"""Plain data that every layer speaks: requests, responses, references, JSON.

https://hl7.org/fhir/R4/http.html
"""
