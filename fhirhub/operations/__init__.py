"""Operations: which there are, and how their parameters are read.

https://hl7.org/fhir/R4/operations.html
"""
