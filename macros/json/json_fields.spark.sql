{{!-- Spark's arrays count from 0; a leading null keeps `[1]` the first path on both engines. --}}
transform(array(null, {{paths}}), path -> get_json_object({{column}}, path))
