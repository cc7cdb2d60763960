#!/usr/bin/env python3
"""What `make bench` publishes: docs/bench.json, docs/bench.md made of it, and the README's table.

usage: report.py     (makes the documents anew from docs/bench.json, with the reasons of notes.json as they are now)

notes.json: [{"rows": REGEX, "reason": TEXT}], by hand: why a target is missed. The first that finds a row's id counts.
"""
import json
import re
import sys
from pathlib import Path

from rows import MODELS, PEERS, WORKS

HERE, ROOT = Path(__file__).resolve().parent, Path(__file__).resolve().parents[2]
NOTES, JSON, MARKDOWN, README = HERE / "notes.json", ROOT / "docs/bench.json", ROOT / "docs/bench.md", ROOT / "README.md"
OURS = "explaind"
PACKAGES = ("onnxruntime", "openvino", "torch")
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
NOTES_ABOVE = {"explain": [
    "EfficientNet-Lite0, one picture, 2 threads; ours as the service runs it: the model is loaded once, the time is from the "
    "picture's pixels to the values of the map. The libraries have their defaults; of what takes them a minute a stated "
    "part is run, and its time scaled.", ""]}


def number(value: float) -> str:
    """Three digits that say something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(entry: dict) -> str:
    return f"{entry['median']:.2f} ({entry['low']:.2f}..{entry['high']:.2f})"


def verdict(row: dict) -> str:
    """ "reached", "missed", or "" where there is no target or no number."""
    return {True: "reached", False: "missed"}.get(row.get("reached"), "")


def moonshot(row: dict) -> str:
    """What the row dreams of, and whether it is there."""
    if row.get("moonshot") is None:
        return ""
    return f"{row['moonshot']:g}" + {True: ", reached", False: ", missed"}.get(row.get("moonshot_reached"), "")


def cell(entry) -> str:
    """A peer's ratio and value, or why there is none."""
    if entry is None:
        return ""
    if "error" in entry:
        return f"failed: {entry['error']}".replace("|", "\\|")
    return f"{ratio(entry['ratio'])}, {number(entry['median'])}" if "ratio" in entry else number(entry["median"])


def line(row: dict) -> str:
    """One row for the terminal."""
    engines = row["engines"]
    parts = [f"{PEERS.get(name, name)} {cell(entry)}" for name, entry in engines.items() if name != OURS]
    target = f"  target {row['target']:g}: {verdict(row) or 'not measured'}" if row["target"] is not None else ""
    target += f"  moonshot {moonshot(row)}" if moonshot(row) else ""
    return f"{row['id']:28} {cell(engines.get(OURS)):>9} {row['unit']:12}  {'  '.join(parts)}{target}"


def add_reasons(results: dict, notes: list) -> dict:
    """The results, each missed row with its reason if the notes give one."""
    for row in results["rows"]:
        row.pop("reason", None)
        reasons = [note["reason"] for note in notes if re.search(note["rows"], row["id"])]
        if reasons and not row.get("reached", False):
            row["reason"] = reasons[0]
    return results


def where(results: dict) -> str:
    """One sentence: date, machine, versions."""
    m, v = results["machine"], results["versions"]
    versions = ", ".join(f"{name} {version}" for name, version in v.items() if name in PACKAGES)
    return (f"{results['date']}, {m['cpu']}, {m['cores']} cores, {m['memory_gb']} GB, instruction set {m['isa']}; "
            f"explaind {v[OURS]}, {versions}.")


def name_of(row: dict) -> str:
    threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
    bits = "" if row["precision"] == "f32" else f", {row['precision']}"
    return f"{MODELS[row['model']]}, {threads}, batch {row['batch']}{bits}"


def table(rows: list) -> list:
    """The rows of one kind of work; a column for each peer that any of them has."""
    peers = [name for name in PEERS if any(name in row["engines"] for row in rows)]
    head = ["", f"explaind, {rows[0]['unit']}", *(PEERS[name] for name in peers), "target", ""]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        target = "" if row["target"] is None else str(row["target"])
        remark = ": ".join(filter(None, [verdict(row), row.get("reason", "")]))
        cells = [name_of(row), cell(row["engines"].get(OURS)), *(cell(row["engines"].get(name)) for name in peers)]
        lines.append(f"| {' | '.join([*cells, target, remark])} |")
    return lines


def share_of(row: dict) -> str:
    """Said of a peer that does not do the whole."""
    return "" if row["share"] == 1 else f"; from {row['share'] * 100:g} % of its work"


def explain_table(rows: list) -> list:
    """One line for each explanation and peer."""
    lines = ["| | explaind, ms | peer | peer, ms | peer / explaind | at least | moonshot | |", "|" + "---|" * 8]
    for row in rows:
        bits = "" if row["precision"] == "f32" else f" in {row['precision']}"
        what = row["what"] + bits + (f" ({', '.join(row['params'])})" if row["params"] else "")
        ours = row["engines"].get(OURS)
        peers = {name: entry for name, entry in row["engines"].items() if name != OURS} or {"": None}
        for at, (name, entry) in enumerate(peers.items()):
            known = entry or {}
            ms = number(known["median"]) + share_of(row) if "median" in known else cell(entry)
            ratio_ = ratio(known["ratio"]) if "ratio" in known else ""
            goals = ["" if row["target"] is None else f"{row['target']:g}", moonshot(row),
                     ": ".join(filter(None, [verdict(row), row.get("reason", "")]))]
            peer = " ".join(filter(None, [PEERS.get(name, name), known.get("version", "")]))
            cells = [what, cell(ours), peer, ms, ratio_, *(goals if at == 0 else [""] * 3)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def service_table(rows: list) -> list:
    lines = ["| | median | at most | |", "|---|---|---|---|"]
    for row in rows:
        what = {"service/ready": "start to ready", "service/memory": "resident memory, idle"}[row["id"]]
        remark = ": ".join(filter(None, [verdict(row), row.get("reason", "")]))
        lines.append(f"| {what} | {cell(row['engines'].get(OURS))} {row['unit']} | {row['target']} | {remark} |")
    return lines


def markdown(results: dict) -> str:
    """docs/bench.md"""
    lines = ["# Speed, beside other engines", "", "Made by `make bench`, which measures it anew on any machine. " +
             where(results), "",
             "All engines of a row stay warm in processes of their own, pinned to the same cores, and take turns, round by "
             "round. A ratio is the peer's time by ours in one round, above 1 where we are faster: its median, the tenth "
             "and the ninetieth hundredth of the rounds, then the peer's median. Images are 224 x 224. OpenVINO is told "
             "float32, one stream, for latency; ONNX Runtime has its default optimisations; PyTorch is eager, in "
             "inference mode for forwards. A target is for the best of the peers in question, its median.", ""]
    tables = {"service": service_table, "explain": explain_table}
    for work, (_, title) in WORKS.items():
        rows = [row for row in results["rows"] if row["work"] == work]
        if rows:
            lines += [f"## {title}", "", *NOTES_ABOVE.get(work, []), *tables.get(work, table)(rows), ""]
    return "\n".join(lines)


def short_cell(row) -> str:
    if row is None or "best" not in row:
        return ""
    return f"{row['best']['ratio']['median']:.2f}" + ("" if row.get("reached", True) else " (missed)")


def short_explanations(results: dict) -> list:
    """The same of explanations: the library's time by ours."""
    rows = [row for row in results["rows"] if row["work"] == "explain" and "best" in row]
    if not rows:
        return []
    lines = ["| explanation of one picture | library | library / explaind | at least | moonshot |", "|---|---|---|---|---|"]
    for row in rows:
        bits = "" if row["precision"] == "f32" else f" in {row['precision']}"
        least = "" if row["target"] is None else f"{row['target']:g}, {verdict(row)}"
        cells = [row["what"] + bits, PEERS[row["best"]["peer"]], number(row["best"]["ratio"]["median"]), least,
                 moonshot(row)]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def short(results: dict) -> str:
    """The README's table: the median ratio to the best peer."""
    sizes = [(threads, many) for threads in (1, 2) for many in (False, True)]
    lines = ["| best peer / explaind | 1 thread, batch 1 | 1 thread, batch 16 | 2 threads, batch 1 | 2 threads, batch 16 |",
             "|---|---|---|---|---|"]
    kinds = dict.fromkeys((r["work"], r["model"], r["precision"]) for r in results["rows"]
                          if r["work"] in ("forward", "gradient"))
    for kind in kinds:
        rows = {(r["threads"], r["batch"] > 1): r for r in results["rows"]
                if (r["work"], r["model"], r["precision"]) == kind}
        cells = [short_cell(rows.get(size)) for size in sizes]
        if any(cells):
            work, model, precision = kind
            what = {"forward": "forward", "gradient": "forward + backward"}[work]
            bits = "" if precision == "f32" else f" in {precision}"
            lines.append(f"| {MODELS[model]}, {what}{bits} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *short_explanations(results), f"VGG-16: batch 8 in place of 16. {where(results)}",
                      "All rows, with spreads and what is missed and why: [docs/bench.md](docs/bench.md)."]) + "\n"


def fill(text: str, content: str) -> str:
    """The text with what is between the marks replaced."""
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:begin]}\n{content}{text[end:]}"


def publish(results: dict) -> None:
    """Writes all documents."""
    results = add_reasons(results, json.loads(NOTES.read_text(encoding="utf-8")))
    JSON.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    MARKDOWN.write_text(markdown(results), encoding="utf-8")
    README.write_text(fill(README.read_text(encoding="utf-8"), short(results)), encoding="utf-8")


if __name__ == "__main__":
    if not JSON.exists():
        sys.exit("there is no docs/bench.json: run make bench")
    publish(json.loads(JSON.read_text(encoding="utf-8")))
