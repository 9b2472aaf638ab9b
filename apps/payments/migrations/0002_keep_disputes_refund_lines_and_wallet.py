import core.fields
import core.ids
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

from core.append_only import refuse_changes


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0001_create_orders'),
        ('payments', '0001_create_payments'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PaymentMethod',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('provider', models.CharField(max_length=12)),
                ('reference', models.CharField(max_length=100)),
                ('kind', models.CharField(default='card', max_length=30)),
                ('brand', models.CharField(blank=True, max_length=30)),
                ('last4', models.CharField(blank=True, max_length=4)),
                ('exp_month', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('exp_year', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('is_default', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ('-is_default', '-created_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='ProviderCustomer',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('provider', models.CharField(max_length=12)),
                ('reference', models.CharField(max_length=100)),
            ],
            options={
                'ordering': ('-created_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='RefundLine',
            fields=[
                ('id', models.UUIDField(default=core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('quantity', models.PositiveIntegerField()),
                ('amount', core.fields.MoneyField(decimal_places=3, max_digits=14)),
                ('currency', core.fields.CurrencyField(max_length=3)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.RemoveConstraint(
            model_name='paymententry',
            name='payment_entry_kind_known',
        ),
        migrations.RemoveIndex(
            model_name='payment',
            name='payment_to_inquire',
        ),
        migrations.AddField(
            model_name='payment',
            name='charged_back_amount',
            field=core.fields.MoneyField(decimal_places=3, default=0, max_digits=14),
        ),
        migrations.AddField(
            model_name='payment',
            name='disputed_amount',
            field=core.fields.MoneyField(decimal_places=3, default=0, max_digits=14),
        ),
        migrations.AddField(
            model_name='payment',
            name='next_inquiry_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='payment',
            name='session_reference',
            field=models.CharField(blank=True, editable=False, max_length=100),
        ),
        migrations.AddField(
            model_name='refund',
            name='request_key',
            field=models.CharField(blank=True, editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name='refund',
            name='restocked',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='refund',
            name='takes_shipping',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='webhookevent',
            name='due_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='paymententry',
            name='kind',
            field=models.CharField(choices=[('requires_action', 'Requires Action'), ('declined', 'Declined'), ('processing', 'Processing'), ('authorised', 'Authorised'), ('captured', 'Captured'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('refunded', 'Refunded'), ('refund_failed', 'Refund Failed'), ('disputed', 'Disputed'), ('dispute_won', 'Dispute Won'), ('dispute_lost', 'Dispute Lost')], max_length=16),
        ),
        migrations.AlterField(
            model_name='refund',
            name='cause',
            field=models.CharField(choices=[('requested', 'Requested'), ('order_cancelled', 'Order Cancelled'), ('surplus', 'Surplus'), ('provider', 'Provider')], default='requested', max_length=16),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('next_inquiry_at__isnull', False)), fields=['next_inquiry_at'], name='payment_to_inquire'),
        ),
        migrations.AddIndex(
            model_name='webhookevent',
            index=models.Index(condition=models.Q(('state', 'received')), fields=['due_at'], name='webhook_event_to_apply'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('captured_amount__gte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('refunded_amount'), '+', models.F('disputed_amount')), '+', models.F('charged_back_amount')))), name='payment_gone_within_captured'),
        ),
        migrations.AddConstraint(
            model_name='paymententry',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['requires_action', 'declined', 'processing', 'authorised', 'captured', 'failed', 'cancelled', 'refunded', 'refund_failed', 'disputed', 'dispute_won', 'dispute_lost'])), name='payment_entry_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(condition=models.Q(('provider_reference', ''), _negated=True), fields=('payment', 'provider_reference'), name='one_refund_per_provider_reference'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(condition=models.Q(('request_key', ''), _negated=True), fields=('payment', 'request_key'), name='one_refund_per_request_key'),
        ),
        migrations.AddField(
            model_name='paymentmethod',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='payment_methods', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='providercustomer',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='provider_customers', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='refundline',
            name='order_item',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refund_lines', to='orders.orderitem'),
        ),
        migrations.AddField(
            model_name='refundline',
            name='refund',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='payments.refund'),
        ),
        migrations.AddConstraint(
            model_name='paymentmethod',
            constraint=models.UniqueConstraint(fields=('user', 'provider', 'reference'), name='one_row_per_saved_method'),
        ),
        migrations.AddConstraint(
            model_name='paymentmethod',
            constraint=models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('user',), name='one_default_payment_method_per_user'),
        ),
        migrations.AddConstraint(
            model_name='providercustomer',
            constraint=models.UniqueConstraint(fields=('user', 'provider'), name='one_customer_per_user_and_provider'),
        ),
        migrations.AddConstraint(
            model_name='providercustomer',
            constraint=models.UniqueConstraint(fields=('provider', 'reference'), name='one_user_per_provider_customer'),
        ),
        migrations.AddConstraint(
            model_name='refundline',
            constraint=models.UniqueConstraint(fields=('refund', 'order_item'), name='one_refund_line_per_order_item'),
        ),
        migrations.AddConstraint(
            model_name='refundline',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='refund_line_quantity_positive'),
        ),
        refuse_changes("payments_paymententry", may_forget=("actor_id",)),
    ]
