"""The figures as a table."""

from collections.abc import Sequence

from tests.benchmarks.measurement import Measurement

HEADER = ("what", "value", "unit", "beside", "its value", "ratio", "")


def table(measurements: Sequence[Measurement]) -> str:
    """A line for each figure, columns aligned, numbers to the right."""
    rows = [HEADER, *map(_row, measurements)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    right = {1, 4, 5}
    lines = (
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Three digits that count, such as ``0.0123``, ``12.3`` or ``12,300``; nothing for None."""
    if value is None:
        return ""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 1000 else f"{rounded:#.3g}".removesuffix(".")


def _row(measurement: Measurement) -> tuple[str, ...]:
    return (
        measurement.name,
        number(measurement.value),
        measurement.unit,
        measurement.limit_name,
        number(measurement.limit),
        number(measurement.ratio),
        measurement.note,
    )
