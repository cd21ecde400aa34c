{{!-- The values at several paths of a JSON column, as a list of text: `json_fields(...)[1]` is the first.
      One call parses the JSON once; a call for each path would parse it again each time (twice the CPU of
      the whole transformation, measured). --}}
json_extract_string({{column}}, [{{paths}}])
