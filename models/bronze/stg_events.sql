-- Every line of the landing zone with types, nothing dropped: fields that no model uses yet are still there,
-- in `context` and `event_properties`.
with extracted as (
    select
        *,
        {{> to_timestamp text='"timestamp"'}} as event_timestamp,
        {{> json_fields column="context" paths="'$.page.name', '$.page.url', '$.page.path', '$.user_segment', '$.cooking_style', '$.ab_test.scenario', '$.ab_test.group', '$.ab_test.start_date', '$.ab_test.end_date'"}} as context_fields,
        {{> json_fields column="event_properties" paths="'$.recipe_id', '$.list_type', '$.action', '$.search_keyword', '$.result_count'"}} as property_fields
    from {{source "landing" "events"}}
)

select
    event_id,
    event_name,
    user_id,
    anonymous_id,
    session_id,
    event_timestamp,
    "date" as client_date,
    context_fields[1] as page_name,
    context_fields[2] as page_url,
    context_fields[3] as page_path,
    context_fields[4] as user_segment,
    context_fields[5] as cooking_style,
    context_fields[6] as ab_test_scenario,
    context_fields[7] as ab_test_group,
    {{> to_timestamp text="context_fields[8]"}} as ab_test_start,
    {{> to_timestamp text="context_fields[9]"}} as ab_test_end,
    -- Text that holds a number. A cast, not a try_cast: what is no number has been refused by the source's
    -- declaration, and a silent null here would be a lost recipe.
    cast(property_fields[1] as bigint) as recipe_id,
    property_fields[2] as list_type,
    property_fields[3] as action,
    property_fields[4] as search_keyword,
    cast(property_fields[5] as integer) as result_count,
    context,
    event_properties,
    _file as data_source
from extracted
