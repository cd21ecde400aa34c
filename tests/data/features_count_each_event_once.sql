-- Nobody has more interactions in the window than events in all: a join that multiplies rows shows here.
with events as (
    select user_id, count(*) as events
    from {{ref "user_events_silver"}}
    where user_id is not null
    group by 1
)

select
    features.user_id,
    features.total_interactions_30d,
    events.events
from {{ref "ml_features"}} as features
left join events using (user_id)
where features.total_interactions_30d > coalesce(events.events, 0)
