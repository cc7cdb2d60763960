"""How one row is measured: turns between engines, round by round, so that the machine's moods hit all alike.

An engine that does not start, or ends, is an entry {"error": why} of the row; nothing is left out silently.
"""
import math
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass

from workers import Worker, WorkerFailed, cores_for, resident_mb

OURS = "explaind"
LONG_MS = 1000  # a pass that needs no second one to be warm


@dataclass
class Effort:
    """How long a row is measured: rounds until there are `rounds`, or `row_s` have passed and there are `least`."""
    rounds: int = 15
    least: int = 5
    row_s: float = 10
    turn_ms: float = 150  # what a turn lasts at least, unless one pass takes longer
    settle_s: float = 0.03  # between turns: threads of the last engine that still spin go to sleep


QUICK = Effort(rounds=3, least=3, row_s=5, turn_ms=50)


def quantile(values: list, q: float) -> float:
    """Linear between the sorted values."""
    at = q * (len(values) - 1)
    low, ordered = math.floor(at), sorted(values)
    high = min(low + 1, len(values) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def spread(values: list) -> dict:
    """Median, and the tenth and ninetieth hundredth."""
    return {"median": statistics.median(values), "low": quantile(values, 0.1), "high": quantile(values, 0.9)}


def compare(turns: dict) -> dict:
    """{engine: [value of each round]} to medians and spreads, of the values and of peer / ours round by round."""
    engines = {}
    for name, values in turns.items():
        engines[name] = spread(values)
        if name != OURS:
            engines[name]["ratio"] = spread([theirs / ours for theirs, ours in zip(values, turns[OURS])])
    return engines


def judge(row, engines: dict) -> dict:
    """The best of the peers that the row's target names, and whether the target is reached."""
    ratios = {name: e["ratio"]["median"] for name, e in engines.items() if name in row.against and "ratio" in e}
    if not ratios:
        return {}
    best = min(ratios, key=ratios.get)
    verdict = {"best": {"peer": best, "ratio": engines[best]["ratio"]}}
    if row.target is not None:
        verdict["reached"] = ratios[best] >= row.target
    if row.moonshot is not None:
        verdict["moonshot_reached"] = ratios[best] >= row.moonshot
    return verdict


def told(error: WorkerFailed) -> dict:
    return {"error": str(error)}


# ---------------------------------------------------------------- speed

def warm_up(worker: Worker, batch: int, effort: Effort) -> int:
    """How many passes make a turn."""
    pass_ms = worker.run(1)[0] * batch
    if pass_ms < LONG_MS:
        pass_ms = min(worker.run(2)) * batch
    return max(1, min(1000, math.ceil(effort.turn_ms / pass_ms)))


def open_all(row, commands: dict, effort: Effort, failed: dict) -> dict:
    """{engine: (worker, passes a turn, what it says of itself)}; ours first: without it there is nothing to compare."""
    opened = {}
    for name in sorted(commands, key=lambda name: name != OURS):
        worker = None
        try:
            worker = Worker(commands[name], row.threads)
            ready = worker.ready()
            share = 1 if name == OURS else row.share
            opened[name] = worker, warm_up(worker, row.batch * share, effort), ready
        except WorkerFailed as error:
            failed[name] = told(error)
            if worker:
                worker.close()
            if name == OURS:
                break
    return opened


def take_turns(opened: dict, effort: Effort, failed: dict) -> dict:
    """{engine: [milliseconds per image of each round]}"""
    turns = {name: [] for name in opened}
    began, done = time.monotonic(), 0
    while done < effort.rounds and (done < effort.least or time.monotonic() - began < effort.row_s):
        for name in list(turns):
            worker, passes, _ = opened[name]
            time.sleep(effort.settle_s)
            try:
                turns[name].append(statistics.median(worker.run(passes)))
            except WorkerFailed as error:
                failed[name] = told(error)
                del turns[name]
        if OURS not in turns:
            return {}
        done += 1
    return turns


def measure_speed(row, commands: dict, effort: Effort) -> dict:
    """{"rounds", "engines"} of a row of passes."""
    failed = {}
    opened = open_all(row, commands, effort, failed)
    try:
        turns = take_turns(opened, effort, failed) if OURS in opened else {}
    finally:
        for worker, _, _ in opened.values():
            worker.close()
    engines = compare(turns)
    for name, engine in engines.items():
        engine["version"] = opened[name][2].get("version", "")
    return {"rounds": len(turns.get(OURS, [])), "engines": {**engines, **failed}}


# ---------------------------------------------------------------- start, memory

def start_once(row, command: list) -> float:
    """Milliseconds until the first prediction is there; "load": those that the engine itself took."""
    with Worker(command, row.threads) as worker:
        worker.order(1)
        ready = worker.ready()
        first = worker.ordered()
        age = worker.age_ms()
        return ready["load_ms"] + first[0] * row.batch if row.work == "load" and "load_ms" in ready else age


def memory_once(row, command: list) -> float:
    with Worker(command, row.threads) as worker:
        worker.ready()
        worker.run(3)
        return worker.memory_mb()


def measure_once_each(row, commands: dict, rounds: int, once) -> dict:
    """Rounds of `once`, the first of which only warms the system's caches."""
    turns, failed = {name: [] for name in commands}, {}
    for round_ in range(rounds + 1):
        for name in list(turns):
            try:
                value = once(row, commands[name])
                turns[name] += [value] if round_ else []
            except WorkerFailed as error:
                failed[name] = told(error)
                del turns[name]
        if OURS not in turns:
            return {"rounds": 0, "engines": failed}
    return {"rounds": rounds, "engines": {**compare(turns), **failed}}


# ---------------------------------------------------------------- the service

def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def is_ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as s:
            s.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b" 200 " in s.recv(64)
    except OSError:
        return False


def serve_once(row, program: list) -> float:
    """Milliseconds until the service is ready, or its resident memory after a second of rest."""
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen([*program, "--port", str(port), "--store", ":memory:"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        while not is_ready(port):
            if process.poll() is not None or time.perf_counter() - began > 60:
                raise WorkerFailed(f"the service is not ready; it ended with {process.poll()}")
            time.sleep(0.001)
        ms = (time.perf_counter() - began) * 1e3
        if row.what == "ready":
            return ms
        time.sleep(1)
        return resident_mb(process.pid, "VmRSS")
    finally:
        process.terminate()
        process.wait(60)


def measure(row, commands: dict, effort: Effort) -> dict:
    """The row as a JSON object. `commands`: {engine: argument list}, ours among them."""
    result = {"id": row.id, "work": row.work, "model": row.model, "threads": row.threads, "batch": row.batch,
              "precision": row.precision, "unit": row.unit, "target": row.target}
    if row.work == "explain":
        result |= {"what": row.what, "method": row.method, "params": list(row.params), "share": row.share,
                   "moonshot": row.moonshot}
    try:
        cores_for(row.threads)
    except WorkerFailed as error:
        return {**result, "rounds": 0, "engines": {OURS: told(error)}}
    if row.work in ("start", "load"):
        result |= measure_once_each(row, commands, min(5, effort.rounds), start_once)
    elif row.work == "memory":
        result |= measure_once_each(row, commands, 1, memory_once)
    elif row.work == "service":
        result |= measure_once_each(row, commands, min(5, effort.rounds), serve_once)
        ours = result["engines"][OURS]
        return result | ({"reached": ours["median"] <= row.target} if "median" in ours else {})
    else:
        result |= measure_speed(row, commands, effort)
    return result | judge(row, result["engines"])
