cast({{text}} as timestamp)
