"""Tables of format 3, and newer habits of format 2, as Iceberg 1.10 on Spark 3.5.1 writes them: spark_3.py <jars> <warehouse> [case …]."""

from corpus import Unreadable, case, equality, java_table, main, statements

MERGE_ON_READ = "'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read', 'write.merge.mode' = 'merge-on-read'"


@case
def deletion_vectors(spark):
    statements(spark, f"""
        create table uri.db.vectors (id bigint, kind string, v int) using iceberg partitioned by (kind) tblproperties ('format-version' = '3', {MERGE_ON_READ});
        insert into uri.db.vectors select id, concat('k', id % 3), 0 from range(3000);
        insert into uri.db.vectors select id, concat('k', id % 3), 0 from range(3000, 6000);
        delete from uri.db.vectors where id % 10 = 4;
        delete from uri.db.vectors where id between 100 and 900;
        insert into uri.db.vectors values (4, 'k1', 9);
        update uri.db.vectors set v = v + 1 where id % 7 = 0;
        merge into uri.db.vectors t using (select id, 'k0' as kind from range(5000, 6500)) s on t.id = s.id
            when matched and t.id % 2 = 0 then delete when matched then update set v = 100 when not matched then insert (id, kind, v) values (s.id, s.kind, 200);
        delete from uri.db.vectors where kind = 'k2' and id < 30
    """)
    return ["uri.db.vectors", ("uri.db.vectors", "select * from uri.db.vectors where kind = 'k1' and id > 3500", None)]


@case
def one_large_vector(spark):
    """Every kind of container: a full one, runs, a list, bits."""
    statements(spark, f"""
        create table db.large_vector (id int) using iceberg tblproperties ('format-version' = '3', {MERGE_ON_READ});
        insert into db.large_vector select cast(id as int) from range(0, 300000, 1, 1);
        delete from db.large_vector where id < 65536 or id between 70000 and 100000 or (id > 131072 and id < 196608 and id % 3 = 0) or id in (200000, 299999)
    """)
    return [("db.large_vector", "select count(*) as n, sum(id) as total, max(id) as last from db.large_vector", None)]


@case
def upgraded(spark):
    statements(spark, f"""
        create table db.upgraded (id int, v string) using iceberg tblproperties ('format-version' = '1');
        insert into db.upgraded select id, concat('v', id) from range(20);
        alter table db.upgraded set tblproperties ('format-version' = '2', {MERGE_ON_READ});
        insert into db.upgraded select id, concat('w', id) from range(20, 40);
        delete from db.upgraded where id in (3, 23);
        delete from db.upgraded where id in (4, 24);
        alter table db.upgraded set tblproperties ('format-version' = '3', 'write.metadata.compression-codec' = 'gzip');
        insert into db.upgraded select id, concat('x', id) from range(40, 60);
        delete from db.upgraded where id in (5, 45)
    """)
    return "db.upgraded"


DEFAULTS = {
    "b": ("BooleanType", True, "boolean"),
    "i": ("IntegerType", 34, "int"),
    "l": ("LongType", 5_000_000_000, "bigint"),
    "f": ("FloatType", 1.5, "float"),
    "d": ("DoubleType", -0.1, "double"),
    "t": ("StringType", "it's '한글' \\ \"quoted\"", "string"),
    "day": ("DateType", "1969-02-03", "date"),
}


@case
def defaults(spark):
    jvm = spark._jvm
    literal = jvm.org.apache.iceberg.expressions.Expressions.lit
    types = jvm.org.apache.iceberg.types.Types
    statements(spark, """
        create table db.defaults (id int, s struct<a: int>, l array<struct<a: int>>, m map<string, struct<a: int>>) using iceberg tblproperties ('format-version' = '3');
        insert into db.defaults values (1, named_struct('a', 1), array(named_struct('a', 1), null), map('k', named_struct('a', 1))), (2, null, null, null)
    """)
    update = java_table(spark, "db.defaults").updateSchema()
    for name, (kind, value, _) in DEFAULTS.items():
        update = update.addColumn("default_" + name, getattr(types, kind).get(), literal(value))
        update = update.addColumn("s", "default_" + name, getattr(types, kind).get(), literal(value))
    update = update.addColumn("default_moment", types.TimestampType.withZone(), literal("2024-01-01T00:00:00.000001+00:00"))
    update = update.addColumn("default_local", types.TimestampType.withoutZone(), literal("1969-12-31T23:59:59.999999"))
    update = update.addColumn("default_price", types.DecimalType.of(12, 3), literal("-12.345"))
    update = update.addColumn("l.element", "b", types.IntegerType.get(), literal(7))
    update = update.addColumn("m.value", "b", types.StringType.get(), literal("x"))
    update = update.allowIncompatibleChanges().addRequiredColumn("required", types.IntegerType.get(), literal(-1))
    update.commit()
    statements(spark, """
        refresh table db.defaults;
        alter table db.defaults set tblproperties ('write.spark.accept-any-schema' = 'true')
    """)
    spark.sql("select 3 as id, 3 as required").writeTo("db.defaults").option("mergeSchema", "true").append()
    statements(spark, """
        alter table db.defaults rename column default_i to renamed;
        alter table db.defaults alter column renamed type bigint
    """)
    return ["db.defaults", ("db.defaults", "select id from db.defaults where default_t is null", None)]


@case
def equality_deletes(spark):
    """Beside deletion vectors."""
    statements(spark, """
        create table db.equality (id int, kind string, s struct<a: int, t: struct<b: string>>) using iceberg tblproperties ('format-version' = '3', 'write.delete.mode' = 'merge-on-read');
        insert into db.equality select id, concat('k', id % 4), if(id = 4, null, named_struct('a', id, 't', named_struct('b', concat('b', id)))) from (select cast(id as int) from range(12))
    """)
    equality(spark, "db.equality", ["kind"], [["k1"]])
    equality(spark, "db.equality", ["id"], [[2]])
    statements(spark, "delete from db.equality where id = 3")
    statements(spark, "insert into db.equality values (13, null, null), (2, 'k1', null)")
    return ["db.equality"]


@case
def codecs(spark):
    made = []
    for codec in ("lz4_raw", "zstd"):
        table = f"db.codec_{codec}"
        statements(spark, f"""
            create table {table} (id bigint, v string) using iceberg tblproperties (
                'write.parquet.compression-codec' = '{codec}', 'write.parquet.page-version' = 'v2', 'write.parquet.bloom-filter-enabled.column.v' = 'true',
                'write.manifest.compression-codec' = 'zstd');
            insert into {table} select id, concat('value ', id % 100) from range(3000)
        """)
        made.append(table)
    return made


@case
def branches(spark):
    statements(spark, """
        create table db.branches (id int, v string) using iceberg tblproperties ('format-version' = '3', 'write.wap.enabled' = 'true');
        insert into db.branches values (1, 'a');
        alter table db.branches create branch audit;
        set spark.wap.branch = audit;
        insert into db.branches values (2, 'audited');
        reset spark.wap.branch;
        set spark.wap.id = staged;
        insert into db.branches values (3, 'staged');
        reset spark.wap.id;
        alter table db.branches create tag old retain 5 days
    """)
    table = java_table(spark, "db.branches")
    return ["db.branches", ("db.branches", "select * from db.branches version as of 'audit'", table.snapshot("audit").snapshotId())]


@case
def statistics(spark):
    statements(spark, """
        create table db.statistics (id int, v string) using iceberg partitioned by (v);
        insert into db.statistics select id, concat('v', id % 2) from range(10);
        call plain.system.compute_table_stats('db.statistics');
        insert into db.statistics values (100, null)
    """)
    table = java_table(spark, "db.statistics")
    update = table.updatePartitionStatistics()
    update.commit()
    return "db.statistics"


@case
def rewritten(spark):
    """Compaction under deletion vectors, sorted, and manifests rewritten."""
    statements(spark, f"""
        create table db.rewritten (id int, v string) using iceberg partitioned by (bucket(2, id)) tblproperties ('format-version' = '3', {MERGE_ON_READ});
        insert into db.rewritten select id, concat('v', id % 7) from range(100);
        insert into db.rewritten select id, concat('v', id % 7) from range(100, 200);
        delete from db.rewritten where id % 3 = 0;
        call plain.system.rewrite_data_files(table => 'db.rewritten', strategy => 'sort', sort_order => 'zorder(id, v)', options => map('rewrite-all', 'true'));
        delete from db.rewritten where id % 5 = 0;
        call plain.system.rewrite_manifests('db.rewritten');
        update db.rewritten set v = 'u' where id = 7
    """)
    return "db.rewritten"


@case
def unreadable(spark):
    """Types that Spark 3.5 cannot read: what lake says to a table that has one."""
    jvm = spark._jvm
    types = jvm.org.apache.iceberg.types.Types
    catalog = jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergCatalog(spark._jsparkSession, "plain")
    made = []
    for name, kind in {
        "variant": types.VariantType.get(),
        "geometry": types.GeometryType.crs84(),
        "unknown": types.UnknownType.get(),
        "nanos": types.TimestampNanoType.withZone(),
    }.items():
        fields = jvm.java.util.ArrayList()
        fields.add(types.NestedField.optional(1, "id", types.IntegerType.get()))
        fields.add(types.NestedField.optional(2, "v", kind))
        schema = jvm.org.apache.iceberg.Schema(fields)
        identifier = jvm.org.apache.iceberg.catalog.TableIdentifier.parse("db.only_" + name)
        properties = jvm.java.util.HashMap()
        properties.put("format-version", "3")
        catalog.createTable(identifier, schema, jvm.org.apache.iceberg.PartitionSpec.unpartitioned(), properties)
        made.append(Unreadable("db.only_" + name, "" if name == "unknown" else f"the type {kind.toString()} (column v)"))
    return made


main()
