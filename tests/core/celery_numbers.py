"""Numbers of events in which the handler of celery_app.py does harm in its first attempt."""

KILLS_ITS_PROCESS = 666
WAITS_FOR_EVER = 667
