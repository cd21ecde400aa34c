-- The daily figures of the service. People are counted by login where there is one, else by device.
with events as (
    select
        silver.*,
        coalesce(silver.user_id, silver.anonymous_id) as person,
        coalesce(event_names.views_recipe, false) as views_recipe
    from {{ref "user_events_silver"}} as silver
    left join {{ref "event_names"}} as event_names using (event_name)
),

-- The conversion asks, session by session, whether a list led to a recipe; a recipe opened before the first
-- list of the session was found some other way.
sessions as (
    select
        "date",
        session_id,
        min(utc_timestamp) filter (where event_name = 'view_recipe_list') as first_list_view,
        max(utc_timestamp) filter (where views_recipe) as last_recipe_view
    from events
    group by 1, 2
),

conversions as (
    select
        "date",
        count(*) as sessions,
        count(first_list_view) as sessions_with_list_view,
        count(*) filter (where last_recipe_view > first_list_view) as sessions_converted
    from sessions
    group by 1
),

days as (
    select
        "date",
        count(distinct person) as users,
        count(*) as total_events,
        count(*) filter (where event_name = 'search_recipe') as searches,
        count(*) filter (where event_name = 'click_like' and prop_action is distinct from 'remove') as likes,
        count(*) filter (where event_name = 'click_bookmark' and prop_action is distinct from 'remove') as bookmarks,
        count(*) filter (where event_name = 'create_comment') as comments,
        count(*) filter (where event_name = 'view_recipe_list') as list_views,
        count(*) filter (where views_recipe) as recipe_views
    from events
    group by 1
)

select
    days."date",
    days.users,
    conversions.sessions,
    days.total_events,
    round(days.total_events / days.users, 4) as events_per_user,
    days.searches,
    days.likes,
    days.bookmarks,
    days.comments,
    days.list_views,
    days.recipe_views,
    conversions.sessions_with_list_view,
    conversions.sessions_converted,
    -- Null on a day without a list view: there was nothing to convert.
    round(conversions.sessions_converted / nullif(conversions.sessions_with_list_view, 0), 4) as list_to_recipe_conversion
from days
join conversions using ("date")
order by days."date"
