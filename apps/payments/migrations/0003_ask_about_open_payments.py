from django.db import migrations
from django.db.models import F


def schedule(apps, schema_editor):
    """Payments that were open before inquiries had a time of their own are asked about now."""
    payments = apps.get_model("payments", "Payment").objects
    payments.filter(status__in=["pending", "requires_action", "processing"]).update(next_inquiry_at=F("created_at"))


class Migration(migrations.Migration):

    dependencies = [
        ("payments", "0002_keep_disputes_refund_lines_and_wallet"),
    ]

    operations = [
        migrations.RunPython(schedule, migrations.RunPython.noop, elidable=True),
    ]
