import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import faultreporter.db
import locations.models.calendar
from django.conf import settings
from django.db import migrations, models

# What fires was told. Where a last value is known, a state counts as having judged.
KEEP_STANDINGS = """
UPDATE iot_rule_states state SET is_told = state.state = 'FIRING', last_value = latest.value
FROM iot_latest latest WHERE latest.series_id = state.series_id"""

FIRST_VERSIONS = """
INSERT INTO iot_rule_versions (rule_id, version, in_force_from, changed_by_id, config)
SELECT id, 1, effective_from, created_by_id, jsonb_build_object(
    'title', title, 'kind', kind, 'comparison', comparison, 'trigger_value', trigger_value, 'clear_value', clear_value,
    'low_value', NULL, 'high_value', NULL, 'clear_margin', NULL, 'window_s', NULL, 'rate_per', '',
    'stale_after_s', NULL, 'stuck_for_s', NULL, 'tolerance', NULL, 'for_s', 0, 'keep_firing_s', 0, 'min_samples', 1,
    'weekly_hours', NULL, 'severity', severity, 'is_enabled', is_enabled, 'equipment_id', equipment_id,
    'category_id', category_id, 'metric_id', metric_id
)
FROM iot_rules"""


class Migration(migrations.Migration):

    dependencies = [
        ('equipment', '0001_initial'),
        ('locations', '0001_initial'),
        ('telemetry', '0005_rollups'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RenameField('rulestate', 'last_evaluated_at', 'judged_up_to'),
        migrations.CreateModel(
            name='MaintenanceWindow',
            fields=[
                ('id', models.UUIDField(default=faultreporter.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('deleted_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(verbose_name='to')),
                ('reason', models.CharField(max_length=300, verbose_name='reason')),
            ],
            options={
                'verbose_name': 'maintenance window',
                'verbose_name_plural': 'maintenance windows',
                'db_table': 'iot_maintenance_windows',
                'ordering': ('-starts_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='RuleVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(verbose_name='version')),
                ('in_force_from', models.DateTimeField(verbose_name='in force from')),
                ('config', models.JSONField(verbose_name='rule')),
            ],
            options={
                'verbose_name': 'version of a rule',
                'verbose_name_plural': 'versions of a rule',
                'db_table': 'iot_rule_versions',
                'ordering': ('-version',),
            },
        ),
        migrations.RemoveConstraint(
            model_name='rule',
            name='check_iot_rules_hysteresis',
        ),
        migrations.RemoveConstraint(
            model_name='rule',
            name='check_iot_rules_finite',
        ),
        migrations.RemoveIndex(
            model_name='rulestate',
            name='idx_iot_rule_states_firing',
        ),
        migrations.AddField(
            model_name='rule',
            name='clear_margin',
            field=models.FloatField(blank=True, help_text='So far within both values the condition is over; 0 if left out.', null=True, verbose_name='clear margin'),
        ),
        migrations.AddField(
            model_name='rule',
            name='for_s',
            field=models.PositiveIntegerField(default=0, help_text='Seconds the condition must hold before the rule fires.', validators=[django.core.validators.MaxValueValidator(2592000)], verbose_name='for'),
        ),
        migrations.AddField(
            model_name='rule',
            name='high_value',
            field=models.FloatField(blank=True, help_text='Above it the condition holds.', null=True, verbose_name='high value'),
        ),
        migrations.AddField(
            model_name='rule',
            name='keep_firing_s',
            field=models.PositiveIntegerField(default=0, help_text='Seconds the condition must be over before the alarm is; if it comes back, it is the same alarm.', validators=[django.core.validators.MaxValueValidator(2592000)], verbose_name='keep firing'),
        ),
        migrations.AddField(
            model_name='rule',
            name='low_value',
            field=models.FloatField(blank=True, help_text='Below it the condition holds.', null=True, verbose_name='low value'),
        ),
        migrations.AddField(
            model_name='rule',
            name='min_samples',
            field=models.PositiveIntegerField(default=1, help_text='So many readings in a row must meet the condition; of a stuck value, 3 if left out.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)], verbose_name='readings at least'),
        ),
        migrations.AddField(
            model_name='rule',
            name='rate_per',
            field=models.CharField(blank=True, choices=[('MINUTE', 'Minute'), ('HOUR', 'Hour')], default='', help_text='A minute if left out.', max_length=6, verbose_name='change per'),
        ),
        migrations.AddField(
            model_name='rule',
            name='stale_after_s',
            field=models.PositiveIntegerField(blank=True, help_text='Seconds without a reading, from the arrival of the last one.', null=True, validators=[django.core.validators.MaxValueValidator(2592000)], verbose_name='stale after'),
        ),
        migrations.AddField(
            model_name='rule',
            name='stuck_for_s',
            field=models.PositiveIntegerField(blank=True, help_text='Seconds in which the value hardly moves.', null=True, validators=[django.core.validators.MaxValueValidator(2592000)], verbose_name='stuck for'),
        ),
        migrations.AddField(
            model_name='rule',
            name='tolerance',
            field=models.FloatField(blank=True, help_text="Moving by no more than this isn't moving; 0 if left out.", null=True, verbose_name='tolerance'),
        ),
        migrations.AddField(
            model_name='rule',
            name='version',
            field=models.PositiveIntegerField(default=1, editable=False, help_text='Every edit makes a new one.', verbose_name='version'),
        ),
        migrations.AddField(
            model_name='rule',
            name='weekly_hours',
            field=models.JSONField(blank=True, help_text='When alarms may begin: MON to SUN, each a list of spans from and to on the clock of the site. Always if left out.', null=True, validators=[locations.models.calendar.validate_weekly_hours], verbose_name='weekly hours'),
        ),
        migrations.AddField(
            model_name='rule',
            name='window_s',
            field=models.PositiveIntegerField(blank=True, help_text='Seconds over which the change is taken.', null=True, validators=[django.core.validators.MaxValueValidator(2592000)], verbose_name='window'),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='due_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='due at'),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='is_told',
            field=models.BooleanField(default=False, help_text="An alarm was told and isn't over.", verbose_name='told'),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='last_value',
            field=models.FloatField(blank=True, null=True, verbose_name='last value'),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='memory',
            field=models.JSONField(blank=True, help_text='Earlier readings a rate of change or a stuck value needs.', null=True, verbose_name='memory'),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='pending_since',
            field=models.DateTimeField(blank=True, help_text='Time of the first reading that met the condition.', null=True, verbose_name='condition since'),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='quiet_high',
            field=models.FloatField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='quiet_low',
            field=models.FloatField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='samples',
            field=models.PositiveIntegerField(default=0, help_text='So many met the condition one after another.', verbose_name='readings in a row'),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='suppressed_by',
            field=models.CharField(blank=True, choices=[('SCHEDULE', "Outside the rule's hours"), ('MAINTENANCE_WINDOW', 'Maintenance window'), ('STATUS', 'Machine in maintenance or offline'), ('PARENT', 'The machine it is part of is silent'), ('GATEWAY', 'Its gateway is silent')], default='', max_length=20, verbose_name='suppressed by'),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='suppressed_until',
            field=models.DateTimeField(blank=True, help_text='Where it is known.', null=True, verbose_name='suppressed until'),
        ),
        migrations.AddField(
            model_name='rulestate',
            name='version',
            field=models.PositiveIntegerField(default=1, verbose_name='version of the rule'),
        ),
        migrations.AlterField(
            model_name='rule',
            name='clear_value',
            field=models.FloatField(blank=True, help_text='Back at it the condition is over; the trigger value if left out.', null=True, verbose_name='clear value'),
        ),
        migrations.AlterField(
            model_name='rule',
            name='comparison',
            field=models.CharField(blank=True, choices=[('ABOVE', 'Above'), ('BELOW', 'Below'), ('EITHER', 'In either direction')], default='ABOVE', help_text='In either direction is for rates of change.', max_length=6, verbose_name='comparison'),
        ),
        migrations.AlterField(
            model_name='rule',
            name='kind',
            field=models.CharField(choices=[('THRESHOLD', 'Threshold'), ('RANGE', 'Range'), ('RATE_OF_CHANGE', 'Rate of change'), ('STALE', 'Stale'), ('STUCK', 'Stuck')], default='THRESHOLD', max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='rule',
            name='trigger_value',
            field=models.FloatField(blank=True, help_text="In the metric's unit, of a rate of change per minute or hour. Beyond it the condition holds.", null=True, verbose_name='trigger value'),
        ),
        migrations.AlterField(
            model_name='rulestate',
            name='judged_up_to',
            field=models.DateTimeField(help_text='Time of the last reading judged; of a stale rule, of its arrival.', verbose_name='judged up to'),
        ),
        migrations.AlterField(
            model_name='rulestate',
            name='since',
            field=models.DateTimeField(help_text='The moment that brought this state.', verbose_name='since'),
        ),
        migrations.AlterField(
            model_name='rulestate',
            name='state',
            field=models.CharField(choices=[('NORMAL', 'Normal'), ('PENDING', 'Pending'), ('FIRING', 'Firing'), ('RECOVERING', 'Recovering'), ('NO_DATA', 'No data')], default='NORMAL', max_length=10, verbose_name='state'),
        ),
        migrations.AddIndex(
            model_name='rulestate',
            index=models.Index(condition=models.Q(('is_told', True)), fields=['rule', '-since'], name='idx_iot_rule_states_told'),
        ),
        migrations.AddIndex(
            model_name='rulestate',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='idx_iot_rule_states_due'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('clear_value__isnull', False), ('kind', 'THRESHOLD'), ('trigger_value__isnull', False)), models.Q(('clear_margin__gte', 0), ('kind', 'RANGE'), ('low_value__lt', models.F('high_value'))), models.Q(('clear_value__isnull', False), ('kind', 'RATE_OF_CHANGE'), ('trigger_value__isnull', False), ('window_s__gt', 0)), models.Q(('kind', 'STALE'), ('stale_after_s__gt', 0)), models.Q(('kind', 'STUCK'), ('stuck_for_s__gt', 0), ('tolerance__gte', 0)), _connector='OR'), name='check_iot_rules_kind', violation_error_message='Something is missing that a rule of this kind needs.'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('comparison', ''), models.Q(('clear_value__lte', models.F('trigger_value')), ('comparison__in', ('ABOVE', 'EITHER'))), models.Q(('clear_value__gte', models.F('trigger_value')), ('comparison', 'BELOW')), _connector='OR'), name='check_iot_rules_hysteresis', violation_error_message='The clear value must lie on the quiet side of the trigger value.'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('trigger_value__gt', float("-inf")), ('clear_value__gt', float("-inf")), ('low_value__gt', float("-inf")), ('high_value__gt', float("-inf")), ('clear_margin__gt', float("-inf")), ('tolerance__gt', float("-inf")), ('trigger_value__lt', float("inf")), ('clear_value__lt', float("inf")), ('low_value__lt', float("inf")), ('high_value__lt', float("inf")), ('clear_margin__lt', float("inf")), ('tolerance__lt', float("inf"))), name='check_iot_rules_finite', violation_error_message='Values must be finite numbers.'),
        ),
        migrations.AddField(
            model_name='maintenancewindow',
            name='created_by',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by'),
        ),
        migrations.AddField(
            model_name='maintenancewindow',
            name='deleted_by',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='maintenancewindow',
            name='equipment',
            field=models.ForeignKey(blank=True, help_text='With all its parts.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='maintenance_windows', to='equipment.equipment', verbose_name='equipment'),
        ),
        migrations.AddField(
            model_name='maintenancewindow',
            name='location',
            field=models.ForeignKey(blank=True, help_text='With everything in it.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='maintenance_windows', to='locations.location', verbose_name='location'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='changed_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='changed by'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='rule',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='telemetry.rule', verbose_name='rule'),
        ),
        migrations.AddIndex(
            model_name='maintenancewindow',
            index=models.Index(condition=models.Q(('deleted_at', None)), fields=['-starts_at', '-id'], name='idx_iot_windows_newest'),
        ),
        migrations.AddIndex(
            model_name='maintenancewindow',
            index=models.Index(condition=models.Q(('deleted_at', None)), fields=['ends_at'], name='idx_iot_windows_end'),
        ),
        migrations.AddConstraint(
            model_name='maintenancewindow',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('equipment', None), ('location__isnull', False)), models.Q(('equipment__isnull', False), ('location', None)), _connector='OR'), name='check_iot_maintenance_windows_scope', violation_error_message='Name either one machine or one place.'),
        ),
        migrations.AddConstraint(
            model_name='maintenancewindow',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='check_iot_maintenance_windows_order', violation_error_message='A window ends after it begins.'),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.UniqueConstraint(fields=('rule', 'version'), name='uniq_iot_rule_versions_rule_version'),
        ),
        migrations.RunSQL(KEEP_STANDINGS, migrations.RunSQL.noop),
        migrations.RunSQL(FIRST_VERSIONS, 'DELETE FROM iot_rule_versions'),
        # Most updates of a state move no indexed column: with room on the page they write no index.
        migrations.RunSQL('ALTER TABLE iot_rule_states SET (fillfactor = 60)', 'ALTER TABLE iot_rule_states RESET (fillfactor)'),
    ]
