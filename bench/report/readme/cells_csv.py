"""table.csv: the figures of each row of the published run, for a spreadsheet."""

import csv
import io

from table import Table

COLUMNS = (
    "row",
    "ns",  # of an allocation, the median over layouts
    "ns_low",
    "ns_high",
    "over_pool",  # its time over the pool's
    "over_pool_low",
    "over_pool_high",
    "verdict",
)
DIGITS = ".4g"


def text(table: Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, cell in table.rows():
        rate = cell.rate
        times = (1e9 / end for end in (rate.median, rate.high, rate.low))
        writer.writerow(
            (
                row,
                *(f"{time:{DIGITS}}" for time in times),
                *(f"{end:{DIGITS}}" for end in cell.ratio or ()),
                *([] if cell.ratio else ["", "", ""]),
                cell.verdict,
            )
        )
    return out.getvalue()
