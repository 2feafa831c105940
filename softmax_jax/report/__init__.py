"""A training run as one HTML page.

report      `write_report`
evaluation  the rows that it evaluates a fit by, and the metrics of each class
judged      metrics, mistakes, confusion and calibration as parts of a page
page        a page that needs nothing else
"""

from softmax_jax.report.report import write_report

__all__ = ["write_report"]
