-- The landing files with types, nothing dropped.
select
    order_id,
    customer,
    cast(ordered_at as timestamptz) as ordered_at,
    amount,
    _file as data_source
from {{source "landing" "orders"}}
