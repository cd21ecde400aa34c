-- Hand-written script one: a single partitioned COPY, one file per partition.
set threads = 2;
set timezone = 'Asia/Seoul';
set preserve_insertion_order = false;
set partitioned_write_max_open_files = 1000;
copy ($silver) to '$output/silver' (
  format parquet, compression zstd, partition_by (year, month, day, hour), write_partition_columns true);
