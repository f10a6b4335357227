import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import faultreporter.db
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.UUIDField(default=faultreporter.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('kind', models.CharField(choices=[('ALERT_RAISED', 'New alert'), ('ALERT_ESCALATED', 'Alert escalated'), ('ALERT_REMINDER', 'Alert not acknowledged yet'), ('ALERT_UPDATED', 'News on an alert'), ('ALERT_RESOLVED', 'Alert resolved'), ('ORDER_ASSIGNED', 'Work order assigned'), ('ORDER_UPDATED', 'News on a work order'), ('ORDER_OVERDUE', 'Work order overdue'), ('SLA_AT_RISK', 'Service target at risk'), ('SLA_BREACHED', 'Service target missed'), ('PLAN_DUE', 'Maintenance due'), ('PART_LOW', 'Spare part running low'), ('ANALYSIS_FINISHED', 'Analysis finished'), ('SYSTEM', 'From the system')], max_length=20, verbose_name='kind')),
                ('severity', models.CharField(choices=[('LOW', 'Low'), ('MEDIUM', 'Medium'), ('HIGH', 'High'), ('CRITICAL', 'Critical')], default='MEDIUM', max_length=10, verbose_name='severity')),
                ('title', models.CharField(max_length=200, verbose_name='title')),
                ('body', models.TextField(blank=True, verbose_name='text')),
                ('subject_type', models.CharField(help_text='As in alerts.alert.', max_length=60, verbose_name='about a')),
                ('subject_id', models.CharField(max_length=40, verbose_name='id of what it is about')),
                ('group', models.CharField(help_text='Those of one group share a push.', max_length=100, verbose_name='group')),
                ('about', models.CharField(blank=True, max_length=200, verbose_name='name of the group')),
                ('key', models.CharField(help_text='A person is told once per key, ever.', max_length=200, verbose_name='key')),
                ('read_at', models.DateTimeField(blank=True, null=True, verbose_name='read at')),
                ('planned_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='planned at')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'notification',
                'verbose_name_plural': 'notifications',
                'db_table': 'notifications',
                'ordering': ('-created_at', '-id'),
                'indexes': [models.Index(fields=['user', '-created_at', '-id'], name='idx_notifications_inbox'), models.Index(condition=models.Q(('read_at', None)), fields=['user', '-created_at', '-id'], name='idx_notifications_unread'), models.Index(condition=models.Q(('planned_at', None)), fields=['created_at'], name='idx_notifications_unplanned'), models.Index(condition=models.Q(('read_at__isnull', False)), fields=['read_at'], name='idx_notifications_read')],
                'constraints': [models.UniqueConstraint(fields=('user', 'key'), name='uniq_notifications_user_key')],
            },
        ),
        migrations.CreateModel(
            name='NotificationPreferences',
            fields=[
                ('id', models.UUIDField(default=faultreporter.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('push_off', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('ALERT_RAISED', 'New alert'), ('ALERT_ESCALATED', 'Alert escalated'), ('ALERT_REMINDER', 'Alert not acknowledged yet'), ('ALERT_UPDATED', 'News on an alert'), ('ALERT_RESOLVED', 'Alert resolved'), ('ORDER_ASSIGNED', 'Work order assigned'), ('ORDER_UPDATED', 'News on a work order'), ('ORDER_OVERDUE', 'Work order overdue'), ('SLA_AT_RISK', 'Service target at risk'), ('SLA_BREACHED', 'Service target missed'), ('PLAN_DUE', 'Maintenance due'), ('PART_LOW', 'Spare part running low'), ('ANALYSIS_FINISHED', 'Analysis finished'), ('SYSTEM', 'From the system')], max_length=20), blank=True, default=list, size=None, verbose_name='no push for')),
                ('email_off', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('ALERT_RAISED', 'New alert'), ('ALERT_ESCALATED', 'Alert escalated'), ('ALERT_REMINDER', 'Alert not acknowledged yet'), ('ALERT_UPDATED', 'News on an alert'), ('ALERT_RESOLVED', 'Alert resolved'), ('ORDER_ASSIGNED', 'Work order assigned'), ('ORDER_UPDATED', 'News on a work order'), ('ORDER_OVERDUE', 'Work order overdue'), ('SLA_AT_RISK', 'Service target at risk'), ('SLA_BREACHED', 'Service target missed'), ('PLAN_DUE', 'Maintenance due'), ('PART_LOW', 'Spare part running low'), ('ANALYSIS_FINISHED', 'Analysis finished'), ('SYSTEM', 'From the system')], max_length=20), blank=True, default=list, size=None, verbose_name='no e-mail for')),
                ('push_minimum', models.CharField(choices=[('LOW', 'Low'), ('MEDIUM', 'Medium'), ('HIGH', 'High'), ('CRITICAL', 'Critical')], default='LOW', max_length=10, verbose_name='push from severity')),
                ('email_minimum', models.CharField(choices=[('LOW', 'Low'), ('MEDIUM', 'Medium'), ('HIGH', 'High'), ('CRITICAL', 'Critical')], default='HIGH', help_text='An e-mail is sent when no push reached you.', max_length=10, verbose_name='e-mail from severity')),
                ('quiet_from', models.TimeField(blank=True, help_text='In your own time zone. Only what is critical rings in these hours.', null=True, verbose_name='quiet from')),
                ('quiet_to', models.TimeField(blank=True, null=True, verbose_name='quiet until')),
                ('digest', models.CharField(choices=[('OFF', 'Never'), ('DAILY', 'Daily')], default='OFF', help_text='One e-mail with what is unread and was sent neither as a push nor as an e-mail.', max_length=10, verbose_name='digest')),
                ('digest_hour', models.PositiveSmallIntegerField(default=7, verbose_name='hour of the digest')),
                ('digest_sent_on', models.DateField(blank=True, editable=False, null=True)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='notification_preferences', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'notification preferences',
                'verbose_name_plural': 'notification preferences',
                'db_table': 'notification_preferences',
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('quiet_from', None), ('quiet_to', None)), models.Q(('quiet_from__isnull', False), ('quiet_to__isnull', False)), _connector='OR'), name='check_notification_preferences_quiet', violation_error_message='Quiet hours need both a beginning and an end.'), models.CheckConstraint(condition=models.Q(('digest_hour__lte', 23)), name='check_notification_preferences_hour', violation_error_message='An hour is 0 to 23.')],
            },
        ),
        migrations.CreateModel(
            name='PushTarget',
            fields=[
                ('id', models.UUIDField(default=faultreporter.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('provider', models.CharField(choices=[('FCM_FID', 'Firebase installation'), ('FCM_TOKEN', 'Firebase registration token'), ('APNS', 'Apple push service'), ('EXPO', 'Expo')], max_length=10, verbose_name='service')),
                ('value', models.CharField(max_length=512, verbose_name='id or token')),
                ('platform', models.CharField(blank=True, choices=[('ANDROID', 'Android'), ('IOS', 'iOS'), ('WEB', 'Web')], max_length=10, verbose_name='platform')),
                ('app_version', models.CharField(blank=True, max_length=40, verbose_name='app version')),
                ('registered_at', models.DateTimeField(verbose_name='last registered')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='push_targets', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'push target',
                'verbose_name_plural': 'push targets',
                'db_table': 'push_targets',
                'ordering': ('-registered_at', '-id'),
                'constraints': [models.UniqueConstraint(fields=('value',), name='uniq_push_targets_value')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=faultreporter.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('channel', models.CharField(choices=[('PUSH', 'Push'), ('EMAIL', 'E-mail'), ('DIGEST', 'Digest')], max_length=10, verbose_name='way')),
                ('address', models.CharField(blank=True, max_length=254, verbose_name='to')),
                ('state', models.CharField(choices=[('PENDING', 'Waiting'), ('SENT', 'Sent'), ('FAILED', 'Failed'), ('SKIPPED', 'Not sent'), ('DEAD', 'Phone unknown')], default='PENDING', max_length=10, verbose_name='state')),
                ('reason', models.CharField(blank=True, choices=[('QUIET_HOURS', 'Waits for the end of the quiet hours'), ('GATHERING', 'Waits for others of its group'), ('NOT_WANTED', "Not wanted by the person's settings"), ('NO_TARGET', 'The person has registered no phone'), ('NOT_CONFIGURED', "This push service isn't configured"), ('COLLAPSED', 'A later one stands for it'), ('READ', 'Read before it was sent'), ('INACTIVE', "The person isn't active any more"), ('PROVIDER_DOWN', "The service couldn't be reached"), ('REFUSED', 'The service refused it'), ('TARGET_GONE', 'The app is no longer on that phone, or belongs to somebody else')], max_length=20, verbose_name='reason')),
                ('due_at', models.DateTimeField(verbose_name='not before')),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('stands_for', models.PositiveIntegerField(default=1, verbose_name='stands for')),
                ('claim', models.UUIDField(blank=True, editable=False, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='being sent until')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='sent at')),
                ('notification', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='notifications.notification', verbose_name='notification')),
                ('target', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='notifications.pushtarget', verbose_name='push target')),
            ],
            options={
                'verbose_name': 'delivery',
                'verbose_name_plural': 'deliveries',
                'db_table': 'notification_deliveries',
                'ordering': ('-created_at', '-id'),
                'indexes': [models.Index(condition=models.Q(('state', 'PENDING')), fields=['channel', 'due_at'], name='idx_deliveries_due'), models.Index(condition=models.Q(('state', 'SENT')), fields=['sent_at'], name='idx_deliveries_sent'), models.Index(fields=['-created_at', '-id'], name='idx_deliveries_newest')],
                'constraints': [models.UniqueConstraint(fields=('notification', 'channel', 'target'), name='uniq_deliveries_target'), models.UniqueConstraint(condition=models.Q(('channel', 'PUSH'), _negated=True), fields=('notification', 'channel'), name='uniq_deliveries_channel'), models.CheckConstraint(condition=models.Q(models.Q(('sent_at__isnull', False), ('state', 'SENT')), models.Q(models.Q(('state', 'SENT'), _negated=True), ('sent_at', None)), _connector='OR'), name='check_deliveries_sent')],
            },
        ),
        migrations.CreateModel(
            name='DeliveryAttempt',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField(verbose_name='at')),
                ('outcome', models.CharField(choices=[('STARTED', 'No answer known'), ('SENT', 'Sent'), ('RETRY', 'Failed for now'), ('REFUSED', 'Refused'), ('TARGET_GONE', 'Phone unknown')], default='STARTED', max_length=12, verbose_name='outcome')),
                ('reason', models.CharField(blank=True, max_length=60, verbose_name='reason')),
                ('detail', models.CharField(blank=True, max_length=500, verbose_name='detail')),
                ('provider_id', models.CharField(blank=True, max_length=200, verbose_name="the service's id")),
                ('milliseconds', models.PositiveIntegerField(blank=True, null=True, verbose_name='milliseconds')),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='notifications.delivery', verbose_name='delivery')),
            ],
            options={
                'verbose_name': 'attempt',
                'verbose_name_plural': 'attempts',
                'db_table': 'notification_delivery_attempts',
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['at'], name='idx_delivery_attempts_age')],
            },
        ),
    ]
