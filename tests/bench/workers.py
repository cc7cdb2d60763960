"""Engines in processes of their own, which stay warm and run when they are told to.

The protocol is `xai bench --serve`'s: the first line of stdout is a JSON object that says what is ready; for every line
"run N" on stdin there is then one line, a JSON list of N times in milliseconds per image.
"""
import json
import os
import select
import subprocess
import tempfile
import time

PATIENCE_S = 300


class WorkerFailed(Exception):
    """What a process said when it ended, or that it did not answer."""


def cores() -> list:
    """One processor of every core that this process may use."""
    chosen, seen = [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", encoding="ascii") as f:
                core = f.read().strip()
        except OSError:
            core = str(cpu)
        if core not in seen:
            seen.add(core)
            chosen.append(cpu)
    return chosen


def cores_for(threads: int) -> list:
    """The last `threads` cores, which the system itself uses least."""
    found = cores()
    if len(found) < threads:
        raise WorkerFailed(f"this machine has {len(found)} cores, not {threads}")
    return found[-threads:]


class Worker:
    """A running engine. Close it, or use it in a `with`."""

    def __init__(self, command: list, threads: int):
        where = cores_for(threads)
        variables = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        self.errors = tempfile.TemporaryFile()
        self.started = time.perf_counter()
        try:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                bufsize=0, env={**os.environ, **variables}, preexec_fn=lambda: os.sched_setaffinity(0, where))
        except OSError as error:
            self.errors.close()
            raise WorkerFailed(f"{command[0]}: {error.strerror}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _fail(self, otherwise: str):
        if self.process.stdout.readable():
            try:
                self.process.wait(1)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        raise WorkerFailed(lines[-1][:300] if lines else otherwise)

    def _answer(self):
        if not select.select([self.process.stdout], [], [], PATIENCE_S)[0]:
            self.process.kill()
            self._fail(f"no answer in {PATIENCE_S} s")
        line = self.process.stdout.readline()
        try:
            return json.loads(line)
        except ValueError:
            self._fail(f"it ended with code {self.process.poll()}")

    def order(self, passes: int) -> None:
        try:
            self.process.stdin.write(f"run {passes}\n".encode())
        except OSError:
            self._fail("it has ended")

    def ready(self) -> dict:
        """What the worker says of itself; the first answer."""
        return self._answer()

    def run(self, passes: int) -> list:
        """Milliseconds per image of each pass."""
        self.order(passes)
        return self._answer()

    def ordered(self) -> list:
        """The answer to an order given before."""
        return self._answer()

    def age_ms(self) -> float:
        return (time.perf_counter() - self.started) * 1e3

    def memory_mb(self, field: str = "VmHWM") -> float:
        """Resident memory, its peak by default."""
        return resident_mb(self.process.pid, field)

    def close(self) -> None:
        """Ends the process; it is killed if it does not go."""
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def resident_mb(pid: int, field: str) -> float:
    """VmHWM (peak) or VmRSS (now) of a process in MB of 10^6 bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024 / 1e6
    raise WorkerFailed(f"the system does not tell {field}")
