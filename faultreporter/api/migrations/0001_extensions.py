from django.contrib.postgres.operations import BtreeGinExtension, BtreeGistExtension, TrigramExtension
from django.db import migrations


class Migration(migrations.Migration):
    """What the tables of the apps above stand on: search by trigrams, intervals that never overlap."""

    initial = True
    dependencies = []
    operations = [TrigramExtension(), BtreeGinExtension(), BtreeGistExtension()]
