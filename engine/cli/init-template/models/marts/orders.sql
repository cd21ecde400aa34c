-- Takes in the landing files that the table does not hold yet, each exactly once.
{{config materialized="incremental" strategy="append" partition_by="month(ordered_at)"}}

select * from {{ref "stg_orders"}}
