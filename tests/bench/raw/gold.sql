-- The two gold tables over the silver files just written, as somebody would write them by hand.
create temp table event_names as from read_csv('$project/seeds/event_names.csv', header = true);
create temp view silver as from read_parquet('$output/silver/**/*.parquet', hive_partitioning = false);
copy (
  select "date", coalesce(user_segment, 'unknown') as user_segment,
    count(distinct user_id) as active_users, count(*) as total_events,
    count(distinct prop_recipe_id) filter (where views_recipe) as unique_recipes_viewed
  from silver left join event_names using (event_name)
  group by all order by all
) to '$output/daily_user_activity.parquet' (format parquet, compression zstd);
copy (
  with interactions as (
    select user_id, prop_recipe_id, cooking_style
    from silver join event_names using (event_name), (select max("date") as last_day from silver)
    where user_id is not null and is_interaction and "date" > last_day - 30 and "date" <= last_day
  ), preferences as (
    select user_id, list(cooking_style order by events desc, cooking_style) as preferred_cooking_styles
    from (select user_id, cooking_style, count(*) as events from interactions
      where cooking_style is not null group by all)
    group by all
  ), totals as (
    select user_id, count(*) as total_interactions_30d, count(distinct prop_recipe_id) as unique_recipes_30d
    from interactions group by all
  )
  select user_id, total_interactions_30d, unique_recipes_30d,
    coalesce(preferred_cooking_styles, []) as preferred_cooking_styles
  from totals left join preferences using (user_id) order by user_id
) to '$output/ml_features.parquet' (format parquet, compression zstd);
