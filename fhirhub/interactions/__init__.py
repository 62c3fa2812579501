"""The interactions of the RESTful API, one file each, and the table that routes to them.

https://hl7.org/fhir/R4/http.html
"""
