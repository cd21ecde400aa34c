-- Hand-written script two: staged by day, then each day partitioned by the hour. The runner repeats
-- the part after the line of dashes for each day's folder.
set threads = 2;
set timezone = 'Asia/Seoul';
set preserve_insertion_order = false;
set memory_limit = '700MB';
copy ($silver) to '$stage' (
  format parquet, compression lz4_raw, row_group_size 16384, partition_by (date), write_partition_columns true);
-- each day --
copy (select * from read_parquet('$day/*.parquet', hive_partitioning = false)) to '$output/silver' (
  format parquet, compression zstd, partition_by (year, month, day, hour), write_partition_columns true, append);
