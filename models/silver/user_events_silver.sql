-- The one table of events that everything downstream reads: 25 columns, Korean calendar, one row for each
-- line of the landing zone. A run takes in the landing files that the table does not hold yet; which ones it
-- holds is part of the same commit as the rows, so no `where` is needed here and no file is taken in twice.
--
-- Partitioned by the hour, because that is how events are asked for, counted and deleted.
{{config
    strategy="append"
    partition_by="year, month, day, hour"
}}

with events as (
    select
        *,
        {{> korean_time instant="event_timestamp"}} as korean_time
    from {{ref "stg_events"}}
)

select
    event_id,
    event_name,
    user_id,
    anonymous_id,
    session_id,
    event_timestamp as utc_timestamp,
    cast(korean_time as date) as "date",
    cast(year(korean_time) as integer) as year,
    cast(month(korean_time) as integer) as month,
    cast(day(korean_time) as integer) as day,
    cast(hour(korean_time) as integer) as hour,
    dayname(korean_time) as day_of_week,
    page_name,
    page_url,
    user_segment,
    cooking_style,
    ab_test_group,
    recipe_id as prop_recipe_id,
    list_type as prop_list_type,
    action as prop_action,
    search_keyword as prop_search_keyword,
    result_count as prop_result_count,
    -- The run's clock: one instant for all rows of a run.
    now() as processed_at,
    data_source,
    {{sql_literal (var "pipeline_version")}} as pipeline_version
from events
