from django.db import migrations

# A constant default rewrites no row; the sequence takes over for what is inserted from now on, also by older code.
COUNT_ON_POSTGRESQL = """
    ALTER TABLE core_outbox_event ADD COLUMN written bigint NOT NULL DEFAULT 0;
    CREATE SEQUENCE core_outbox_event_written OWNED BY core_outbox_event.written;
    ALTER TABLE core_outbox_event ALTER COLUMN written SET DEFAULT nextval('core_outbox_event_written');
    CREATE INDEX outbox_event_waiting ON core_outbox_event (written, id) WHERE dispatched_at IS NULL;
"""
COUNT_ON_SQLITE = """
    CREATE INDEX outbox_event_waiting ON core_outbox_event (dispatched_at) WHERE dispatched_at IS NULL;
"""
FORGET_ON_POSTGRESQL = """
    DROP INDEX outbox_event_waiting;
    ALTER TABLE core_outbox_event DROP COLUMN written;
"""
FORGET_ON_SQLITE = "DROP INDEX outbox_event_waiting;"


def count(apps, schema_editor):
    """SQLite counts already, in rowid, which ends every entry of an index; a rebuilt table keeps that order."""
    schema_editor.execute(COUNT_ON_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else COUNT_ON_SQLITE)


def forget(apps, schema_editor):
    schema_editor.execute(FORGET_ON_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else FORGET_ON_SQLITE)


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0003_say_what_the_feed_has_lost'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='outboxevent', name='outbox_event_waiting'),
        migrations.RunPython(count, forget),
    ]
