{{!-- A number in [0, 1) that depends on nothing but its arguments: no `random()`, so that two runs of the
      generator write the same events. `of` is a column, `salt` tells apart several draws for one value. --}}
((hash({{of}}, {{salt}}, {{var "generator_seed"}}) >> 11) / 9007199254740992.0)
