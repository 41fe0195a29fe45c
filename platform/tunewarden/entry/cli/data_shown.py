"""A data report for people, on a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tunewarden.domain.data_report import FEWEST_PERSONS, Form
from tunewarden.drivers.data_checking import Checked
from tunewarden.entry.report.described import Section, sections


def show(found: Checked, repeating: str | None, console: Console) -> None:
    """All tables that apply, and what registration would refuse; `repeating` texts where they were looked for."""
    report = found.report
    console.print(f"{report.rows:,} rows of {report.persons:,} persons, in the form {report.form}.")
    for section in sections(report):
        console.print(_table(section))
    console.print(f"Held back: fewer than {FEWEST_PERSONS} persons stand behind it, or it would tell who does.")
    if report.form is Form.PREFERENCES:
        console.print("Preference pairs are checked here and cannot be trained on yet.")
    if repeating is not None:
        console.print(f"Texts that are nearly an earlier one (80 % of the runs of three words): {repeating}.")
    if found.blank_rows:
        rows = ", ".join(str(row) for row in found.first_blank)
        more = " ..." if found.blank_rows > len(found.first_blank) else ""
        console.print(f"Registration would refuse {found.blank_rows:,} rows with a blank part: {rows}{more}")


def _table(section: Section) -> Table:
    table = Table(title=section.title, title_justify="left")
    table.add_column(section.unit)
    table.add_column("rows", justify="right")
    table.add_column("persons", justify="right")
    for cell in section.cells:
        table.add_row(escape(cell.name), cell.rows, cell.persons)
    return table
