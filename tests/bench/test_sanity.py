"""What `make sanity` publishes: a refused grade is a line with its reason, a part replaces its lines."""
import pytest

import sanity

CURVE = {"name": "mprt", "data": {"series": [{"y": [0.9, 0.4, 0.1]}]}}
MEASURED = {"grades": [{"id": "mprt", "value": 0.4, "curve": "mprt"}, {"id": "randomlogit", "value": -0.2}],
            "artifacts": [CURVE], "cost": {"forwards": 2, "backwards": 3}}


def test_a_measured_result_has_curve_other_class_and_cost():
    assert sanity.read(MEASURED) == ([0.9, 0.4, 0.1], -0.2, 8)


@pytest.mark.parametrize("refused", [0, 1])
def test_a_refused_grade_tells_its_reason(refused):
    grades = list(MEASURED["grades"])
    grades[refused] = {"id": grades[refused]["id"], "value": None, "reason": "there is no map"}
    with pytest.raises(sanity.Failed, match="^there is no map$"):
        sanity.read({**MEASURED, "grades": grades})


def found(mean):
    return {"values": [0.9, mean, -0.001, -0.25], "runs": 6, "cost": 2}


def test_the_page_begins_with_what_notices_least_and_ends_with_what_was_not_measured():
    text = sanity.write(*sanity.lines_of({"rise": found(0.1), "lrp": found(0.6)}, {"ram": "a regression's"}), 50)
    assert text.index("| `lrp` | 0.90 | 0.60 | 0.00 | -0.25 | 6 |  |\n") < text.index("| `rise` | 0.90 | 0.10 |")
    assert "| 6 | masks 100 |" in text
    assert text.endswith("\nNot measured:\n- `ram`: a regression's\n")


def test_a_part_of_the_methods_replaces_its_lines_alone():
    page = sanity.write(*sanity.lines_of({"rise": found(0.1), "lrp": found(0.6)}, {"ram": "old", "sag": "kept"}), 50)
    again = sanity.lines_of({"rise": found(0.2), "ram": found(0.3)}, {"lrp": "refused"})
    table, without = sanity.merged(page, *again)
    text = sanity.write(table, without, 50)
    assert [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")] == ["ram", "rise"]
    assert text.endswith("\nNot measured:\n- `sag`: kept\n- `lrp`: refused\n")


def test_the_page_in_the_tree_is_read_back_as_it_is():
    page = sanity.PAGE.read_text(encoding="utf-8")
    table, without = sanity.lines_on(page)
    assert page.endswith(sanity.write(table, without, 50).split("|---|\n")[-1])
    assert len(table) > 40 and not set(table) & set(without)
