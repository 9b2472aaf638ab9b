"""Periodic jobs in the embedded worker: each runs in a thread of its own, so that none waits for another."""

import logging
import queue
import threading

from django.db import close_old_connections, connection

from core import clock
from core.events.looping import Loop
from core.periodic import upkeep
from core.periodic.registry import Job
from core.periodic.running import due_jobs, run_if_free

IDLE_THREADS_KEPT = 2  # with their database connections: some jobs are due every few seconds
logger = logging.getLogger("shop.periodic")
upkeep.register()


class PeriodicJobs(Loop):
    """Starts the jobs that are due. Any number of processes may do so at once: the job's row decides who runs it.

    A job that takes long, or hangs, holds up nobody but itself. Told to stop, the loop waits for the jobs in hand;
    whoever runs it decides for how long, and what is cut off is run again when its lease is over.
    """

    name = "periodic"
    longest_pause_seconds = 1.0

    def __init__(self) -> None:
        super().__init__()
        self._threads = JobThreads()

    def run(self) -> None:
        super().run()
        self._threads.close()

    def turn(self) -> bool:
        for job in due_jobs(clock.now()):
            self._threads.start(job)
        return False


class JobThreads:
    """Threads that run jobs: never two for one job, and no more at a time than there are jobs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._running: set[str] = set()
        self._idle = 0

    def start(self, job: Job) -> None:
        """Let an idle thread, or a new one, run the job, unless it is running here."""
        with self._lock:
            if job.name in self._running:
                return
            if self._idle:
                self._idle -= 1
            else:
                self._add_thread()
            self._running.add(job.name)
            self._given.put(job)

    def close(self) -> None:
        """Wait for the jobs in hand; the threads are daemons, and do not keep a process that will not wait."""
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._given.put(None)
        for thread in threads:
            thread.join()

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._work, name="periodic-job", daemon=True)
        thread.start()
        self._threads.add(thread)

    def _work(self) -> None:
        try:
            while (job := self._given.get()) is not None:
                _run(job)
                if not self._rest(job):
                    break
        finally:
            connection.close()
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _rest(self, job: Job) -> bool:
        """The job is over; return whether its thread waits for another one."""
        with self._lock:
            self._running.discard(job.name)
            if self._idle >= IDLE_THREADS_KEPT:
                return False
            self._idle += 1
            return True


def _run(job: Job) -> None:
    try:
        close_old_connections()
        run_if_free(job, now=clock.now())
    except Exception:
        logger.exception("a periodic job's outcome could not be written", extra={"job": job.name})
        connection.close()
