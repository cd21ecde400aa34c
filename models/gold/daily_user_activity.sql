-- Activity for each Korean day and user segment.
--
-- The first draft counted recipes where `event_name = 'view_recipe'` and showed almost none: only one old
-- version of the app sends that event (12 of 1,000,001). A recipe is viewed when it is clicked in a list, so
-- the names that count are data, in `seeds/event_names.csv`, and a new one needs no change here.
--
-- `active_users` are logged-in users: one person on two devices is one. `total_events` counts all events, so
-- that the days add up to silver.
--
-- A later run builds the days again that changed in silver since the last one, by late events too, and leaves the
-- others alone; a changed seed or changed code builds them all.
{{config materialized="incremental" strategy="delete+insert" unique_key="date"}}

select
    events."date",
    coalesce(events.user_segment, 'unknown') as user_segment,
    count(distinct events.user_id) as active_users,
    count(*) as total_events,
    count(distinct events.prop_recipe_id) filter (where event_names.views_recipe) as unique_recipes_viewed
from {{ref "user_events_silver"}} as events
-- A left join: events with a name that the seed does not know yet still count.
left join {{ref "event_names"}} as event_names using (event_name)
where {{changed "user_events_silver" by="date"}}
group by 1, 2
order by 1, 2
