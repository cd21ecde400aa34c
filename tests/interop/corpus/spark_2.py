"""Tables of format 1 and 2 as Spark 3.5.1 with Iceberg 1.4.2 writes them: spark_2.py <jars> <warehouse> [case …]."""

from corpus import Unreadable, case, equality, java_table, main, statements


@case
def every_type(spark):
    statements(spark, """
        create table db.every_type (
            a boolean, b int not null, c bigint, d float, e double, f decimal(9, 2), g decimal(18, 4), h decimal(38, 10),
            i date, j timestamp, k timestamp_ntz, l string, m binary,
            n struct<x: int, y: struct<z: string, w: array<int>>>, o array<struct<p: string, q: bigint>>,
            r map<string, int>, s map<string, struct<t: double, u: array<string>>>, v array<array<int>>) using iceberg;
        insert into db.every_type values
            (true, 1, 9223372036854775807, float('nan'), double('infinity'), 1234567.89, -0.0001, 1234567890123456789012345678.0123456789,
             date '2024-02-29', timestamp '2024-02-29 23:59:59.999999', timestamp_ntz '1969-12-31 23:59:59.000001', '한글 🍜', x'00ff',
             named_struct('x', 1, 'y', named_struct('z', 'deep', 'w', array(1, null))),
             array(named_struct('p', 'a', 'q', 1L), null, named_struct('p', null, 'q', null)),
             map('k', 1, 'n', null), map('m', named_struct('t', -0.0D, 'u', array('x', null))), array(array(1), null, array())),
            (false, 2, -9223372036854775808, float('-infinity'), -0.0D, -1234567.89, 99999999999999.9999, null,
             date '0001-01-01', timestamp '1000-01-01 00:00:00', timestamp_ntz '9999-12-31 23:59:59.999999', '', x'',
             named_struct('x', null, 'y', null), array(), map(), map('m', null), array()),
            (null, 3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)
    """)
    return "db.every_type"


@case
def version_one(spark):
    statements(spark, """
        create table uri.db.version_one (id bigint, kind string, moment timestamp) using iceberg
            partitioned by (days(moment), kind)
            tblproperties ('format-version' = '1', 'write.metadata.compression-codec' = 'gzip');
        insert into uri.db.version_one select id, if(id % 3 = 0, null, concat('k', id % 3)), timestamp '1969-12-31 12:00:00' + make_interval(0, 0, 0, 0, cast(id * 5 as int)) from range(20);
        insert into uri.db.version_one select id, 'new', timestamp '2024-01-01 00:00:00' from range(100, 105);
        delete from uri.db.version_one where kind = 'k1';
        call uri.system.rewrite_manifests('db.version_one')
    """)
    return ["uri.db.version_one", ("uri.db.version_one", "select * from uri.db.version_one where moment < '1970-01-02 00:00:00+00:00'", None)]


@case
def upgraded(spark):
    statements(spark, """
        create table db.upgraded (id int, v string) using iceberg
            partitioned by (truncate(1, v)) tblproperties ('format-version' = '1');
        insert into db.upgraded select id, concat('v', id) from range(10);
        insert into db.upgraded select id, concat('w', id) from range(10, 20);
        alter table db.upgraded set tblproperties ('format-version' = '2', 'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read');
        delete from db.upgraded where id in (3, 13);
        insert into db.upgraded select id, concat('v', id) from range(20, 25);
        update db.upgraded set v = 'changed' where id in (4, 24)
    """)
    return "db.upgraded"


@case
def evolved(spark):
    statements(spark, """
        create table db.evolved (
            id int, gone string, renamed string, wide int, price decimal(9, 2), ratio float,
            s struct<a: int, b: string, c: struct<d: float, e: string>>,
            l array<struct<f: int, g: string>>, m map<string, struct<h: int, i: string>>, k map<struct<x: int>, int>) using iceberg;
        insert into db.evolved select id, 'gone', concat('r', id), id, id, id / 7,
            named_struct('a', id, 'b', concat('b', id), 'c', named_struct('d', id / 3, 'e', concat('e', id))),
            array(named_struct('f', id, 'g', concat('g', id)), null),
            map('key', named_struct('h', id, 'i', concat('i', id))), map(named_struct('x', id), id) from (select cast(id as int) from range(5));
        alter table db.evolved add column added string;
        alter table db.evolved drop column gone;
        alter table db.evolved rename column renamed to named;
        alter table db.evolved alter column wide type bigint;
        alter table db.evolved alter column price type decimal(18, 2);
        alter table db.evolved alter column ratio type double;
        alter table db.evolved alter column price first;
        alter table db.evolved add column s.added int;
        alter table db.evolved rename column s.b to bee;
        alter table db.evolved drop column s.c.e;
        alter table db.evolved alter column s.c.d type double;
        alter table db.evolved alter column s.c first;
        alter table db.evolved rename column l.element.f to eff;
        alter table db.evolved alter column l.element.eff type bigint;
        alter table db.evolved drop column m.value.i;
        alter table db.evolved add column m.value.j struct<x: int>;
        insert into db.evolved (id, named, wide, price, ratio, added, s, l, m, k) select id, 'second', 5000000000, 1234567890.12, 0.1D, 'yes',
            named_struct('c', named_struct('d', 0.1D), 'a', 1, 'bee', 'bzz', 'added', 7),
            array(named_struct('eff', 5000000000, 'g', 'g')), map('key', named_struct('h', 1, 'j', named_struct('x', 2))), map(named_struct('x', id), id)
            from (select cast(id as int) from range(5, 8));
        alter table db.evolved add column gone string;
        alter table db.evolved rename column named to swap;
        alter table db.evolved rename column added to named;
        alter table db.evolved rename column swap to added;
        alter table db.evolved add column s.c.e string;
        alter table db.evolved rename column s.a to swap;
        alter table db.evolved rename column s.added to a;
        alter table db.evolved rename column s.swap to added;
        alter table db.evolved add column m.value.i string
    """)
    return ["db.evolved", ("db.evolved", "select * from db.evolved where added = 'r3' or gone is not null", None)]


@case
def spec_changed(spark):
    statements(spark, """
        create table db.spec_changed (id bigint, kind string, moment timestamp) using iceberg partitioned by (kind);
        insert into db.spec_changed select id, concat('k', id % 2), timestamp '2024-03-01' from range(6);
        alter table db.spec_changed add partition field bucket(4, id);
        insert into db.spec_changed select id, concat('k', id % 2), timestamp '2024-03-02' from range(6, 12);
        alter table db.spec_changed drop partition field kind;
        alter table db.spec_changed add partition field days(moment);
        insert into db.spec_changed select id, null, timestamp '2024-03-03' + make_interval(0, 0, 0, cast(id as int)) from range(12, 18);
        alter table db.spec_changed replace partition field moment_day with hours(moment);
        insert into db.spec_changed select id, 'h', null from range(18, 20);
        alter table db.spec_changed drop partition field bucket(4, id);
        alter table db.spec_changed drop partition field moment_hour;
        insert into db.spec_changed select id, 'none', timestamp '2024-03-04' from range(20, 23);
        alter table db.spec_changed set tblproperties ('write.delete.mode' = 'merge-on-read');
        delete from db.spec_changed where id in (1, 7, 13, 21)
    """)
    return ["db.spec_changed", ("db.spec_changed", "select * from db.spec_changed where kind = 'k1' and moment < '2024-03-03 00:00:00+00:00'", None)]


@case
def spec_dropped(spark):
    """In format 1 a partition field that is dropped stays as void."""
    statements(spark, """
        create table db.spec_dropped (id int, kind string, moment timestamp) using iceberg partitioned by (kind, days(moment)) tblproperties ('format-version' = '1');
        insert into db.spec_dropped select id, concat('k', id), timestamp '2024-03-01' from range(3);
        alter table db.spec_dropped drop partition field kind;
        insert into db.spec_dropped select id, concat('k', id), timestamp '2024-03-02' from range(3, 6)
    """)
    return ["db.spec_dropped", ("db.spec_dropped", "select * from db.spec_dropped where kind > 'k1'", None)]


# Every transform that the type has, one after another as the table's spec changes.
TRANSFORMS = {
    "int": ("bucket(5, {})", "truncate(10, {})", "{}"),
    "bigint": ("bucket(5, {})", "truncate(10, {})", "{}"),
    "decimal(9, 2)": ("bucket(5, {})", "truncate(50, {})", "{}"),
    "decimal(30, 3)": ("bucket(5, {})", "truncate(50, {})", "{}"),
    "string": ("bucket(5, {})", "truncate(2, {})", "{}"),
    "binary": ("bucket(5, {})", "{}"),
    "date": ("bucket(5, {})", "years({})", "months({})", "days({})", "{}"),
    "timestamp": ("bucket(5, {})", "years({})", "months({})", "days({})", "hours({})", "{}"),
    "timestamp_ntz": ("bucket(5, {})", "years({})", "months({})", "days({})", "hours({})", "{}"),
    "boolean": ("{}",),
    "float": ("{}",),
    "double": ("{}",),
}
VALUES = {
    "int": "cast(id * 7 - 30 as int)",
    "bigint": "id * 7000000000 - 30000000000",
    "decimal(9, 2)": "cast(id * 1.37 - 6 as decimal(9, 2))",
    "decimal(30, 3)": "cast((cast(id as decimal(12, 2)) * 1.37 - 6) * 1000000000000 as decimal(30, 3))",
    "string": "concat(substring('🍜a é/=%&', 1 + cast(id % 9 as int)), id % 4)",
    "binary": "cast(concat('x', id % 5) as binary)",
    "date": "date_add(date '1969-12-25', cast(id * 97 as int))",
    "timestamp": "timestamp '1969-12-31 20:00:00' + make_interval(0, 0, 0, cast(id * 31 as int), cast(id as int), 0, 0.000001)",
    "timestamp_ntz": "cast(timestamp '1969-12-31 20:00:00' + make_interval(0, 0, 0, cast(id * 31 as int), cast(id as int), 0, 0.000001) as timestamp_ntz)",
    "boolean": "id % 2 = 0",
    "float": "cast(element_at(array('nan', '-infinity', 'infinity', '-0.0', '0.0', '1.1', '2.5', '3'), 1 + cast(id % 8 as int)) as float)",
    "double": "cast(element_at(array('nan', '-infinity', 'infinity', '-0.0', '0.0', '1.1', '2.5', '3'), 1 + cast(id % 8 as int)) as double)",
}


@case
def transforms(spark):
    """One table, each row a partition of its own; five specs, in each of which a column has another transform."""
    columns = {kind: f"c{index}" for index, kind in enumerate(TRANSFORMS)}
    table = "db.transforms"
    term = lambda kind, turn: TRANSFORMS[kind][min(turn, len(TRANSFORMS[kind]) - 1)].format(columns[kind])
    declared = ", ".join(f"{name} {kind}" for kind, name in columns.items())
    first = ", ".join(term(kind, 0) for kind in columns)
    spark.sql(f"create table {table} (id bigint, {declared}) using iceberg partitioned by ({first})")
    for turn in range(5):
        for kind in columns:
            if turn > 0 and term(kind, turn) != term(kind, turn - 1):
                spark.sql(f"alter table {table} replace partition field {term(kind, turn - 1)} with {term(kind, turn)}")
        values = ", ".join(f"if(id = 11, null, {VALUES[kind]})" for kind in columns)
        spark.sql(f"insert into {table} select id + {turn * 100}, {values} from range(12)")
    # Not: what begins with 🍜, of which 1.4.2 loses rows, and above a number, where it leaves NaN out although Spark does not.
    filters = [
        "c0 = -9", "c1 > 10000000000", "c2 < -1.89", "c3 = 370000000000", "c4 like 'a %'", "c6 < date '1970-06-01'",
        "c7 >= timestamp '1970-01-10 00:00:00'", "c8 < '1970-01-01 00:00:00'", "c9", "c10 < 1", "c11 <= 0", "c4 is null", "c6 in (date '1969-12-25', date '1970-04-01')",
    ]
    return [table, *((table, f"select id from {table} where {one}", None) for one in filters)]


@case
def position_deletes(spark):
    properties = "'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read', 'write.merge.mode' = 'merge-on-read'"
    made = []
    for granularity in ("file", "partition"):
        table = f"uri.db.positions_{granularity}"
        statements(spark, f"""
            create table {table} (id bigint, kind string, v int) using iceberg partitioned by (kind)
                tblproperties ({properties}, 'write.delete.granularity' = '{granularity}');
            insert into {table} select id, concat('k', id % 3), 0 from range(30);
            insert into {table} select id, concat('k', id % 3), 0 from range(30, 60);
            delete from {table} where id % 10 = 4;
            insert into {table} values (4, 'k1', 9);
            update {table} set v = v + 1 where id % 7 = 0;
            merge into {table} t using (select id, 'k0' as kind from range(50, 65)) s on t.id = s.id
                when matched and t.id % 2 = 0 then delete when matched then update set v = 100 when not matched then insert (id, kind, v) values (s.id, s.kind, 200);
            delete from {table} where kind = 'k2' and id < 30
        """)
        made += [table, (table, f"select * from {table} where kind = 'k1' and id > 30", None)]
    statements(spark, f"""
        create table db.positions_rewritten (id bigint, v int) using iceberg tblproperties ({properties});
        insert into db.positions_rewritten select id, 0 from range(100);
        insert into db.positions_rewritten select id, 0 from range(100, 200);
        delete from db.positions_rewritten where id % 5 = 0;
        delete from db.positions_rewritten where id % 7 = 0;
        call plain.system.rewrite_position_delete_files(table => 'db.positions_rewritten', options => map('rewrite-all', 'true'));
        delete from db.positions_rewritten where id % 11 = 0;
        call plain.system.rewrite_data_files(table => 'db.positions_rewritten', where => 'id < 100', options => map('rewrite-all', 'true'));
        delete from db.positions_rewritten where id % 13 = 0
    """)
    return [*made, "db.positions_rewritten"]


@case
def replaced_snapshots(spark):
    statements(spark, """
        create table db.replaced (id int, day date) using iceberg partitioned by (day);
        insert into db.replaced select id, date_add(date '2024-01-01', cast(id % 4 as int)) from range(20);
        insert overwrite db.replaced select id, date '2024-01-02' from range(100, 103);
        create or replace table db.replaced using iceberg partitioned by (id) as select id, day, 'x' as extra from db.replaced where id > 2;
        insert into db.replaced values (7, null, null);
        call plain.system.rewrite_data_files(table => 'db.replaced', options => map('rewrite-all', 'true'))
    """)
    return "db.replaced"


@case
def refs(spark):
    statements(spark, """
        create table db.refs (id int, v string) using iceberg;
        insert into db.refs values (1, 'a');
        alter table db.refs create tag first;
        alter table db.refs create branch try;
        insert into db.refs.branch_try values (2, 'branch');
        alter table db.refs rename column v to w;
        insert into db.refs values (3, 'main')
    """)
    table = java_table(spark, "db.refs")
    return [
        "db.refs",
        ("db.refs", "select * from db.refs version as of 'first'", table.snapshot("first").snapshotId()),
        ("db.refs", "select * from db.refs version as of 'try'", table.snapshot("try").snapshotId()),
    ]


@case
def codecs(spark):
    made = []
    for codec in ("snappy", "gzip", "zstd", "uncompressed"):
        table = f"db.codec_{codec}"
        statements(spark, f"""
            create table {table} (id bigint, v string) using iceberg tblproperties (
                'write.parquet.compression-codec' = '{codec}', 'write.parquet.row-group-size-bytes' = '4000',
                'write.parquet.page-size-bytes' = '1000', 'write.parquet.dict-size-bytes' = '500');
            insert into {table} select id, concat('value ', id % 100) from range(3000)
        """)
        made.append(table)
    return made


@case
def names(spark):
    statements(spark, """
        create table db.names (`a b` int, `c.d` string, `quote"d` int, `한글` string, `Upper` int, `1x` string, s struct<`x.y`: int, `z z`: string>) using iceberg partitioned by (`한글`, bucket(2, `a b`), `c.d`);
        insert into db.names select id, concat('x/y=', id, '%2F *?[]'), id, concat('값 &', id), id, 'x', named_struct('x.y', id, 'z z', 'q') from range(4);
        alter table db.names rename column `Upper` to `lower`;
        alter table db.names add column `UPPER` int;
        insert into db.names select id, null, id, null, id, 'x', named_struct('x.y', id, 'z z', 'q'), 3 from range(4)
    """)
    return "db.names"


@case
def emptied(spark):
    statements(spark, """
        create table db.never_written (id int, s struct<a: int>) using iceberg;
        create table db.emptied (id int, v string) using iceberg;
        insert into db.emptied values (1, 'a'), (2, 'b');
        delete from db.emptied;
        create table db.truncated (id int, v string) using iceberg tblproperties ('write.delete.mode' = 'merge-on-read');
        insert into db.truncated values (1, 'a'), (2, 'b');
        delete from db.truncated where id = 1;
        delete from db.truncated where v = 'b'
    """)
    return ["db.never_written", "db.emptied", "db.truncated"]


@case
def paths(spark):
    """Data and metadata elsewhere, hashed folders."""
    folder = spark.conf.get("spark.sql.warehouse.dir").removeprefix("file:")
    statements(spark, f"""
        create table db.object_store (id int, v string) using iceberg partitioned by (v)
            tblproperties ('write.object-storage.enabled' = 'true', 'write.data.path' = 'file:///{folder.lstrip("/")}/else where');
        insert into db.object_store select id, concat('v ', id) from range(5)
    """)
    return "db.object_store"


@case
def imported(spark):
    """Files of Spark's own tables: no field ids, INT96 timestamps, partition values in folder names."""
    folder = spark.conf.get("spark.sql.warehouse.dir").removeprefix("file:") + "/hive like"
    spark.sql("""
        select cast(id as int) as id, timestamp '2024-01-01 01:02:03.000004' as moment, named_struct('a', cast(id as int), 'b', array(named_struct('c', 'x'))) as s, map('k', cast(id as int)) as m,
            concat('d ', id % 2) as day, cast(id % 3 as int) as n from range(6)
        union all select 9, timestamp '1960-01-01', null, null, 'none', 7
    """).write.partitionBy("day", "n").parquet(folder)
    statements(spark, f"""
        create table db.imported (id int, moment timestamp, s struct<a: int, b: array<struct<c: string>>>, m map<string, int>, day string, n int) using iceberg partitioned by (day, n);
        call plain.system.add_files(table => 'db.imported', source_table => '`parquet`.`{folder}`');
        alter table db.imported alter column id type bigint;
        alter table db.imported rename column id to number;
        alter table db.imported rename column s.b to bee;
        alter table db.imported add column s.z int;
        alter table db.imported rename column s.bee.element.c to sea;
        insert into db.imported values (100, timestamp '2024-01-01', named_struct('a', 1, 'bee', array(named_struct('sea', 'y')), 'z', 2), map('k', 1), 'native', 1);
        alter table db.imported set tblproperties ('write.delete.mode' = 'merge-on-read');
        delete from db.imported where number = 2
    """)
    return ["db.imported", ("db.imported", "select * from db.imported where day = 'd 1' and n = 1", None)]


@case
def equality_deletes(spark):
    # Python's numbers become Java's int, or long beyond 31 bits, and double.
    big = 5_000_000_000
    statements(spark, f"""
        create table db.equality (id bigint, kind string, v int, d float) using iceberg;
        insert into db.equality select id + {big}, if(id % 4 = 0, null, concat('k', id % 4)), id, if(id = 5, float('nan'), id / 2) from range(20)
    """)
    equality(spark, "db.equality", ["id"], [[big + 3], [big + 4]])
    statements(spark, f"insert into db.equality values ({big} + 3, 'again', 3, 1.5), ({big} + 4, null, 4, 2)")
    equality(spark, "db.equality", ["kind", "v"], [["k1", 9], [None, 8], ["k2", 999]])
    statements(spark, "alter table db.equality alter column d type double")
    equality(spark, "db.equality", ["d"], [[float("nan")], [3.0]])
    statements(spark, "alter table db.equality rename column v to value")
    equality(spark, "db.equality", ["value"], [[10], [None]])
    statements(spark, f"insert into db.equality values ({big} + 50, 'k1', 8, 0), ({big} + 51, null, 9, 0)")
    equality(spark, "db.equality", ["kind"], [["k1"]])
    return ["db.equality", ("db.equality", f"select d from db.equality where id > {big} + 3", None)]


@case
def equality_deletes_partitioned(spark):
    statements(spark, """
        create table uri.db.equality_parts (id int, kind string) using iceberg partitioned by (kind) tblproperties ('write.delete.mode' = 'merge-on-read');
        insert into uri.db.equality_parts select id % 10, concat('k', id % 2) from range(40)
    """)
    equality(spark, "uri.db.equality_parts", ["id"], [[1], [2]], partition=["k1"])
    statements(spark, "delete from uri.db.equality_parts where id = 5")
    statements(spark, """
        insert into uri.db.equality_parts values (1, 'k1'), (2, 'k0');
        alter table uri.db.equality_parts drop partition field kind
    """)
    equality(spark, "uri.db.equality_parts", ["id", "kind"], [[8, "k0"], [2, "k0"]])
    statements(spark, "insert into uri.db.equality_parts values (8, 'k0')")
    return ["uri.db.equality_parts", ("uri.db.equality_parts", "select count(*) as n from uri.db.equality_parts", None)]


@case
def other_formats(spark):
    made = []
    for kind in ("avro", "orc"):
        table = f"db.format_{kind}"
        statements(spark, f"""
            create table {table} (id bigint, f float, p decimal(20, 3), day date, at timestamp, local timestamp_ntz, raw binary, ok boolean,
                s struct<a: int, b: string>, l array<struct<c: int>>, m map<string, int>, n map<int, string>, kind string) using iceberg partitioned by (kind)
                tblproperties ('write.format.default' = '{kind}', 'write.delete.mode' = 'merge-on-read');
            insert into {table} select id, id / 3, id / 8, date_add(date '1969-12-30', cast(id as int)), timestamp '1969-12-31 23:59:59.5', timestamp_ntz '2024-01-01 00:00:00.000001', x'00ff', id % 2 = 0,
                named_struct('a', id, 'b', null), array(named_struct('c', id), null), map('k', id), map(id, 'v'), concat('k', id % 2) from range(10);
            insert into {table} values (77, null, null, null, null, null, null, null, null, null, null, null, null);
            alter table {table} rename column s.a to aa;
            alter table {table} rename column id to number;
            alter table {table} alter column f type double;
            alter table {table} add column added string;
            delete from {table} where number in (3, 4);
            alter table {table} set tblproperties ('write.format.default' = 'parquet', 'write.delete.format.default' = '{kind}');
            insert into {table} select 100 + id, null, null, null, null, null, null, null, null, null, null, null, concat('k', id), 'x' from range(2);
            delete from {table} where number = 101
        """)
        made.append(Unreadable(table, f"data files in {kind.upper()}"))
    return made


main()
