import django.core.serializers.json
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='OutboxMessage',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('task', models.CharField(max_length=200, verbose_name='task')),
                ('payload', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, verbose_name='arguments')),
                ('request_id', models.CharField(blank=True, max_length=200, verbose_name='request id')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('available_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='not before')),
                ('published_at', models.DateTimeField(blank=True, null=True, verbose_name='published at')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('last_error', models.TextField(blank=True, verbose_name='last error')),
            ],
            options={
                'verbose_name': 'outbox message',
                'verbose_name_plural': 'outbox messages',
                'db_table': 'outbox_messages',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('published_at', None)), fields=['id'], name='idx_outbox_messages_pending'), models.Index(fields=['published_at'], name='idx_outbox_messages_published')],
            },
        ),
    ]
