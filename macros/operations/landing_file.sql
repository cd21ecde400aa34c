{{!-- Writes the events that arrived on the days `first` to `last` of July as one file of JSON lines.
      The lines are put together as text and copied as a "CSV" of one unquoted column: JSON text inside JSON
      needs control over every quote, and this is several times as fast as `format json`. --}}
copy (
    with drawn as (
        select
            *,
            strftime(kst, '%Y-%m-%dT%H:%M:%S.%g') as kst_text,
            case
                when event_name in ('click_recipe', 'view_recipe', 'click_like', 'click_bookmark', 'create_comment', 'share_recipe')
                    -- Half of a session's recipes come from the corner of the book that it is interested in,
                    -- the other half from everybody's favourites.
                    then 6800000 + case
                        when {{> one_in of="event_no" salt=21 n=2}} or is_bot
                            then ({{> uniform of="event_no" salt=22}} ** 3 * 20000)::bigint
                        else topic * 40 + ({{> uniform of="event_no" salt=23}} ** 2 * 40)::bigint
                    end
            end as recipe_id
        from demo_events
        join demo_sessions using (session_no)
        where arrival_day between {{first}} and {{last}}
    ),

    described as (
        select
            *,
            case event_name
                when 'view_recipe_list' then 'recipe_list'
                when 'search_recipe' then 'search'
                when 'click_auth_button' then 'login'
                when 'auth_success' then 'login'
                when 'view_page' then {{> pick of="event_no" salt=31 list="['home', 'home', 'recipe_list', 'search', 'my_page', 'event']"}}
                else if(recipe_id is null, 'home', 'recipe_detail')
            end as page_name
        from drawn
    ),

    spelled as (
        select
            *,
            concat(
                '{"page":{"name":"', page_name,
                '","url":"https://www.recipes.example/', page_name, '/' || recipe_id, '?utm_source=', channel, '&device=', device,
                '","path":"/', page_name, '/' || recipe_id,
                '"},"user_segment":"', user_segment,
                '","cooking_style":"', cooking_style,
                '","ab_test":{"scenario":"SEARCH_RANKING_2025_Q3","group":"', ab_test_group,
                '","start_date":"2025-07-01T00:00:00+09:00","end_date":"2025-07-31T23:59:59+09:00"}}'
            ) as context,
            -- `concat` leaves out what is null, and `||` is null when its value is: an event carries only
            -- the properties that it has.
            concat(
                '{"device_type":"', device,
                '","app_version":"5.', app_version, '.2","locale":"ko-KR","referrer":"https://', channel, '.example/"',
                ',"recipe_id":"' || recipe_id || '"',
                if(event_name = 'view_recipe_list', concat(
                    ',"list_type":"', {{> pick of="event_no" salt=41 list="['popular', 'popular', 'new', 'seasonal', 'recommended']"}},
                    '","page_number":', 1 + ({{> uniform of="event_no" salt=42}} ** 3 * 20)::integer,
                    ',"sort_order":"', {{> pick of="event_no" salt=43 list="['score', 'newest', 'likes']"}}, '"'), null),
                if(event_name = 'search_recipe', concat(
                    ',"search_keyword":', to_json({{> pick of="event_no" salt=44 list="['김치찌개', '된장찌개', '불고기', '파스타', '샐러드', '계란말이', '떡볶이', '\"집밥\"', 'tofu', 'chicken & rice']"}}),
                    ',"result_count":', ({{> uniform of="event_no" salt=45}} ** 4 * 900)::integer,
                    ',"filter_category":"', {{> pick of="event_no" salt=46 list="['all', 'all', 'soup', 'side', 'dessert']"}}, '"'), null),
                if(event_name in ('click_like', 'click_bookmark'), concat(
                    ',"action":"', if({{> one_in of="event_no" salt=47 n=7}}, 'remove', 'add'), '"'), null),
                if(event_name in ('click_recipe', 'view_recipe'), concat(
                    ',"position":', 1 + ({{> uniform of="event_no" salt=48}} ** 2 * 40)::integer,
                    ',"duration_ms":', 900 + ({{> uniform of="event_no" salt=49}} ** 3 * 240000)::integer,
                    ',"scroll_depth":', round({{> uniform of="event_no" salt=50}}, 2)), null),
                if(event_name = 'create_comment', concat(
                    ',"comment_id":"c', event_no,
                    '","comment_length":', 2 + ({{> uniform of="event_no" salt=51}} ** 3 * 400)::integer,
                    ',"rating":', 5 - ({{> uniform of="event_no" salt=52}} ** 4 * 5)::integer), null),
                if(event_name = 'view_ads', concat(
                    ',"ad_id":"ad-', hash(event_no, 53) % 400,
                    '","ad_position":"', {{> pick of="event_no" salt=54 list="['top', 'feed', 'feed', 'bottom']"}},
                    '","ad_campaign":"summer-2025"'), null),
                if(event_name in ('click_auth_button', 'auth_success'), concat(
                    ',"auth_method":"oauth","auth_provider":"', {{> pick of="session_no" salt=55 list="['kakao', 'kakao', 'naver', 'google', 'apple']"}}, '"'), null),
                if(event_name = 'share_recipe', ',"share_channel":"kakao_talk"', null),
                '}'
            ) as event_properties
        from described
    )

    select concat(
        '{"event_id":"', md5(concat({{var "generator_seed"}}, '-', event_no))::uuid,
        '","event_name":"', event_name,
        '"', ',"user_id":"U' || user_no || '"',
        ',"anonymous_id":"', md5(concat('device-', device_no))::uuid,
        '","session_id":"', md5(concat('session-', session_no))::uuid,
        '","timestamp":"', case
            when {{> one_in of="event_no" salt=61 n=20}} then strftime(kst - interval 9 hours, '%Y-%m-%dT%H:%M:%S.%gZ')
            when {{> one_in of="event_no" salt=62 n=100}} then kst_text
            else concat(kst_text, '+09:00')
        end,
        '","date":"', kst_text[1:10],
        '","context":', {{#if nested}}context{{else}}'"', replace(context, '"', '\"'), '"'{{/if}},
        ',"event_properties":', {{#if nested}}event_properties{{else}}'"', replace(replace(event_properties, '\', '\\'), '"', '\"'), '"'{{/if}},
        '}')
    from spelled
) to {{sql_literal (concat target.landing "/events/" name)}}
(format csv, header false, quote '', escape '', delimiter '\x01', compression {{compression}}, use_tmp_file true);
