"""What else the machine did while something was timed, and whether a ratio of two times may be given.

others = (CPU time of the whole machine - CPU time of this process and its descendants) / (seconds x cores), the time
that a hypervisor took among it. Times that were taken while others had more than `BUSY` say little about who is faster:
threads that wait for one another are slowed many times over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

BUSY = 0.1  # share of the machine's CPU time in other processes, from which on no ratio is given
LEAST_S = 0.3  # shorter stretches are not judged: the kernel counts CPU time in hundredths of a second
_PROC = Path("/proc")


class Reading(NamedTuple):
    """CPU seconds until now: of the whole machine, None where unknown, and of this process and its descendants."""

    at_s: float
    machine_s: float | None
    own_s: float
    waiting: float | None  # load average of the last minute, where the machine's CPU time is unknown
    source: str


class Load(NamedTuple):
    """What other processes took of the machine during some seconds.

    Attributes:
      others: their share of the CPU time of all cores, or None where that is unknown.
      wall_s: how long it was watched.
      cores: of the machine.
      source: where the share is from.
    """

    others: float | None
    wall_s: float
    cores: int
    source: str

    @property
    def is_busy(self) -> bool:
        """Whether others took so much that times say little."""
        return self.others is not None and self.others > BUSY

    def __str__(self) -> str:
        """In words."""
        if self.others is None:
            return f"load unknown ({self.source})"
        return f"other processes took {self.others:.0%} of the CPU time of {self.cores} cores"


class Ratio(NamedTuple):
    """Their seconds over ours, or None and why not."""

    value: float | None
    why: str


def reading() -> Reading:
    """CPU time as the system tells it: /proc on Linux, else psutil where installed, else the load average."""
    for of_system in (_from_proc, _from_psutil):
        try:
            machine_s, own_s, source = of_system()
        except (OSError, ImportError, ValueError, IndexError):
            continue
        return Reading(time.perf_counter(), machine_s, own_s, None, source)
    own_s = sum(os.times()[:4])
    if not hasattr(os, "getloadavg"):
        return Reading(time.perf_counter(), None, own_s, None, "the system does not tell it")
    return Reading(time.perf_counter(), None, own_s, os.getloadavg()[0], "load average of the last minute")


def since(begin: Reading, read: Callable[[], Reading] = reading) -> Load:
    """The load from `begin` until now.

    Args:
      begin: of `reading`.
      read: what gives the second reading.
    """
    end, cores = read(), os.cpu_count() or 1
    wall_s, own_s = end.at_s - begin.at_s, end.own_s - begin.own_s
    if wall_s < LEAST_S:
        return Load(None, wall_s, cores, f"watched for less than {LEAST_S:g} s")
    if begin.machine_s is not None and end.machine_s is not None:
        others_s = end.machine_s - begin.machine_s - own_s
    elif end.waiting is not None:
        others_s = end.waiting * wall_s - own_s
    else:
        return Load(None, wall_s, cores, end.source)
    return Load(min(1.0, max(0.0, others_s / (wall_s * cores))), wall_s, cores, end.source)


def ratio(theirs_s: float | None, ours_s: float | None, loads: Iterable[Load | None]) -> Ratio:
    """Their time over ours: only where both got there, and no load under which they were taken was busy.

    Args:
      theirs_s: seconds, or None where they did not get there.
      ours_s: likewise.
      loads: while they were timed; those that the system does not tell forbid nothing, None, not recorded, does.
    """
    loads = list(loads)
    if theirs_s is None or ours_s is None:
        return Ratio(None, "not reached")
    if None in loads:
        return Ratio(None, "not given: the load of the machine was not recorded")
    worst = max((load for load in loads if load and load.is_busy), key=lambda load: load.others or 0.0, default=None)
    if worst is not None:
        return Ratio(
            None, f"not given: the machine was busy, {worst}; {ours_s:.3g} s and {theirs_s:.3g} s were measured"
        )
    return Ratio(theirs_s / ours_s, "")


def told(load: Load) -> dict[str, Any]:
    """A load as a record of an experiment has it."""
    return load._asdict() | {"busy": load.is_busy, "words": str(load)}


def _from_proc() -> tuple[float, float, str]:
    """Busy time of all CPUs but idle and waiting for disks, and that of this process and its descendants."""
    fields = [int(word) for word in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _, _, irq, softirq, steal = fields
    parents, ticks = {}, {}
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(folder.name)], ticks[int(folder.name)] = int(words[1]), sum(map(int, words[11:15]))
    own = sum(count for pid, count in ticks.items() if _descends(pid, parents))
    per_s = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq + steal) / per_s, own / per_s, "/proc/stat"


def _descends(pid: int, parents: dict[int, int]) -> bool:
    """Whether a process is this one, or was started by it or by its descendants."""
    me = os.getpid()
    while pid != me and pid in parents:
        pid = parents[pid]
    return pid == me


def _from_psutil() -> tuple[float, float, str]:
    import psutil  # pyright: ignore[reportMissingModuleSource, reportMissingImports] # asked for where it is

    now = psutil.cpu_times()
    busy = sum(getattr(now, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))
    me = psutil.Process()
    own = sum(sum(me.cpu_times()[:4]) for me in (me, *me.children(recursive=True)))
    return busy, own, "psutil"
