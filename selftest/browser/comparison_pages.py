"""Pages of several runs by name, each made when it is called for."""

import sample_runs

from closecheck.reports import difference_html, matrix_html
from closecheck.reports.difference import difference
from closecheck.reports.matrix import matrix


def three():
    """Return a matrix of three targets, the last of them interrupted."""
    return matrix([sample_runs.SAMPLES[one]() for one in ("conformant", "findings", "interrupted")])


def seven():
    """Return a matrix of every sample, the hostile one among them."""
    return matrix([make() for make in sample_runs.SAMPLES.values()])


PAGES = {
    "matrix": lambda: matrix_html.render(three()),
    "matrix-of-seven": lambda: matrix_html.render(seven()),
    "difference": lambda: difference_html.render(difference(sample_runs.interrupted(), sample_runs.findings())),
    "difference-hostile": lambda: difference_html.render(difference(sample_runs.findings(), sample_runs.hostile())),
}
