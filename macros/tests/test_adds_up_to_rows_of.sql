{{!-- A test of our own, for columns that count: their sum is the number of rows of another model. A join that
      loses or doubles rows on the way shows here.
        - adds_up_to_rows_of: {arguments: {rows_of: user_events_silver}} --}}
select *
from (
    select
        (select sum({{quote column_name}}) from {{model}}) as total,
        (select count(*) from {{ref rows_of}}) as rows_of_model
)
where total is distinct from rows_of_model
