-- What a recommender wants to know about each logged-in user, over 30 days.
--
-- The window ends with the newest day in silver, or with the day in the variable `features_as_of`; never with
-- today, so that the same silver gives the same features whenever it is built again.
with window_end as (
    {{#if (var "features_as_of")}}
    select cast({{sql_literal (var "features_as_of")}} as date) as last_day
    {{else}}
    select max("date") as last_day from {{ref "user_events_silver"}}
    {{/if}}
),

interactions as (
    select
        silver.user_id,
        silver.prop_recipe_id,
        silver.cooking_style
    from {{ref "user_events_silver"}} as silver
    join {{ref "event_names"}} as event_names using (event_name)
    cross join window_end
    where silver.user_id is not null
      and event_names.is_interaction
      and silver."date" > window_end.last_day - 30
      and silver."date" <= window_end.last_day
),

styles as (
    select user_id, cooking_style, count(*) as events
    from interactions
    where cooking_style is not null
    group by 1, 2
),

preferences as (
    select
        user_id,
        -- The name breaks ties, so that a rebuild gives the same list.
        list(cooking_style order by events desc, cooking_style) as preferred_cooking_styles
    from styles
    group by 1
),

totals as (
    select
        user_id,
        count(*) as total_interactions_30d,
        count(distinct prop_recipe_id) as unique_recipes_30d
    from interactions
    group by 1
)

select
    totals.user_id,
    totals.total_interactions_30d,
    totals.unique_recipes_30d,
    coalesce(preferences.preferred_cooking_styles, []) as preferred_cooking_styles
from totals
left join preferences using (user_id)
order by totals.user_id
