from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0004_count_events_as_they_are_written'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='outboxdelivery',
            index=models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['handler', 'state'], name='outbox_delivery_open'),
        ),
    ]
