import core.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0001_create_notifications'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=30)),
                ('event_id', models.UUIDField(editable=False)),
                ('data', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField()),
                ('read_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-created_at', '-id'),
                'indexes': [models.Index(fields=['user', '-created_at', '-id'], name='notification_of_user'), models.Index(condition=models.Q(('read_at', None)), fields=['user'], name='notification_unread'), models.Index(fields=['created_at'], name='notification_by_age')],
                'constraints': [models.UniqueConstraint(fields=('event_id', 'user', 'kind'), name='one_notification_per_event_and_user')],
            },
        ),
        migrations.CreateModel(
            name='OptOut',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=30)),
                ('channel', models.CharField(choices=[('in_app', 'In App'), ('mail', 'Mail')], max_length=10)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notification_opt_outs', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('kind', 'channel', 'id'),
                'constraints': [models.UniqueConstraint(fields=('user', 'kind', 'channel'), name='one_opt_out_per_kind_and_channel')],
            },
        ),
    ]
