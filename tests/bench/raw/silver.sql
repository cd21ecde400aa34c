-- The silver table's 25 columns as somebody would write them by hand, straight over the JSON lines.
select
  event_id, event_name, user_id, anonymous_id, session_id,
  utc_timestamp, cast(kst as date) as date,
  cast(year(kst) as integer) as year, cast(month(kst) as integer) as month,
  cast(day(kst) as integer) as day, cast(hour(kst) as integer) as hour,
  dayname(kst) as day_of_week,
  c[1] as page_name, c[2] as page_url, c[3] as user_segment, c[4] as cooking_style, c[5] as ab_test_group,
  cast(p[1] as bigint) as prop_recipe_id, p[2] as prop_list_type, p[3] as prop_action,
  p[4] as prop_search_keyword, cast(p[5] as integer) as prop_result_count,
  now() as processed_at, filename as data_source, '1.0' as pipeline_version
from (
  select *,
    cast("timestamp" as timestamptz) as utc_timestamp,
    cast("timestamp" as timestamptz) at time zone 'Asia/Seoul' as kst,
    json_extract_string(context, ['$.page.name', '$.page.url', '$.user_segment', '$.cooking_style', '$.ab_test.group']) as c,
    json_extract_string(event_properties, ['$.recipe_id', '$.list_type', '$.action', '$.search_keyword', '$.result_count']) as p
  from read_json('$landing/events/*.jsonl*', format = 'newline_delimited', filename = true, maximum_object_size = 134217728,
    columns = {event_id: 'VARCHAR', event_name: 'VARCHAR', user_id: 'VARCHAR', anonymous_id: 'VARCHAR',
      session_id: 'VARCHAR', "timestamp": 'VARCHAR', "date": 'VARCHAR', context: 'VARCHAR', event_properties: 'VARCHAR'})
)
