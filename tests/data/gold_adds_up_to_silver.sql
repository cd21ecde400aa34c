-- Every event of silver is in the daily tables exactly once: a join that loses or doubles events shows here.
with sums as (
    select 'user_events_silver' as model, count(*) as events from {{ref "user_events_silver"}}
    union all
    select 'daily_user_activity', sum(total_events) from {{ref "daily_user_activity"}}
    union all
    select 'daily_user_metrics', sum(total_events) from {{ref "daily_user_metrics"}}
)

select *
from sums
where events is distinct from (select count(*) from {{ref "user_events_silver"}})
