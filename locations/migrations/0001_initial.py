import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import faultreporter.accounts.validators
import faultreporter.db
import locations.models.calendar
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('api', '0001_extensions'),
        ('attachments', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='BusinessCalendar',
            fields=[
                ('id', models.UUIDField(default=faultreporter.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('deleted_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('description', models.TextField(blank=True, verbose_name='description')),
                ('weekly_hours', models.JSONField(default=locations.models.calendar.office_hours, help_text='MON to SUN, each a list of openings from and to, in the local time of the site.', validators=[locations.models.calendar.validate_weekly_hours], verbose_name='weekly hours')),
                ('is_default', models.BooleanField(default=False, help_text='Sites without a calendar of their own follow this one.', verbose_name='default')),
                ('deleted_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'business calendar',
                'verbose_name_plural': 'business calendars',
                'db_table': 'business_calendars',
                'constraints': [models.UniqueConstraint(condition=models.Q(('deleted_at', None)), fields=('name',), name='uniq_business_calendars_name_living', violation_error_message='Another calendar has this name.'), models.UniqueConstraint(condition=models.Q(('deleted_at', None), ('is_default', True)), fields=('is_default',), name='uniq_business_calendars_default')],
            },
        ),
        migrations.CreateModel(
            name='Holiday',
            fields=[
                ('id', models.UUIDField(default=faultreporter.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('date', models.DateField(verbose_name='date')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('every_year', models.BooleanField(default=False, help_text='On this date of every year; otherwise only on this one.', verbose_name='every year')),
                ('calendar', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='holidays', to='locations.businesscalendar', verbose_name='calendar')),
            ],
            options={
                'verbose_name': 'holiday',
                'verbose_name_plural': 'holidays',
                'db_table': 'business_holidays',
                'ordering': ('date',),
                'constraints': [models.UniqueConstraint(fields=('calendar', 'date'), name='uniq_business_holidays_date', violation_error_message='This day is a holiday already.')],
            },
        ),
        migrations.CreateModel(
            name='Location',
            fields=[
                ('id', models.UUIDField(default=faultreporter.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('deleted_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('kind', models.CharField(choices=[('SITE', 'Site'), ('BUILDING', 'Building'), ('FLOOR', 'Floor'), ('ROOM', 'Room'), ('ZONE', 'Zone')], max_length=10, verbose_name='kind')),
                ('code', models.CharField(max_length=50, validators=[django.core.validators.RegexValidator('^[A-Z0-9-]+\\Z', 'Use capital letters, digits and hyphens only.', code='pattern')], verbose_name='code')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('description', models.TextField(blank=True, verbose_name='description')),
                ('floor_level', models.SmallIntegerField(blank=True, help_text='0 is the ground floor, −1 the first basement.', null=True, verbose_name='floor level')),
                ('latitude', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='latitude')),
                ('longitude', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='longitude')),
                ('address', models.CharField(blank=True, max_length=300, verbose_name='address')),
                ('time_zone', models.CharField(blank=True, help_text='Of a site, as Europe/Berlin; quarters and business hours are counted in it.', max_length=64, validators=[faultreporter.accounts.validators.validate_time_zone], verbose_name='time zone')),
                ('open_to_all', models.BooleanField(default=True, help_text='Of a site: every signed-in person sees it. Otherwise only its members and administrators.', verbose_name='open to all')),
                ('plan_x', models.FloatField(blank=True, help_text='Where this place is on the plan of the one above: 0 is the left edge, 1 the right.', null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='pin x')),
                ('plan_y', models.FloatField(blank=True, help_text='0 is the upper edge, 1 the lower.', null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='pin y')),
                ('business_calendar', models.ForeignKey(blank=True, help_text='Of a site: when its people work. Left empty, the default calendar counts.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sites', to='locations.businesscalendar', verbose_name='business calendar')),
                ('deleted_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('floor_plan', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='attachments.attachment', verbose_name='floor plan')),
                ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='locations.location', verbose_name='parent')),
                ('site', models.ForeignKey(blank=True, editable=False, help_text='The root of the tree this place is in; empty for a site itself.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='locations.location', verbose_name='site')),
            ],
            options={
                'verbose_name': 'location',
                'verbose_name_plural': 'locations',
                'db_table': 'locations',
                'indexes': [models.Index(condition=models.Q(('deleted_at', None)), fields=['-created_at', '-id'], name='idx_locations_list'), django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('code'), name='gin_trgm_ops'), django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('name'), name='gin_trgm_ops'), name='idx_locations_search')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('deleted_at', None)), fields=('code',), name='uniq_locations_code_living', violation_error_message='Another place has this code.'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'SITE'), ('parent', None), ('site', None)), models.Q(models.Q(('kind', 'SITE'), _negated=True), ('parent__isnull', False), ('site__isnull', False)), _connector='OR'), name='check_locations_root', violation_error_message='A site stands alone; every other place is in one.'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'SITE'), models.Q(('time_zone', ''), _negated=True)), models.Q(models.Q(('kind', 'SITE'), _negated=True), ('time_zone', '')), _connector='OR'), name='check_locations_time_zone', violation_error_message='A site needs a time zone; no other place has one of its own.'), models.CheckConstraint(condition=models.Q(models.Q(('latitude', None), ('longitude', None)), models.Q(('latitude__gte', -90), ('latitude__lte', 90), ('longitude__gte', -180), ('longitude__lte', 180)), _connector='OR'), name='check_locations_coordinates', violation_error_message='Give both coordinates, within ±90 and ±180 degrees, or none.'), models.CheckConstraint(condition=models.Q(models.Q(('plan_x', None), ('plan_y', None)), models.Q(('plan_x__gte', 0), ('plan_x__lte', 1), ('plan_y__gte', 0), ('plan_y__lte', 1)), _connector='OR'), name='check_locations_pin', violation_error_message='Give both pin coordinates, from 0 to 1, or none.')],
            },
        ),
        migrations.CreateModel(
            name='SiteMembership',
            fields=[
                ('id', models.UUIDField(default=faultreporter.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('site', models.ForeignKey(limit_choices_to={'kind': 'SITE'}, on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='locations.location', verbose_name='site')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='site_memberships', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'site membership',
                'verbose_name_plural': 'site memberships',
                'db_table': 'site_memberships',
                'constraints': [models.UniqueConstraint(fields=('user', 'site'), name='uniq_site_memberships_user_site')],
            },
        ),
    ]
