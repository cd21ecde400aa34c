{{!-- One element of a list; an element that stands there twice is picked twice as often. --}}
({{list}})[1 + (hash({{of}}, {{salt}}, {{var "generator_seed"}}) % len({{list}}))::integer]
