-- Rows in silver = valid lines in the landing zone: nothing lost, nothing taken in twice. The lines were counted
-- when each file was read; `lake.ingested_files` holds those counts, so no file is read again here.
with counted as (
    select
        (select count(*) from {{ref "user_events_silver"}}) as silver_rows,
        (select sum(valid_rows) from {{source "lake" "ingested_files"}} where model = 'user_events_silver') as landing_lines
)

select * from counted where silver_rows is distinct from landing_lines
