"""What must be true: the requirements, the OpenAPI document, and the requests that follow from them. Reads ``spec/``, sends nothing."""
