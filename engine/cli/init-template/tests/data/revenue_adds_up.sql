-- A test is a query for rows that must not be.
select *
from (
    select
        (select sum(amount) from {{ref "orders"}}) as ordered,
        (select sum(revenue) from {{ref "revenue_by_customer"}}) as reported
)
where ordered is distinct from reported
