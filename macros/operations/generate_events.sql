{{!-- A synthetic landing zone: July 2025 in Korea, as recorded at a recipe service and made up anew.
        lake run-operation generate_events --args '{events: 1000001}'
      Everything is drawn from hashes of running numbers, so the same arguments write the same events
      into the same files (the order of lines within a file is the engine's).
      The operation is skipped when the file that it writes last is there. --}}
{{config creates="events/streaming_events_20250729.jsonl"}}

-- The recorded mix of event names per 1,000,001. The counts of another size are the differences of rounded
-- running totals, so they always add up. The bot's views are taken out here and given back below.
create or replace temp table demo_mix as
with recorded(position, event_name, events) as (
    values
        (1, 'view_page', 300526), (2, 'view_recipe_list', 169199), (3, 'click_auth_button', 141482),
        (4, 'search_recipe', 126375), (5, 'click_recipe', 90778), (6, 'auth_success', 52373),
        (7, 'view_ads', 50774), (8, 'create_comment', 20439), (9, 'click_like', 19961),
        (10, 'click_bookmark', 16935), (11, 'share_recipe', 5214), (12, 'logout', 3102),
        (13, 'follow_user', 1709), (14, 'click_banner', 1122), (15, 'view_recipe', 12)
),
running as (
    select
        *,
        round(sum(events) over (order by position) * {{events}} / 1000001.0)::bigint as until_event
    from recorded
),
counted as (
    select
        position,
        event_name,
        until_event - lag(until_event, 1, 0) over (order by position)
            - if(event_name = 'click_recipe', least(10000, {{events}} // 50), 0) as events
    from running
)
select event_name, (sum(events) over (order by position))::bigint - events as from_event from counted;

-- Sessions of 1 to 60 events, most of them short. Twice as many as are needed are drawn, the last one is cut.
create or replace temp table demo_sessions as
with drawn as (
    select
        range as session_no,
        1 + floor({{> uniform of="range" salt=1}} ** 3 * 60)::bigint as wanted
    from range({{events}} // 8 + 800)
),
placed as (
    select *, (sum(wanted) over (order by session_no))::bigint - wanted as first_event from drawn
),
kept as (
    select
        session_no,
        first_event,
        least(wanted, {{events}} - least(10000, {{events}} // 50) - first_event) as events,
        ({{> uniform of="session_no" salt=2}} ** 2.2 * 60000)::bigint as user_no,
        -- The first 744 sessions take one hour of the month each, so that no hour is empty; the others
        -- follow the day: little at night, most at lunch and in the evening, more at weekends.
        case
            when session_no < 744 then session_no // 24
            when {{> one_in of="session_no" salt=3 n=5}} then {{> pick of="session_no" salt=4 list="[4, 5, 11, 12, 18, 19, 25, 26]"}}
            else (hash(session_no, 5) % 31)::bigint
        end as day_index,
        case
            when session_no < 744 then session_no % 24
            else {{> pick of="session_no" salt=6 list="[0, 0, 1, 2, 4, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16, 16, 17, 17, 17, 17, 18, 18, 18, 18, 18, 19, 19, 19, 19, 20, 20, 20, 21, 21, 21, 22, 22, 23]"}}
        end as hour_index
    from placed
    where first_event < {{events}} - least(10000, {{events}} // 50)
)
select
    session_no,
    first_event,
    events,
    -- Within 24 minutes from its start, which in the month's last hour is early enough to stay in July.
    timestamp '2025-07-01' + interval (day_index * 86400 + hour_index * 3600 + floor({{> uniform of="session_no" salt=7}} * 1800)::bigint) second
        as started,
    3000 + (hash(session_no, 8) % 21000)::bigint as step_ms,
    false as is_bot,
    -- Six in ten are logged in.
    if(hash(session_no, 9) % 10 < 6, user_no, null) as user_no,
    user_no as device_no,
    hash(user_no, 10) % 500 as topic,
    {{> pick of="user_no" salt=11 list="['beginner', 'beginner', 'regular', 'regular', 'regular', 'enthusiast', 'professional']"}} as user_segment,
    -- What the user is in the mood for: mostly the same, now and then something else.
    if(
        {{> one_in of="session_no" salt=20 n=4}},
        {{> pick of="session_no" salt=12 list="['korean', 'western', 'chinese', 'japanese', 'vegan', 'baking']"}},
        {{> pick of="user_no" salt=12 list="['korean', 'korean', 'korean', 'western', 'chinese', 'japanese', 'vegan', 'baking']"}}
    ) as cooking_style,
    {{> pick of="user_no" salt=13 list="['control', 'treatment_a', 'treatment_b']"}} as ab_test_group,
    {{> pick of="session_no" salt=14 list="['mobile_app', 'mobile_app', 'mobile_web', 'desktop']"}} as device,
    {{> pick of="session_no" salt=15 list="['search-engine', 'search-engine', 'social', 'direct', 'newsletter']"}} as channel,
    hash(session_no, 16) % 20 as app_version
from kept
union all
-- One bot that opens a recipe every second and a half, through a whole night.
select
    -1, {{events}} - least(10000, {{events}} // 50), least(10000, {{events}} // 50), timestamp '2025-07-14 01:10:00', 1500, true,
    null, -1, 0, 'regular', 'korean', 'control', 'desktop', 'direct', 0;

-- One narrow row for each event. The text of the lines is only put together while a file is written: memory
-- stays small whatever the number of events.
create or replace temp table demo_numbered as
select
    session_no,
    first_event + step as event_no,
    started + interval (step * step_ms + (hash(session_no, step, 17) % step_ms::ubigint)::bigint) milliseconds as kst,
    -- The order of this hash decides which event gets which name; the bot's have theirs already.
    if(is_bot, null, hash(first_event + step, {{var "generator_seed"}})) as shuffle
from (select *, unnest(range(events)) as step from demo_sessions);

-- Windows over 64 ranges of the hash, counted on from each other, give the same numbers as one over all events
-- and can leave memory one by one.
create or replace temp table demo_ranges as
select
    shuffle >> 58 as hash_range,
    (sum(count(*)) over (order by shuffle >> 58))::bigint - count(*) as before
from demo_numbered
where shuffle is not null
group by 1;

create or replace temp table demo_named as
with shuffled as (
    select
        session_no,
        event_no,
        kst,
        before + row_number() over (partition by hash_range order by shuffle, event_no) - 1 as shuffled_no
    from demo_numbered
    join demo_ranges on demo_numbered.shuffle >> 58 = demo_ranges.hash_range
),
mix as (
    select list(event_name order by from_event) as event_names, list(from_event order by from_event) as from_events
    from demo_mix
)
select session_no, event_no, kst, event_names[len(list_filter(from_events, first -> first <= shuffled_no))] as event_name
from shuffled
cross join mix
union all
select session_no, event_no, kst, 'click_recipe' from demo_numbered where shuffle is null;

drop table demo_numbered;

-- In the order of arrival, so that a file reads only its own days.
create or replace temp table demo_events as
select
    *,
    -- A few events arrive one to three days late, in a file of a later day.
    least(31, day(kst) + if({{> one_in of="event_no" salt=18 n=500}}, 1 + hash(event_no, 19) % 3, 0))::integer as arrival_day
from demo_named
order by arrival_day, kst, event_no;

drop table demo_named;

{{> landing_file name="2025-07-01_merged.jsonl" first=1 last=3 compression="none" nested=false}}
{{> landing_file name="2025-07-04_merged.jsonl" first=4 last=6 compression="none" nested=false}}
{{> landing_file name="2025-07-07_merged.jsonl" first=7 last=9 compression="none" nested=false}}
{{> landing_file name="batch_events_20250710.jsonl" first=10 last=12 compression="none" nested=false}}
{{> landing_file name="batch_events_20250713.jsonl" first=13 last=15 compression="none" nested=false}}
{{> landing_file name="batch_events_20250716.jsonl.gz" first=16 last=16 compression="gzip" nested=false}}
{{> landing_file name="batch_events_20250717.jsonl.zst" first=17 last=18 compression="zstd" nested=false}}
{{> landing_file name="streaming_events_20250719.jsonl" first=19 last=21 compression="none" nested=true}}
{{> landing_file name="streaming_events_20250722.jsonl" first=22 last=24 compression="none" nested=true}}
{{> landing_file name="streaming_events_20250725.jsonl" first=25 last=28 compression="none" nested=false}}
{{> landing_file name="streaming_events_20250729.jsonl" first=29 last=31 compression="none" nested=false}}

select event_name, count(*) as events from demo_events group by event_name order by events desc, event_name;
