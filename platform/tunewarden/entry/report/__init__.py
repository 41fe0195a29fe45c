"""The lineage report: HTML for people and the canonical summary that lies in the bundle beside it.

Both are pure functions of the log and of the documents it names: the same state gives the same bytes.
"""

from tunewarden.entry.report.descendants import render_descendants
from tunewarden.entry.report.difference import difference
from tunewarden.entry.report.render import render_difference, render_html
from tunewarden.entry.report.summary import summary

__all__ = ["difference", "render_descendants", "render_difference", "render_html", "summary"]
