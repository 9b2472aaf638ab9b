from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0002_number_events_and_feed_sinks'),
    ]

    operations = [
        migrations.AddField(
            model_name='eventsequence',
            name='gone',
            field=models.BigIntegerField(default=0),
        ),
    ]
