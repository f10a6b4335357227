import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('sealed_at', models.DateTimeField(verbose_name='sealed at')),
                ('row_count', models.PositiveIntegerField(verbose_name='entries')),
                ('previous_digest', models.BinaryField(max_length=32, verbose_name='previous digest')),
                ('digest', models.BinaryField(max_length=32, verbose_name='digest')),
            ],
            options={
                'verbose_name': 'audit seal',
                'verbose_name_plural': 'audit seals',
                'db_table': 'audit_seals',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('previous_digest',), name='uniq_audit_seals_previous_digest'), models.CheckConstraint(condition=models.Q(('row_count__gt', 0)), name='check_audit_seals_not_empty')],
            },
        ),
        migrations.CreateModel(
            name='ChainEnd',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('seal_id', models.BigIntegerField(verbose_name='last seal')),
                ('digest', models.BinaryField(max_length=32, verbose_name='digest')),
            ],
            options={
                'verbose_name': 'end of the chain of seals',
                'verbose_name_plural': 'end of the chain of seals',
                'db_table': 'audit_chain_end',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='check_audit_chain_end_single')],
            },
        ),
        migrations.CreateModel(
            name='AuditLog',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('xid', models.BigIntegerField(verbose_name='transaction')),
                ('occurred_at', models.DateTimeField(verbose_name='occurred at')),
                ('actor_id', models.UUIDField(blank=True, null=True, verbose_name='actor')),
                ('source', models.CharField(choices=[('API', 'API'), ('ADMIN', 'Back office'), ('TASK', 'Background task'), ('COMMAND', 'Command line'), ('DATABASE', 'Database')], max_length=10, verbose_name='source')),
                ('request_id', models.CharField(blank=True, max_length=200, verbose_name='request id')),
                ('ip', models.GenericIPAddressField(blank=True, null=True, verbose_name='IP address')),
                ('entity_type', models.CharField(max_length=63, verbose_name='table')),
                ('entity_id', models.TextField(verbose_name='row')),
                ('action', models.CharField(choices=[('INSERT', 'Created'), ('UPDATE', 'Changed'), ('DELETE', 'Removed')], max_length=6, verbose_name='action')),
                ('changes', models.JSONField(verbose_name='changes')),
                ('row_version', models.DateTimeField(blank=True, null=True, verbose_name='version of the row')),
                ('seal', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='audit.auditseal', verbose_name='seal')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit log',
                'db_table': 'audit_logs',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['seal', 'id'], name='idx_audit_logs_seal'), models.Index(fields=['entity_id', '-id'], name='idx_audit_logs_record'), models.Index(fields=['entity_type', '-id'], name='idx_audit_logs_table'), models.Index(fields=['actor_id', '-id'], name='idx_audit_logs_actor'), django.contrib.postgres.indexes.BrinIndex(fields=['occurred_at'], name='idx_audit_logs_occurred', pages_per_range=16), models.Index(condition=models.Q(('request_id', ''), _negated=True), fields=['request_id'], name='idx_audit_logs_request')],
            },
        ),
    ]
