-- Events that are about a recipe and have lost its id: the page's address names one, or the event's name says
-- that a recipe was viewed. The id comes out of JSON text, the place where a renamed field or a changed type
-- turns into a silent null.
select
    silver.event_id,
    silver.event_name,
    silver.page_url,
    silver.data_source
from {{ref "user_events_silver"}} as silver
left join {{ref "event_names"}} as event_names using (event_name)
where silver.prop_recipe_id is null
  and (event_names.views_recipe or silver.page_url like '%/recipe_detail/%')
