-- Rows in silver = valid lines in the landing zone: nothing lost, nothing taken in twice.
with counted as (
    select
        (select count(*) from {{ref "user_events_silver"}}) as silver_rows,
        (select count(*) from {{source "landing" "events"}}) as landing_lines
)

select * from counted where silver_rows <> landing_lines
