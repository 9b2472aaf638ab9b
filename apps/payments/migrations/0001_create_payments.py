import core.fields
import core.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from core.append_only import refuse_changes


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('orders', '0001_create_orders'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('provider', models.CharField(max_length=12)),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('requires_action', 'Requires Action'), ('processing', 'Processing'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('partially_refunded', 'Partially Refunded'), ('refunded', 'Refunded')], default='pending', max_length=20)),
                ('amount', core.fields.MoneyField(decimal_places=3, max_digits=14)),
                ('currency', core.fields.CurrencyField(max_length=3)),
                ('captured_amount', core.fields.MoneyField(decimal_places=3, default=0, max_digits=14)),
                ('refunded_amount', core.fields.MoneyField(decimal_places=3, default=0, max_digits=14)),
                ('ledger_size', models.PositiveIntegerField(default=0)),
                ('payment_method_id', models.CharField(blank=True, max_length=100)),
                ('transaction_id', models.CharField(blank=True, max_length=100)),
                ('client_secret', models.CharField(blank=True, max_length=255)),
                ('redirect_url', models.CharField(blank=True, max_length=1000)),
                ('failure_code', models.CharField(blank=True, max_length=100)),
                ('request_key', models.CharField(blank=True, editable=False, max_length=64)),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='orders.order')),
            ],
            options={
                'ordering': ('-created_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='PaymentEntry',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('kind', models.CharField(choices=[('requires_action', 'Requires Action'), ('processing', 'Processing'), ('captured', 'Captured'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('refunded', 'Refunded')], max_length=16)),
                ('amount', core.fields.MoneyField(decimal_places=3, default=0, max_digits=14)),
                ('currency', core.fields.CurrencyField(max_length=3)),
                ('reference', models.CharField(max_length=150)),
                ('occurred_at', models.DateTimeField()),
                ('detail', models.JSONField(default=dict)),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('payment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='payments.payment')),
            ],
            options={
                'verbose_name_plural': 'payment entries',
                'ordering': ('occurred_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Refund',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('amount', core.fields.MoneyField(decimal_places=3, max_digits=14)),
                ('currency', core.fields.CurrencyField(max_length=3)),
                ('cause', models.CharField(choices=[('requested', 'Requested'), ('order_cancelled', 'Order Cancelled'), ('surplus', 'Surplus')], default='requested', max_length=16)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('succeeded', 'Succeeded'), ('failed', 'Failed')], default='pending', max_length=10)),
                ('provider_reference', models.CharField(blank=True, max_length=150)),
                ('failure_code', models.CharField(blank=True, max_length=100)),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('payment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='payments.payment')),
            ],
            options={
                'ordering': ('-created_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='WebhookEvent',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('provider', models.CharField(max_length=12)),
                ('event_id', models.CharField(max_length=255)),
                ('body', models.BinaryField()),
                ('digest', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('received', 'Received'), ('processed', 'Processed'), ('ignored', 'Ignored'), ('quarantined', 'Quarantined')], default='received', max_length=12)),
                ('reason', models.CharField(blank=True, max_length=255)),
                ('received_at', models.DateTimeField()),
                ('processed_at', models.DateTimeField(blank=True, null=True)),
                ('payment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='webhook_events', to='payments.payment')),
            ],
            options={
                'ordering': ('-received_at', '-id'),
            },
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('status', 'processing'), models.Q(('status', 'pending'), ('transaction_id', '')), _connector='OR'), fields=['created_at'], name='payment_to_inquire'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['pending', 'processing', 'requires_action'])), fields=('order',), name='one_open_payment_per_order'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(condition=models.Q(('transaction_id', ''), _negated=True), fields=('provider', 'transaction_id'), name='one_payment_per_transaction'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(condition=models.Q(('request_key', ''), _negated=True), fields=('order', 'provider', 'request_key'), name='one_payment_per_request_key'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='payment_amount_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'requires_action', 'processing', 'succeeded', 'failed', 'cancelled', 'partially_refunded', 'refunded'])), name='payment_status_known'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('refunded_amount__lte', models.F('captured_amount'))), name='payment_refunded_within_captured'),
        ),
        migrations.AddConstraint(
            model_name='paymententry',
            constraint=models.UniqueConstraint(fields=('payment', 'kind', 'reference'), name='one_entry_per_provider_reference'),
        ),
        migrations.AddConstraint(
            model_name='paymententry',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['requires_action', 'processing', 'captured', 'failed', 'cancelled', 'refunded'])), name='payment_entry_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='paymententry',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='payment_entry_amount_not_negative'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['created_at'], name='refund_to_carry_out'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='refund_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='webhookevent',
            constraint=models.UniqueConstraint(fields=('provider', 'event_id'), name='one_inbox_row_per_event'),
        ),
        refuse_changes("payments_paymententry", may_forget=("actor_id",)),
    ]
