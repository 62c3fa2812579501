"""FHIR over HTTP: the only layer that knows Flask.

`application.create_flask_app` is what the composition root needs. Nothing is imported here, so that the process that
only starts and watches the workers loads the logs without Flask.

https://hl7.org/fhir/R4/http.html
"""
