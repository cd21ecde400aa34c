-- "Who looked at this also looked at": for each recipe the ten that were seen in the same sessions most often,
-- relative to how often each of the two is seen at all.
with first_views as (
    select
        silver.session_id,
        silver.prop_recipe_id as recipe_id,
        min(silver.utc_timestamp) as first_seen
    from {{ref "user_events_silver"}} as silver
    join {{ref "event_names"}} as event_names using (event_name)
    where event_names.views_recipe
      and silver.prop_recipe_id is not null
      and silver.session_id is not null
    group by 1, 2
),

-- Pairs grow with the square of a session's recipes. Without the cap one bot session of 10,000 views costs more
-- than all people together, and its pairs mean nothing.
capped as (
    select session_id, recipe_id
    from first_views
    qualify row_number() over (partition by session_id order by first_seen, recipe_id) <= {{var "recipes_per_session"}}
),

recipes as (
    select recipe_id, count(*) as sessions
    from capped
    group by 1
),

pairs as (
    select
        seen.recipe_id,
        other.recipe_id as recommended_recipe_id,
        count(*) as sessions_together
    from capped as seen
    join capped as other using (session_id)
    where seen.recipe_id <> other.recipe_id
    group by 1, 2
),

scored as (
    select
        pairs.recipe_id,
        pairs.recommended_recipe_id,
        pairs.sessions_together,
        -- Cosine similarity: 1 when two recipes are only ever seen together. Rounded, so that the order does
        -- not hang on the last bit of a division.
        round(pairs.sessions_together / sqrt(seen.sessions * other.sessions), 6) as score
    from pairs
    join recipes as seen on seen.recipe_id = pairs.recipe_id
    join recipes as other on other.recipe_id = pairs.recommended_recipe_id
),

ranked as (
    select
        *,
        row_number() over (
            partition by recipe_id
            order by score desc, sessions_together desc, recommended_recipe_id
        ) as rank
    from scored
)

select
    recipe_id,
    cast(rank as integer) as rank,
    recommended_recipe_id,
    sessions_together,
    score
from ranked
where rank <= 10
order by recipe_id, rank
