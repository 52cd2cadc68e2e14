"""A work queue over several consumers; the same with Celery's group and chord."""

import time
from threading import Thread
from typing import Any

from celery import Celery, chord, group
from kombu import Queue

from .stage import Stage
from .stage.celery import make_app, working

NEXT = """\
  set prefetch_count to 100: the first consumer then takes all jobs, and the others have nothing to do
  give the jobs real work: threads share one Python interpreter, so use processes (celery --pool prefork)"""

JOBS, HANDS = 24, 4
WAIT = 0.05  # seconds a job waits for something else, as most jobs do


def run(stage: Stage) -> None:
    stage.say("%d jobs that take %d ms each, in a queue.", JOBS, 1000 * WAIT)
    alone = work_off(stage, 1)
    together = work_off(stage, HANDS)
    stage.say(
        "  figures 1 consumer %.2f s, %d consumers %.2f s: %.1f times",
        alone,
        HANDS,
        together,
        alone / together,
    )
    stage.check(together < alone, "more consumers are faster; the producer is the same")

    (stage.folder / "results").mkdir()
    # A chord's members have to be counted where all workers see it: rpc:// could not.
    app = make_app(stage, result_backend=f"file://{stage.folder}/results")
    with working(stage, "--concurrency", str(HANDS)):
        with_celery(stage, app)


def work_off(stage: Stage, hands: int) -> float:
    """Fill the queue, let so many consumers empty it, and return the seconds that took."""
    jobs = Queue(stage.name("jobs"))
    done: list[int] = []
    with stage.connect() as connection:
        producer = connection.Producer()
        for number in range(JOBS):
            producer.publish(number, routing_key=jobs.name, declare=[jobs])
    threads = [Thread(target=consume, args=(stage, jobs, done)) for _ in range(hands)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    stage.check(sorted(done) == list(range(JOBS)), "%d by %d: each job done once", JOBS, hands)
    return seconds


def consume(stage: Stage, jobs: Queue, done: list[int]) -> None:
    """Be one consumer, with a connection of its own: threads cannot share one."""

    def on_message(number: int, message: Any) -> None:
        time.sleep(WAIT)
        done.append(number)
        message.ack()

    # One at a time: what this one has not begun, another may take.
    one_by_one = {"callbacks": [on_message], "prefetch_count": 1}
    with stage.connect() as connection, connection.Consumer(jobs, **one_by_one):
        while len(done) < JOBS:
            try:
                connection.drain_events(timeout=WAIT)
            except TimeoutError:
                pass  # the others have the last ones in hand


def with_celery(stage: Stage, app: Celery) -> None:
    """Celery's worker is such a set of consumers; group and chord send the jobs and collect the results."""
    square, total = app.signature("lessons.square"), app.signature("lessons.total")
    with stage.connect() as connection:
        stage.say("group: %d tasks at once, and their results in the order of the tasks.", JOBS)
        began = time.perf_counter()
        tasks = group(square.clone((number, 4 * WAIT)) for number in range(JOBS))
        results = tasks.apply_async(connection=connection).get(timeout=stage.PATIENCE)
        seconds = time.perf_counter() - began
        stage.check(
            results == [number * number for number in range(JOBS)], "the squares of 0 to %d", JOBS - 1
        )
        stage.say("  figures %.2f s for tasks of %.2f s together", seconds, 4 * JOBS * WAIT)
        stage.check(seconds < 4 * JOBS * WAIT, "faster than one after the other")

        stage.say("chord: the same, and when all are done one more task with all results.")
        tasks = chord((square.clone((number,)) for number in range(JOBS)), app=app)
        answer = tasks(total).get(timeout=stage.PATIENCE)
        stage.check(answer == sum(number * number for number in range(JOBS)), "their sum is %d", answer)
