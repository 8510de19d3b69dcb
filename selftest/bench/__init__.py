"""
``make bench``: time, memory, and requests to the first finding, beside Schemathesis and the limit of the machine.

:mod:`parts` says what is measured, :mod:`processes` how, :mod:`figures` what is kept, and :mod:`page` what is shown of it.
:mod:`peer` stands beside it: what Schemathesis finds on the targets of the proof.
"""
