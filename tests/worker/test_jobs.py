"""Jobs: each is done by one worker at a time, tried again when it fails, and by its cron expression.

docs/how-it-works/worker.md
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fhirhub.plugin import Job, JobRun, LeaseLost
from fhirhub.settings import ConfigurationError
from fhirhub.store.jobs import KEPT, Jobs
from fhirhub.store.schedules import next_runs
from fhirhub.worker.cron import following
from fhirhub.worker.drain import drain
from fhirhub.worker.pace import Pace
from fhirhub.worker.running import Runner, known_jobs
from tests.worker.world import NOW, PACE, Listener, Plugin, World, world_on

KNOWN = [("p", "work")]


def runner(world: World, owner: str = "w", **pace: Any) -> Runner:
    return Runner(world, known_jobs(world), owner, Pace(attempts=3, chance=lambda: 0.5, **pace))


def test_job_is_done_with_its_parameters_and_its_result_is_kept(mongodb_uri: str) -> None:
    seen: list[JobRun] = []

    def work(run: JobRun) -> Any:
        seen.append(run)
        run.progress(0.5, "half way")
        return {"sum": run.parameters["a"] * 2}

    with world_on(mongodb_uri, Plugin("p", jobs=(Job("work", work),))) as world:
        number = world.database.jobs.schedule("p", "work", {"a": Decimal("1.50")})
        assert world.database.jobs.schedule("other", "work", {}) != number
        drain(world)
        (run,) = seen
        assert (run.number, run.attempt, str(run.parameters["a"])) == (number, 1, "1.50")
        kept = world.database.jobs.run(number)
        assert kept is not None
        assert (kept.state, kept.result, kept.word) == ("done", {"sum": Decimal("3.00")}, "half way")
        # Nobody here has that plugin.
        assert world.database.jobs.counts() == {("p", "work", "done"): 1, ("other", "work", "waiting"): 1}


def test_job_is_not_done_before_its_time(mongodb_uri: str) -> None:
    done: list[str] = []
    with world_on(mongodb_uri, Plugin("p", jobs=(Job("work", lambda run: done.append(run.number)),))) as world:
        number = world.database.jobs.schedule("p", "work", {}, at=NOW + timedelta(minutes=5))
        drain(world)
        assert done == []
        world.clock.advance(minutes=5)
        drain(world)
        assert done == [number]


def test_job_that_fails_is_tried_again_and_then_given_up(mongodb_uri: str) -> None:
    attempts: list[int] = []

    def fail(run: JobRun) -> None:
        attempts.append(run.attempt)
        raise ValueError("Jane Doe")

    with world_on(mongodb_uri, Plugin("p", jobs=(Job("work", fail, attempts=2),))) as world:
        number = world.database.jobs.schedule("p", "work", {})
        drain(world, pace=PACE)
        waiting = world.database.jobs.run(number)
        assert waiting is not None
        assert (waiting.state, waiting.due) == ("waiting", NOW + timedelta(seconds=5))
        for _ in range(3):
            world.clock.advance(hours=2)
            drain(world, pace=PACE)
        failed = world.database.jobs.run(number)
        assert attempts == [1, 2]
        assert failed is not None
        assert failed.state == "failed"
        assert failed.reason is not None
        assert failed.reason.startswith("ValueError in fail (test_jobs.py:")


def test_result_that_is_no_json_is_a_failure(mongodb_uri: str) -> None:
    with world_on(mongodb_uri, Plugin("p", jobs=(Job("work", lambda run: object(), attempts=1),))) as world:
        number = world.database.jobs.schedule("p", "work", {})
        drain(world)
        run = world.database.jobs.run(number)
        assert run is not None
        assert run.state == "failed"


def test_one_of_a_key_waits_and_one_runs(mongodb_uri: str) -> None:
    with world_on(mongodb_uri) as world:
        jobs = world.database.jobs
        first = jobs.schedule("p", "work", {}, key="k")
        assert jobs.schedule("p", "work", {"other": 1}, key="k") == first
        assert jobs.schedule("p", "work", {}, key="l") != first
        assert jobs.schedule("p", "other", {}, key="k") != first
        running = jobs.begin(KNOWN, "a", 10)
        assert running is not None
        second = jobs.schedule("p", "work", {}, key=running.key)
        assert second != running.number
        others = {run.number for _ in range(3) if (run := jobs.begin(KNOWN, "b", 10)) is not None}
        assert second not in others, "a run begins while another of its key is under way"
        assert jobs.finish(running, None)
        begun = jobs.begin(KNOWN, "b", 10)
        assert begun is not None
        assert begun.number == second


def test_keys_hold_although_many_ask_at_once(mongodb_uri: str) -> None:
    with world_on(mongodb_uri) as world, ThreadPoolExecutor(16) as threads:
        jobs = world.database.jobs
        numbers = set(threads.map(lambda n: jobs.schedule("p", "work", {"n": n}, key="k"), range(64)))
        assert len(numbers) == 1
        for n in range(20):
            jobs.schedule("p", "work", {"n": n})
        begun = list(threads.map(lambda n: jobs.begin(KNOWN, f"w{n}", 30), range(64)))
        got = [run.number for run in begun if run is not None]
        assert len(got) == len(set(got)), "a run was begun twice"
        while (run := jobs.begin(KNOWN, "last", 30)) is not None:
            got.append(run.number)
        assert len(set(got)) == len(got) == 21


def test_failure_gives_way_to_a_later_one_of_its_key(mongodb_uri: str) -> None:
    with world_on(mongodb_uri) as world:
        jobs = world.database.jobs
        jobs.schedule("p", "work", {}, key="k")
        run = jobs.begin(KNOWN, "a", 10)
        assert run is not None
        later = jobs.schedule("p", "work", {}, key="k")
        assert jobs.postpone(run, NOW, "ValueError")
        ended = jobs.run(run.number)
        assert ended is not None
        assert ended.state == "failed"
        begun = jobs.begin(KNOWN, "b", 10)
        assert begun is not None
        assert begun.number == later


def test_worker_that_stood_still_changes_nothing_any_more(mongodb_uri: str) -> None:
    """The fence: another one has begun the run anew, so what the first one notes does not count."""
    with world_on(mongodb_uri) as world:
        jobs = world.database.jobs
        number = jobs.schedule("p", "work", {}, key="k")
        first = jobs.begin(KNOWN, "a", 0.05)
        assert first is not None
        assert jobs.keep(first, 0.05)
        time.sleep(0.2)
        second = jobs.begin(KNOWN, "b", 30)
        assert second is not None
        assert (second.number, second.attempts, second.fence) == (number, 2, first.fence + 1)
        assert not jobs.keep(first, 30)
        assert not jobs.tell(first, 0.9, "x")
        assert not jobs.finish(first, "wrong")
        assert not jobs.postpone(first, NOW, "wrong")
        assert not jobs.hand_back(first)
        assert jobs.finish(second, "right")
        ended = jobs.run(number)
        assert ended is not None
        assert (ended.state, ended.result) == ("done", "right")


def test_heartbeat_keeps_a_long_run(mongodb_uri: str) -> None:
    begun = threading.Event()

    def work(run: JobRun) -> str:
        begun.set()
        time.sleep(4.5)
        run.progress(1.0, "")
        return "mine"

    with world_on(mongodb_uri, Plugin("p", jobs=(Job("work", work),))) as world:
        number = world.database.jobs.schedule("p", "work", {})
        # Long enough to outlast a machine that stands still for a moment, and twice as short as the run.
        thread = threading.Thread(target=runner(world, lease_seconds=2.0).step)
        thread.start()
        assert begun.wait(30)
        while thread.is_alive():
            assert world.database.jobs.begin(KNOWN, "thief", 10) is None
            time.sleep(0.05)
        run = world.database.jobs.run(number)
        assert run is not None
        assert (run.state, run.attempts, run.result) == ("done", 1, "mine")


def test_run_without_progress_is_taken_over(mongodb_uri: str) -> None:
    lost = threading.Event()

    def work(run: JobRun) -> str:
        if run.attempt > 1:
            return "second"
        time.sleep(1.5)
        try:
            run.progress(0.5, "too late")
        except LeaseLost:
            lost.set()
            raise
        return "first"

    job = Job("work", work, timeout=timedelta(seconds=0.2))
    with world_on(mongodb_uri, Plugin("p", jobs=(job,))) as world:
        number = world.database.jobs.schedule("p", "work", {})
        thread = threading.Thread(target=runner(world, "a", lease_seconds=0.4).step)
        thread.start()
        time.sleep(1.0)
        assert runner(world, "b", lease_seconds=0.4).step()
        thread.join()
        assert lost.is_set()
        run = world.database.jobs.run(number)
        assert run is not None
        assert (run.state, run.attempts, run.result) == ("done", 2, "second")


def test_worker_that_ends_hands_its_run_back(mongodb_uri: str) -> None:
    stopping = threading.Event()

    def work(run: JobRun) -> str:
        if not stopping.is_set():
            stopping.set()
            run.progress(0.1, "")
        return "done elsewhere"

    with world_on(mongodb_uri, Plugin("p", jobs=(Job("work", work, attempts=1),))) as world:
        number = world.database.jobs.schedule("p", "work", {}, key="k")
        assert Runner(world, known_jobs(world), "a", PACE, stopping.is_set).step()
        waiting = world.database.jobs.run(number)
        assert waiting is not None
        assert (waiting.state, waiting.attempts) == ("waiting", 0)
        drain(world)
        run = world.database.jobs.run(number)
        assert run is not None
        assert run.result == "done elsewhere"


def test_job_that_kills_its_worker_each_time_is_given_up(mongodb_uri: str) -> None:
    with world_on(mongodb_uri, Plugin("p", jobs=(Job("work", lambda run: None, attempts=2),))) as world:
        number = world.database.jobs.schedule("p", "work", {})
        for _ in range(2):
            assert world.database.jobs.begin(KNOWN, "dies", 0.01) is not None
            time.sleep(0.1)
        assert runner(world).step()
        run = world.database.jobs.run(number)
        assert run is not None
        assert (run.state, run.reason) == ("failed", "its worker died")


def test_only_the_last_results_are_kept(mongodb_uri: str) -> None:
    with world_on(mongodb_uri) as world:
        jobs = Jobs(world.clock)
        for n in range(KEPT + 5):
            jobs.schedule("p", "work", {"n": n})
            world.clock.advance(seconds=1)
            run = jobs.begin(KNOWN, "a", 10)
            assert run is not None
            jobs.finish(run, n)
        kept = jobs.runs("p", "work", limit=1_000)
        assert [run.result for run in kept] == list(range(KEPT + 4, 4, -1))


def test_schedule_runs_once_for_each_time_whoever_looks(mongodb_uri: str) -> None:
    done: list[str] = []
    job = Job("nightly", lambda run: done.append(run.number), schedule="30 2 * * *")
    with world_on(mongodb_uri, Plugin("p", jobs=(job,))) as world, ThreadPoolExecutor(8) as threads:
        runners = [runner(world, f"w{n}") for n in range(8)]
        list(threads.map(Runner.look_at_schedules, runners))
        assert next_runs() == {("p", "nightly"): datetime(2026, 2, 1, 2, 30, tzinfo=UTC)}
        assert world.database.jobs.runs() == []
        for day in (1, 2):
            world.clock.at = datetime(2026, 2, day, 2, 30, 1, tzinfo=UTC)
            asked = list(threads.map(Runner.look_at_schedules, runners))
            assert asked.count(True) == 1
            list(threads.map(Runner.step, runners))
            assert len(done) == day


def test_missed_runs_are_made_up_for_by_one(mongodb_uri: str) -> None:
    done: list[str] = []
    job = Job("hourly", lambda run: done.append(run.number), schedule="0 * * * *")
    with world_on(mongodb_uri, Plugin("p", jobs=(job,))) as world:
        drain(world)
        world.clock.advance(days=3)
        drain(world)
        assert len(done) == 1
        assert next_runs()["p", "hourly"] == datetime(2026, 2, 3, 9, 0, tzinfo=UTC)
        # One that still waits stands for those that follow.
        world.clock.advance(hours=1)
        runner(world).look_at_schedules()
        world.clock.advance(hours=1)
        runner(world).look_at_schedules()
        drain(world)
        assert len(done) == 2


def test_changed_schedule_counts_from_now(mongodb_uri: str) -> None:
    with world_on(mongodb_uri, Plugin("p", jobs=(Job("j", lambda run: None, schedule="0 9 * * *"),))) as world:
        drain(world)
        changed = world.with_plugins(Plugin("p", jobs=(Job("j", lambda run: None, schedule="0 12 * * *"),)))
        drain(changed)
        assert next_runs() == {("p", "j"): datetime(2026, 1, 31, 12, 0, tzinfo=UTC)}


@pytest.mark.parametrize("expression", ["", "x", "* * * *", "61 * * * *", "0 0 31 2 *"])
def test_schedule_that_is_none_stops_the_start(mongodb_uri: str, expression: str) -> None:
    with (
        world_on(mongodb_uri, Plugin("p", jobs=(Job("j", lambda run: None, schedule=expression),))) as world,
        pytest.raises(ConfigurationError, match="p/j cannot be scheduled"),
    ):
        known_jobs(world)


@pytest.mark.parametrize(
    ("zone", "after", "expected"),
    [
        ("Asia/Shanghai", "2026-01-31T08:00Z", "2026-01-31T18:30Z"),
        ("UTC", "2026-01-31T08:00Z", "2026-02-01T02:30Z"),
        # Vienna has no 02:30 on that night, and two of them on the other.
        ("Europe/Vienna", "2026-03-28T12:00Z", "2026-03-29T01:00Z"),
        ("Europe/Vienna", "2026-10-24T12:00Z", "2026-10-25T00:30Z"),
        ("Europe/Vienna", "2026-10-25T00:30Z", "2026-10-26T01:30Z"),
    ],
)
def test_cron_expressions_mean_the_time_of_the_site(zone: str, after: str, expected: str) -> None:
    found = following("30 2 * * *", ZoneInfo(zone), datetime.fromisoformat(after))
    assert found == datetime.fromisoformat(expected)


def test_plugin_that_comes_later_is_told_of_what_there_is(mongodb_uri: str) -> None:
    with world_on(mongodb_uri) as world:
        for n in range(30):
            world.put(f"Patient/p{n}")
        world.put("Patient/p1", active=True)
        world.delete("Patient/p2")
        drain(world)
        late = Listener("late")
        joined = world.with_plugins(late.plugin)
        joined.database.jobs.schedule("fhirhub", "replay", {"plugin": "late", "type": "Patient"}, key="late Patient")
        drain(joined)
        assert late.versions == {f"Patient/p{n}": [2 if n == 1 else 1] for n in range(30) if n != 2}
        assert joined.deliveries.counts() == {}
        run = joined.database.jobs.runs("fhirhub", "replay")[0]
        assert (run.state, run.result) == ("done", {"delivered": 29})
