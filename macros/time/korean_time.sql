{{!-- The wall clock in Korea at an instant, as a timestamp without a zone. Named here and not left to the
      session, because `date`, `year` … `hour` in silver are Korean by contract. --}}
timezone('Asia/Seoul', {{instant}})
