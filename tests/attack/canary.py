"""A workflow that gets one text by every way there is."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError


@activity.defn
def canary_step(text: str) -> str:
    """Beats with the canary, then fails once with it, then returns it."""
    activity.heartbeat(f"beat {text}")
    if activity.info().attempt == 1:
        raise ApplicationError(f"failed with {text}", {"detail": text}, type="CANARY_FAILED")
    return f"{text} {activity.info().heartbeat_details}"


@workflow.defn
class Canary:
    """Takes the canary by every way there is."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.done = False

    @workflow.run
    async def run(self, text: str) -> list[str]:
        workflow.set_current_details(f"details {text}")
        workflow.upsert_memo({"later": f"memo {text}"})
        await workflow.wait_condition(lambda: self.done)
        retry = RetryPolicy(initial_interval=timedelta(milliseconds=10))
        for_now = timedelta(seconds=30)
        self.seen.append(
            await workflow.execute_activity(
                canary_step, text, start_to_close_timeout=for_now, retry_policy=retry, summary=f"summary {text}"
            )
        )
        return self.seen

    @workflow.signal
    def say(self, text: str) -> None:
        self.seen.append(f"signal {text}")

    @workflow.update
    def change(self, text: str) -> str:
        self.seen.append(f"update {text}")
        self.done = text.startswith("end")
        return f"changed by {text}"

    @change.validator
    def _check(self, text: str) -> None:
        if text.startswith("bad"):
            raise ApplicationError(f"refused {text}", type="UPDATE_REFUSED")

    @workflow.query
    def status(self, text: str = "") -> list[str]:
        return [*self.seen, f"query {text}"]
