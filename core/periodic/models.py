"""When each periodic job ran last and who runs it now."""

from django.db import models


class PeriodicRun(models.Model):
    """One row per job: claimed by conditional UPDATE, so that one process of many runs it."""

    job = models.CharField(max_length=150, primary_key=True)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    last_started_at = models.DateTimeField(null=True)
    last_finished_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        db_table = "core_periodic_run"
        ordering = ("job",)

    def __str__(self) -> str:
        return self.job
