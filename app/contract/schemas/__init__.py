"""Requests and answers of the HTTP interface, as clients see them. OpenAPI is generated from these records."""
