{{!-- True for one value in `n`, always the same ones. --}}
(hash({{of}}, {{salt}}, {{var "generator_seed"}}) % {{n}} = 0)
