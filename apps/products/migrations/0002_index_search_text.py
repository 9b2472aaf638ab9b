"""A trigram index for the search words on PostgreSQL; SQLite reads the column through."""

from django.db import migrations


def create_index(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    schema_editor.execute(
        "CREATE INDEX IF NOT EXISTS product_search_words ON products_product USING gin (search_text gin_trgm_ops)"
    )


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS product_search_words")


class Migration(migrations.Migration):
    dependencies = [("products", "0001_create_products")]

    operations = [migrations.RunPython(create_index, drop_index)]
