"""Writes Parquet files whose footers lie: tests/data/lying.

    python tests/oracle/lying.py

Each file is written by pyarrow and then patched: within the footer (the last bytes, of a length that the file's end
states) or within a column's pages. Statistics are 8 little-endian bytes, counts are zigzag varints (Thrift's compact
protocol), so that a value of as many bytes takes another's place.
"""

import datetime
import pathlib
import struct

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parent.parent / "data" / "lying"
ROWS = 1000


def write(name, ages, **options):
    path = FOLDER / name
    table = pa.table({"age": pa.array(ages, pa.int64()), "income": pa.array([float(i % 97) for i in range(ROWS)]),
                      "y": pa.array([i % 2 for i in range(ROWS)], pa.int64())})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=True, **options)
    return path


def patch(path, before, after, times, replaced=-1):
    """Replaces `before` in the footer, which must occur so often; only the first `replaced` of them, if given."""
    assert len(before) == len(after)
    data = path.read_bytes()
    length = struct.unpack("<I", data[-8:-4])[0]
    start = len(data) - 8 - length
    footer = data[start:-8]
    assert footer.count(before) == times, (path, footer.count(before))
    path.write_bytes(data[:start] + footer.replace(before, after, replaced) + data[-8:])


def varint(value):
    value *= 2
    return bytes([value & 0x7F | 0x80, value >> 7])


def int64(value):
    return struct.pack("<q", value)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    honest = [18 + i % 60 for i in range(ROWS)]
    write("honest.parquet", honest)
    nulls = 437

    # Every row holds -999; the footer says 18 to 77.
    path = write("bounds.parquet", [-999 if i else -998 for i in range(ROWS)])
    patch(path, int64(-999), int64(18), 2)
    patch(path, int64(-998), int64(77), 2)

    # 437 rows are null; the footer says none.
    path = write("nulls.parquet", [None if i < nulls else value for i, value in enumerate(honest)])
    patch(path, varint(nulls), bytes([0x80, 0x00]), 2, 1)  # the second is a histogram's

    # Both: the sample of the issue.
    path = write("both.parquet", [None if i < nulls else -999 for i in range(ROWS)])
    patch(path, int64(-999), int64(18), 4)
    patch(path, varint(nulls), bytes([0x80, 0x00]), 2, 1)  # the second is a histogram's

    # 1,000 rows; the file says 5,000, its row group 1,000.
    path = write("rows.parquet", honest)
    data = path.read_bytes()
    length = struct.unpack("<I", data[-8:-4])[0]
    start = len(data) - 8 - length
    at = data.index(varint(ROWS), start)
    path.write_bytes(data[:at] + varint(5000) + data[at + 2:])
    assert pq.ParquetFile(path).metadata.num_rows == 5000

    # Row 500 of `when` is later than all others; the row group says that the column is sorted.
    path = FOLDER / "sorted.parquet"
    start = datetime.datetime(2026, 1, 1)
    when = [start + datetime.timedelta(days=200 if i == 500 else 0, minutes=i) for i in range(ROWS)]
    table = pa.table({"when": pa.array(when, pa.timestamp("us")), "age": pa.array(honest, pa.int64()), "y": pa.array([i % 2 for i in range(ROWS)], pa.int64())})
    pq.write_table(table, path, compression="none", sorting_columns=[pq.SortingColumn(0)])

    # Honest: times are stored in another unit than the Arrow schema beside them names.
    for name, unit, options in [("ns_as_ms", "ns", {"coerce_timestamps": "ms"}), ("ns_as_us", "ns", {"version": "2.4"}),
                                ("us_as_ms", "us", {"coerce_timestamps": "ms"})]:
        when = pa.array([datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=i) for i in range(ROWS)], pa.timestamp(unit))
        table = pa.table({"when": when, "y": pa.array([i % 2 for i in range(ROWS)], pa.int64())})
        pq.write_table(table, FOLDER / f"{name}.parquet", **options)

    # Honest and hostile: 2,000 texts of a megabyte in 90 kB.
    table = pa.table({"text": pa.array(["x" * 1_000_000] * 2000), "y": pa.array([0] * 2000, pa.int64())})
    pq.write_table(table, FOLDER / "bomb.parquet", compression="zstd", use_dictionary=False, row_group_size=2000, data_page_size=1 << 30)

    # The same, and the footer says that it decompresses to 127 bytes.
    path = FOLDER / "hidden_bomb.parquet"
    path.write_bytes((FOLDER / "bomb.parquet").read_bytes())
    size = pq.ParquetFile(path).metadata.row_group(0).column(0).total_uncompressed_size * 2
    long = bytes(size >> shift & 0x7F | (0x80 if size >> shift > 0x7F else 0) for shift in range(0, 64, 7) if size >> shift)
    patch(path, long, bytes([0xFE] + [0x80] * (len(long) - 2) + [0x00]), 1)

    # The pages of `age` are no pages.
    path = write("pages.parquet", honest)
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    data = bytearray(path.read_bytes())
    data[column.data_page_offset : column.data_page_offset + column.total_compressed_size] = bytes([0xFF]) * column.total_compressed_size
    path.write_bytes(data)


if __name__ == "__main__":
    main()
