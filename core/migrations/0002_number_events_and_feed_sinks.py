from django.db import migrations, models


def number(apps, schema_editor):
    """Events that were dispatched before have their places in order of their ids."""
    events = apps.get_model("core", "OutboxEvent").objects
    ids = events.filter(dispatched_at__isnull=False).order_by("id").values_list("id", flat=True)
    last = 0
    for last, event_id in enumerate(list(ids), start=1):
        events.filter(pk=event_id).update(position=last)
    apps.get_model("core", "EventSequence").objects.create(pk=1, last=last)


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0001_create_core'),
    ]

    operations = [
        migrations.CreateModel(
            name='EventSequence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last', models.BigIntegerField(default=0)),
            ],
            options={
                'db_table': 'core_event_sequence',
            },
        ),
        migrations.CreateModel(
            name='SinkCursor',
            fields=[
                ('sink', models.CharField(max_length=50, primary_key=True, serialize=False)),
                ('position', models.BigIntegerField(default=0)),
                ('due_at', models.DateTimeField()),
                ('leased_until', models.DateTimeField(null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('last_error', models.TextField(blank=True)),
            ],
            options={
                'db_table': 'core_sink_cursor',
                'ordering': ('sink',),
            },
        ),
        migrations.AddField(
            model_name='outboxevent',
            name='position',
            field=models.BigIntegerField(editable=False, null=True, unique=True),
        ),
        migrations.RunPython(number, migrations.RunPython.noop),
    ]
