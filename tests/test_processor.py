"""The fields of Linux's table of processors."""

from pathlib import Path

from attnrun.processor import told


def test_the_first_value_of_a_field(tmp_path: Path) -> None:
    table = tmp_path / "cpuinfo"
    table.write_text(
        "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: A: B\nmodel\t: 17\n\nvendor_id\t: other\n"
    )
    assert told("vendor_id", table) == "AuthenticAMD" and told("model name", table) == "A: B"
    assert told("model", table) == "17"


def test_a_field_or_a_table_that_is_not_there(tmp_path: Path) -> None:
    table = tmp_path / "cpuinfo"
    table.write_bytes(b"BogoMIPS\t: 48.00\n\xff\n")  # as on ARM, and no text
    assert told("vendor_id", table) == "" and told("vendor_id", tmp_path / "none") == ""
