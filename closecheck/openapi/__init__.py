"""
A published OpenAPI document against the contract, without a server: requirement by requirement the same, looser, stricter, missing.

::

    documents <- schemas <- {carriers, published} <- places <- {bodies, answers, operation} <- comparing
    probes, result <- places                         result <- rendering

A requirement is compared if a question turns on it that the contract's own document answers as the contract does
(:mod:`closecheck.openapi.probes`), or if it is read off the operation around the bodies (:mod:`closecheck.openapi.operation`).
"""
