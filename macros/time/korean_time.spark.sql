from_utc_timestamp({{instant}}, 'Asia/Seoul')
