#!/usr/bin/env python3
"""Runs test programs (Check) and test folders (pytest), and counts them together.

usage: run.py [--sanitizer] PROGRAM-OR-FOLDER...

Each suite prints one line, and its whole output if anything in it failed. The last line is 'N passed, N failed';
the exit status is 1 if anything failed, ended by a signal, took too long, or held no test at all. The programs of the
operators run once for each instruction set that the machine has (XAI_ISA); their lines say under which. Two suites run
at a time, the folders first, since most of a suite waits for one process: TEST_JOBS=1 for one after the other.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM_S, FOLDER_S = 300, 900  # per suite
CHECK_LINE = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
PYTEST_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)\b")

# Instruction sets by what the kernel says of the processor; test_isa compares them all by itself.
ISA_FLAGS = {"avx2": {"avx2", "fma"}, "avx512": {"avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512dq"}}
BY_ISA = re.compile(r"/tests/engine/ops/test_(?!isa$)\w+$")


def isas_for(suite: str) -> list:
    """The instruction sets under which a suite is to run; None: as it is."""
    if not BY_ISA.search(suite):
        return [None]
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(re.findall(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.M)[:1]) if cpuinfo.exists() else set()
    have = set(" ".join(flags).split())
    return ["scalar", *(isa for isa, needed in ISA_FLAGS.items() if needed <= have)]


def environment(sanitizer: bool) -> dict:
    env = {**os.environ, "CK_DEFAULT_TIMEOUT": "60", "PYTHONDONTWRITEBYTECODE": "1"}
    if sanitizer:  # slower, and strict
        env |= {"CK_DEFAULT_TIMEOUT": "240", "TEST_PATIENCE": "60", "XAI_PATIENCE": "1200",
                "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
                "LSAN_OPTIONS": f"suppressions={ROOT}/tests/support/lsan.supp:print_suppressions=0",
                "UBSAN_OPTIONS": "print_stacktrace=1", "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}
    return env


def run(command: list, env: dict, limit: float) -> tuple:
    """(exit code, output); the code is None when the limit passed. Its whole process group is ended then."""
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
    try:
        output = process.communicate(timeout=limit)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return None, process.communicate()[0] + f"\nended after {limit:.0f} s"
    return process.returncode, output


def count_program(output: str) -> tuple:
    """(passed, failed) by Check's summary."""
    checks = [tuple(map(int, found)) for found in CHECK_LINE.findall(output)]
    failed = sum(f + e for _, f, e in checks)
    return sum(n for n, _, _ in checks) - failed, failed


def count_folder(output: str) -> tuple:
    """(passed, failed) by pytest's last line. What is skipped is neither."""
    last = output.strip().splitlines()[-1] if output.strip() else ""
    counts = {word: int(n) for n, word in PYTEST_COUNT.findall(last)}
    return counts.get("passed", 0), counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)


def run_suite(suite: str, isa, env: dict, slow: int) -> tuple:
    """`isa`: None, or the instruction set that is forced. `slow`: by what the time limits are stretched."""
    started = time.monotonic()
    if isa:
        env = {**env, "XAI_ISA": isa}
    if (ROOT / suite).is_dir():
        code, output = run([sys.executable, "-m", "pytest", "-q", "--durations=3", suite], env, slow * FOLDER_S)
        passed, failed = count_folder(output)
    else:
        code, output = run([str(ROOT / suite)], env, slow * PROGRAM_S)
        passed, failed = count_program(output)
    if failed == 0 and (code != 0 or passed == 0):
        failed = 1  # crashed, ran out of time, or there was nothing to run
    name = f"{suite} under {isa}" if isa else suite
    line = (f"{'ok  ' if failed == 0 else 'FAIL'} {name}: {passed} of {passed + failed} in "
            f"{time.monotonic() - started:.1f} s" + ("" if code in (0, 1, 2) else f", ended with {code}") + "\n")
    sys.stdout.write(line + output + "\n" if failed else line)  # at once: two may end at the same time
    sys.stdout.flush()
    return passed, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sanitizer", action="store_true", help="the programs are built with one")
    parser.add_argument("suites", nargs="+")
    options = parser.parse_args()
    env, slow = environment(options.sanitizer), 4 if options.sanitizer else 1
    jobs = 1 if options.sanitizer else int(os.environ.get("TEST_JOBS", min(2, os.cpu_count() or 1)))
    work = [(suite, isa) for suite in sorted(options.suites, key=lambda s: not (ROOT / s).is_dir())
            for isa in isas_for(suite)]
    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda item: run_suite(*item, env, slow), work))
    passed, failed = (sum(column) for column in zip(*results))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
