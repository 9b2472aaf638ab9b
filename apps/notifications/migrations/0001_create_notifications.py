import core.ids
from django.db import migrations, models

from core.append_only import refuse_changes


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='SentEmail',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('message_id', models.CharField(max_length=255, unique=True)),
                ('kind', models.CharField(max_length=50)),
                ('recipient', models.EmailField(max_length=254)),
                ('subject', models.CharField(max_length=255)),
                ('reference', models.CharField(blank=True, max_length=100)),
            ],
            options={
                'ordering': ('-created_at', '-id'),
            },
        ),
        refuse_changes("notifications_sentemail"),
    ]
