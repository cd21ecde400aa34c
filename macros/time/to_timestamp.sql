{{!-- ISO 8601 text to an instant. Text without an offset is in the time zone of the session, which is
      `timezone` in `lake.yml`. --}}
cast({{text}} as timestamptz)
